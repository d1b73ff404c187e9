"""Tests that come with the library, to be run on code that others write for it.

`dms_events.testing.transport_contract` tests a transport. It needs the extra ``testing``.
"""
