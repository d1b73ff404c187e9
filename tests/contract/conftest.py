"""Every contract test runs on each transport that promises what the test is about."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from itertools import count
from pathlib import Path
from typing import get_args

import pytest
import pytest_asyncio

from dms_events import Bus
from dms_events_nats import NatsServer
from tests.kit.extras import require_libp2p

from .places import KINDS, LIBP2P, PROMISES, Kind, Place

_roots = count()
PlaceFor = Callable[[Kind], Place]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "promised(name, …): runs on transports whose guarantees say so"
    )
    config.addinivalue_line("markers", "only(kind, …): runs on these transports")
    config.addinivalue_line(
        "markers", "direct: about a publisher and a reader with no other nodes between them"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "kind" not in metafunc.fixturenames:
        return
    only = metafunc.definition.get_closest_marker("only")
    direct = metafunc.definition.get_closest_marker("direct")
    promises = [
        name for marker in metafunc.definition.iter_markers("promised") for name in marker.args
    ]
    kinds = [
        kind
        for kind in (only.args if only else KINDS)
        if all(getattr(PROMISES[kind], name) for name in promises)
        and not (direct and LIBP2P.get(kind))
    ]
    assert set(kinds) <= set(get_args(Kind))
    metafunc.parametrize("kind", kinds)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[NatsServer]:
    """One server for the whole suite; each test has a root of its own."""
    async with NatsServer(tmp_path_factory.mktemp("contract") / "nats") as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def narrow_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[NatsServer]:
    """A server that takes at most 64 KiB."""
    store: Path = tmp_path_factory.mktemp("contract-narrow") / "nats"
    async with NatsServer(store, config="max_payload: 65536") as server:
        yield server


@pytest.fixture
def place_for(shared_server: NatsServer) -> PlaceFor:
    """Makes places where nothing is published yet."""

    def make(kind: Kind) -> Place:
        if kind in LIBP2P:
            require_libp2p()
        return Place(kind, shared_server.url, f"t{next(_roots)}")

    return make


@pytest.fixture
def place(kind: Kind, place_for: PlaceFor) -> Place:
    """A transport with nothing published on it yet."""
    return place_for(kind)


@pytest.fixture
def narrow(kind: Kind, narrow_server: NatsServer) -> Place:
    """The same on the server that takes at most 64 KiB."""
    return Place(kind, narrow_server.url, f"t{next(_roots)}")


@pytest_asyncio.fixture
async def bus(place: Place) -> AsyncIterator[Bus]:
    """An open bus; as long as it is, others at the same place reach it."""
    async with place.connect(source="node-1") as bus:
        yield bus
