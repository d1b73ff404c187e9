"""The transport of the page "write a transport" passes the suite that ships with the library."""

from __future__ import annotations

from test_folder_transport import TestFolder

__all__ = ["TestFolder"]
