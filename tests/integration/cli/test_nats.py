"""``dms-events nats setup``, as a shell runs it."""

from __future__ import annotations

from pathlib import Path

import dms_events
from dms_events.types.elk_stats import ServiceCall
from dms_events_nats import NatsServer
from tests.kit.programs.command import answer, complaint, dms
from tests.kit.servers.operator import at

DECLARED = """
[events]
max_bytes = 1_000_000
partitions = 4

[durables.billing]
types = ["ServiceCall"]
ack_wait_s = 30
"""
FINE = "everything is as declared\n"
NOT_KNOWN = (
    "sync_interval: not known (--monitoring-url http://HOST:8222 asks the server); by default a power "
    "cut may lose acknowledged events\n"
)


def table(text: str) -> list[list[str]]:
    """The lines of a table, cell by cell, without its header."""
    header, *rows = (line.split() for line in text.splitlines())
    assert header == ["what", "setting", "declared", "on", "the", "server"]
    return rows


async def test_setup_makes_updates_and_leaves(nats_server: NatsServer, tmp_path: Path) -> None:
    file = tmp_path / "dms.toml"
    file.write_text(DECLARED)
    words = ("nats", "setup", file, "--url", nats_server.url)

    missing = await dms(*words, "--check")
    assert (missing.code, missing.err) == (1, "")
    names = (("stream", "DMS_EVENTS"), ("stream", "DMS_DEAD"), ("durable", "billing"))
    assert missing.out.endswith(NOT_KNOWN)
    assert table(missing.out.removesuffix(NOT_KNOWN)) == [[*name, "missing"] for name in names]
    assert table(await answer(*words)) == [[*name, "made"] for name in names]
    assert await answer(*words) == FINE
    assert await answer(*words, "--check") == FINE + NOT_KNOWN

    async with at(nats_server.url) as operator:
        await operator.change_stream(max_bytes=3_000_000)
        file.write_text(DECLARED.replace("= 30", "= 45").replace("= 4\n", "= 8\n"))
        events, billing = ["stream", "DMS_EVENTS"], ["durable", "billing"]
        drift = await dms(*words, "--check")
        assert drift.code == 1
        *rows, hint, _ = drift.out.splitlines()
        assert table("\n".join(rows)) == [
            [*events, "max_bytes", "1000000", "3000000", "changed", "on", "the", "server"],
            [*events, "partitions", "8", "4", "declared", "anew"],
            [*billing, "ack_wait_s", "45", "30", "declared", "anew"],
        ]
        assert "--overwrite" in hint
        done = await answer(*words)
        assert table(done)[:3] == [
            [*events, "max_bytes", "1000000", "3000000", "changed", "on", "the", "server"],
            [*events, "partitions", "8", "4", "updated"],
            [*billing, "ack_wait_s", "45", "30", "updated"],
        ]
        assert done.splitlines()[-1] == hint
        assert (await operator.stream())["max_bytes"] == 3_000_000
        assert table(await answer(*words, "--overwrite")) == [
            [*events, "max_bytes", "1000000", "3000000", "overwritten"]
        ]
        assert (await operator.stream())["max_bytes"] == 1_000_000
    assert await answer(*words, "--check") == FINE + NOT_KNOWN


async def test_options_go_before_the_file(nats_server: NatsServer, tmp_path: Path) -> None:
    file = tmp_path / "dms.toml"
    file.write_text('root = "north"\n' + DECLARED)
    url = ("--url", nats_server.url)
    options = ("--storage", "memory", "--replicas", 1, "--duplicate-window", 30)
    limits = ("--max-messages", 500, "--max-bytes", 70_000, "--max-age", 3600, "--partitions", 2)
    await answer("nats", "setup", file, *url, *options, *limits)
    await answer("nats", "setup", *url, "--root", "south", *options)
    async with at(nats_server.url) as operator:
        both = {"storage": "memory", "num_replicas": 1, "duplicate_window": 30 * 10**9}
        north = await operator.stream("NORTH_EVENTS")
        limited = {"max_msgs": 500, "max_bytes": 70_000, "max_age": 3600 * 10**9}
        assert north.items() >= (both | limited).items()
        assert "partition(2,3)" in north["subject_transform"]["dest"]
        south = await operator.stream("SOUTH_EVENTS")
        unlimited = {"max_msgs": -1, "max_bytes": -1, "max_age": 0}
        assert south.items() >= (both | unlimited).items()
        assert "subject_transform" not in south
        for root in ("NORTH", "SOUTH"):
            assert (await operator.stream(f"{root}_DEAD")).items() >= (both | unlimited).items()


async def test_what_is_refused_has_its_cure_and_a_code(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    file = tmp_path / "dms.toml"
    file.write_text(DECLARED.replace('"ServiceCall"', '"ServiceCall", "NtxPayment"'))
    async with dms_events.connect(nats_server.url) as bus:
        async with bus.subscribe(ServiceCall, durable="billing"):
            pass
        for more in ((), ("--check",), ("--overwrite",)):
            done = await dms("nats", "setup", file, "--url", nats_server.url, *more)
            assert (done.code, done.err) == (1, "")
            assert "refused" in done.out
            assert "Give what is new a durable of its own beside it" in done.out
        async with bus.subscribe(ServiceCall, durable="billing"):
            pass


async def test_errors_are_one_line(nats_server: NatsServer, tmp_path: Path) -> None:
    file = tmp_path / "dms.toml"
    file.write_text("[events]\nreplicas = 'three'")
    url = ("--url", nats_server.url)
    assert f"{file}: events.replicas: Expected `int`" in await complaint(
        "nats", "setup", file, *url
    )
    line = await complaint("nats", "setup", "--replicas", 3, *url)
    assert "events.replicas: stream DMS_EVENTS: replicas > 1 not supported" in line
    assert "events.replicas: Expected" in await complaint("nats", "setup", "--replicas", 9, *url)
    assert "No such file" in await complaint("nats", "setup", tmp_path / "none.toml", *url)
    assert "no NATS server" in await complaint("nats", "setup", "--url", "nats://127.0.0.1:1")
    assert "url: is not the address of a NATS server" in await complaint(
        "nats", "setup", "--url", "memory://"
    )
