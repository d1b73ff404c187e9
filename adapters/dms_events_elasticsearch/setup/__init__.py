"""Set up a server: its templates, and the indices that exist."""

from .install import install
from .server import Server

__all__ = ["Server", "install"]
