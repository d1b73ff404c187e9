"""The folder for the state of a node that outlives its process."""

from __future__ import annotations

import fcntl
import logging
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from dms_events.errors import ConfigError

__all__ = ["StateDir"]

_log = logging.getLogger("dms_events")
_LOCK = "lock"


class StateDir:
    """A folder of small files, used by one node at a time. A missing folder is made, for its owner only.

    Raises:
        ConfigError: the folder cannot be made or written, or another node uses it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ConfigError("state_dir", f"{path}: {error.strerror}") from error
        try:
            # The system releases the lock when the process ends, however it ends.
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            reason = f"{path}: {error.strerror}"
            if isinstance(error, BlockingIOError):
                holder = os.read(self._lock, 20).decode(errors="replace")
                reason = f"{path} is in use by the node of process {holder}; give each node its own"
            os.close(self._lock)
            raise ConfigError("state_dir", reason) from error
        os.ftruncate(self._lock, 0)
        os.write(self._lock, str(os.getpid()).encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.close(self._lock)

    def read(self, name: str) -> bytes:
        """Return the bytes of a file. Empty if it is missing, or cannot be read, which is logged."""
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            _log.warning("%s cannot be read, and is started empty: %s", self.path / name, error)
            return b""

    def write(self, name: str, data: bytes) -> None:
        """Replace a file, whole or not at all. Only its owner can read it (mode 0600).

        Raises:
            OSError: the file cannot be written. The old file is still there.
        """
        draft = self.path / f"{name}.new"
        draft.unlink(missing_ok=True)  # left by a process that was killed
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        os.replace(draft, self.path / name)
