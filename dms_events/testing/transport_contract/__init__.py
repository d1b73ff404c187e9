"""The contract suite: the tests that every transport passes, ours and yours.

Write a `TransportHarness` for your transport, and a class of tests::

    from dms_events.testing.transport_contract import TransportContract, TransportHarness

    class FolderHarness(TransportHarness):
        def __init__(self, folder):
            self.folder = folder

        def transport(self, **options):
            return FolderTransport(f"folder:{self.folder}", **options)

    class TestFolder(TransportContract):
        @pytest.fixture
        def harness(self, tmp_path):
            return FolderHarness(tmp_path)

pytest then runs the whole suite on it. The transport's own `Guarantees` say which promises are tested;
the tests of the others are skipped, each with the reason. A test that fails says which promise is broken,
and how to mend it. `TransportContract` is `EventsContract` and `RequestsContract` together.
"""

from __future__ import annotations

from pkgutil import iter_modules

from ...errors import ExtraNotInstalledError

try:
    import pytest
    import pytest_asyncio  # noqa: F401
except ImportError as error:
    raise ExtraNotInstalledError("testing", "the contract suite") from error

# so that a failed assert shows its values
pytest.register_assert_rewrite(*(f"{__name__}.{module.name}" for module in iter_modules(__path__)))

from .harness import TransportHarness  # noqa: E402 - after the line above
from .suite import EventsContract, RequestsContract, TransportContract  # noqa: E402

__all__ = ["EventsContract", "RequestsContract", "TransportContract", "TransportHarness"]
