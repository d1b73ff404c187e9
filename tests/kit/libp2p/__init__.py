"""Helpers for the tests of libp2p; they need the extra."""
