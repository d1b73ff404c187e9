"""What all classes of the suite have: a harness, an open bus, and a look at the suite itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, ClassVar

import pytest
import pytest_asyncio

from ...bus import Bus
from . import events
from .harness import TransportHarness
from .promises import needs_of, promise, why_not

__all__ = ["Contract"]

_SUITE = __name__.rpartition(".")[0]


class Contract:
    """Tests of a transport. A subclass outside of this package is run by pytest, however it is called."""

    __test__: ClassVar[bool] = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.__test__ = not cls.__module__.startswith(_SUITE)

    @pytest.fixture
    def harness(self) -> TransportHarness:
        """The harness of the transport under test. Each class of tests defines this fixture."""
        name = type(self).__name__
        pytest.fail(
            f"{name} has no harness: define a fixture `harness` in it that returns your "
            "TransportHarness, at a fresh place for each test",
            pytrace=False,
        )

    @pytest.fixture(autouse=True)
    def _only_what_is_promised(
        self,
        request: pytest.FixtureRequest,
        harness: TransportHarness,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(events, "PATIENCE_S", harness.patience_s)
        if reason := why_not(request.function, harness):
            pytest.skip(reason)

    @pytest_asyncio.fixture(loop_scope="function")
    async def bus(self, harness: TransportHarness) -> AsyncIterator[Bus]:
        """An open bus with the source ``node-1``; as long as it is open, others here reach it."""
        async with harness.connect(source="node-1") as bus:
            yield bus

    @promise()
    async def test_the_suite_is_run_as_it_was_shipped(self, harness: TransportHarness) -> None:
        """No test of the suite is replaced, and each promise that is made is tested.

        To mend it: give back their names to the tests that your class replaces, and name in
        `TransportHarness.unfit` only tests of the suite, so that some tests of each promise are left.
        """
        shipped = dict(_shipped(type(self)))
        replaced = [name for name, test in shipped.items() if getattr(type(self), name) is not test]
        assert replaced == [], "your class replaces these tests"
        unknown = [name for name in harness.unfit if name not in shipped]
        assert unknown == [], "`unfit` names no tests of the suite"
        made = {n for test in shipped.values() for n in needs_of(test) if n.holds(harness)}
        run = [test for test in shipped.values() if not why_not(test, harness)]
        tested = {need for test in run for need in needs_of(test)}
        assert [n.reason for n in made - tested] == [], "no test of these is left"
        assert len(run) > 10, "nearly no test is left"


def _shipped(cls: type) -> Iterator[tuple[str, object]]:
    for base in reversed(cls.__mro__):
        if base.__module__.startswith(_SUITE):
            yield from ((n, test) for n, test in vars(base).items() if n.startswith("test_"))
