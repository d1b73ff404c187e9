from pathlib import Path
from typing import Any

import pytest

from dms_events.testing.transport_contract import EventsContract, TransportHarness
from folder_transport import FolderTransport


class FolderHarness(TransportHarness):
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def transport(self, **options: Any) -> FolderTransport:
        return FolderTransport(f"folder:{self.folder}", **options)

    def room(
        self, *, messages: int | None = None, size: int | None = None
    ) -> dict[str, Any] | None:
        return {"max_messages": messages} if messages else None


class TestFolder(EventsContract):
    @pytest.fixture
    def harness(self, tmp_path: Path) -> FolderHarness:
        return FolderHarness(tmp_path)
