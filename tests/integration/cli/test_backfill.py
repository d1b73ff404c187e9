"""`record` and `sink backfill`: from a stream into files, and from store to store, each event once."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from glob import glob
from pathlib import Path
from signal import SIGTERM

import msgspec
import pytest

import dms_events
from dms_events.sink import Document
from dms_events_file import FileSink
from dms_events_nats import NatsServer
from tests.kit.programs.processes import CLI, run, running, until
from tests.kit.servers.elasticsearch import call, counted
from tests.kit.storing import count_in, ids_in, ids_of, prepared, query, tally_in

TIME = datetime(2026, 11, 20, tzinfo=UTC)


async def stored(url: str, database: Path, count: int) -> list[dms_events.OutgoingMessage]:
    """Calls in a SQLite file, by way of a stream."""
    async with dms_events.connect(url) as bus:
        published = prepared(bus, count)
        await bus.publish_many(published)
    done = await run(*CLI, "sink", "run", "--from", url, "--to", f"sqlite:{database}", "--once")
    assert done.code == 0, done
    return published


def document(id: str) -> Document:
    body = b'{"event":{"id":"%b"}}' % id.encode()
    return Document(id=id, type_name="a.B", time=TIME, index="i", body=body)


def documents_of(database: Path) -> list[tuple[str, str]]:
    return sorted(query(database, "SELECT id, body FROM documents"))


async def test_a_recording_holds_each_event_and_fills_a_store_with_the_same_documents(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    direct, recording, filled = (tmp_path / name for name in ("d.db", "e.jsonl", "f.db"))
    published = await stored(nats_server.url, direct, 3_000)
    rotated = ("--rotate-bytes", "500000", "--once")
    done = await run(*CLI, "record", recording, "--from", nats_server.url, *rotated)
    assert (done.code, done.out) == (0, "3,000 stored\n")
    assert len(glob(str(tmp_path / "e-*.jsonl"))) >= 2
    words = ("sink", "backfill", "--from", f"file:{recording}", "--to", f"sqlite:{filled}")
    done = await run(*CLI, *words, "--json")
    assert (done.code, tally_in(done.out).stored) == (0, 3_000)
    assert ids_in(filled) == ids_of(published)

    def plain(body: str) -> dict[str, object]:
        found = json.loads(body)
        del found["event"]["ingested"]
        return found  # type: ignore[no-any-return]

    assert [(i, plain(b)) for i, b in documents_of(filled)] == [
        (i, plain(b)) for i, b in documents_of(direct)
    ]
    done = await run(*CLI, *words, "--json")
    assert (done.code, tally_in(done.out).duplicates) == (0, 3_000)


async def test_a_backfill_that_is_killed_is_begun_again_and_stores_each_document_once(
    nats_server: NatsServer, empty_elasticsearch_url: str, tmp_path: Path
) -> None:
    url, database = empty_elasticsearch_url, tmp_path / "events.db"
    count = 3_000
    published = await stored(nats_server.url, database, count)
    words = ("sink", "backfill", "--from", f"sqlite:{database}", "--to", url, "--json")

    def there() -> Counter[str]:
        call(f"{url}/dms-*/_refresh?ignore_unavailable=true", "POST")
        query = {"size": 10_000, "_source": ["event.id"]}
        hits = call(f"{url}/dms-*/_search?ignore_unavailable=true", "POST", query)["hits"]["hits"]
        return Counter(hit["_source"]["event"]["id"] for hit in hits)

    async with running(*CLI, *words, "--batch", "1", "--writes", "1") as backfill:
        await until(lambda: counted(url) > 10, "documents arrive", by=backfill)
        await backfill.kill()
    done = await run(*CLI, *words)
    tally = tally_in(done.out)
    assert done.code == 0, done
    assert tally.stored + tally.duplicates == count
    assert tally.stored, "it was killed in the middle"
    assert tally.duplicates > 10
    assert there() == Counter(ids_of(published))


async def test_a_signal_ends_a_backfill_which_says_that_it_is_not_complete(tmp_path: Path) -> None:
    source, target, count = tmp_path / "events.db", tmp_path / "copy.db", 20_000
    async with dms_events.sink_for(f"sqlite:{source}") as sink:
        await sink.write([document(str(n)) for n in range(count)])
    words = ("sink", "backfill", "--from", f"sqlite:{source}", "--to", f"sqlite:{target}")
    async with running(*CLI, *words, "--batch", "1", "--writes", "1") as backfill:
        await until(lambda: count_in(target) > 0, "documents arrive", by=backfill)
        backfill.send(SIGTERM)
        done = await backfill.finish(20)
    assert done.code == 1
    assert done.err == "not all documents are carried: run the command again\n"
    assert 0 < count_in(target) < count
    done = await run(*CLI, *words)
    assert done.code == 0
    assert ids_in(target) == ids_in(source)


async def test_refused_documents_are_in_a_file_and_the_exit_code(tmp_path: Path) -> None:
    source, refused, target = (tmp_path / name for name in ("s.jsonl", "r.jsonl", "t.db"))
    good = document("a")
    bad = msgspec.structs.replace(good, id="b", body=b'{"event":"\xff"}')
    async with dms_events.sink_for(f"file:{source}") as sink:
        await sink.write([good, bad])
    words = ("sink", "backfill", "--from", f"file:{source}", "--to", f"sqlite:{target}")
    done = await run(*CLI, *words, "--rejected", refused)
    assert (done.code, count_in(target)) == (1, 1)
    assert "1 documents were refused" in done.err
    assert [one.id for one in FileSink(f"file:{refused}").documents()] == ["b"]
    done = await run(*CLI, *words, "--rejected", refused)
    assert done.err == f"dms-events: --rejected: {refused} exists; name a new file\n"


async def test_a_store_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    words = ("sink", "backfill", "--from", "http://127.0.0.1:1", "--to", f"sqlite:{tmp_path / 'a'}")
    done = await run(*CLI, *words)
    assert (done.code, done.err) == (
        1,
        "dms-events: --from: no documents can be read from http:\n",
    )
    words = ("sink", "backfill", "--from", f"sqlite:{tmp_path / 'none'}", "--to", "file:x")
    done = await run(*CLI, *words, cwd=tmp_path)
    assert done.code == 1
    assert "none: cannot be read: unable to open database file" in done.err


@pytest.mark.parametrize("scheme", ["file", "sqlite"])
async def test_a_store_is_not_carried_into_itself(tmp_path: Path, scheme: str) -> None:
    store = tmp_path / "events"
    store.touch()
    (tmp_path / "link").symlink_to(store)
    words = ("--from", f"{scheme}:{store}", "--to", f"{scheme}://{tmp_path}/link")
    done = await run(*CLI, "sink", "backfill", *words)
    assert (done.code, done.err) == (
        1,
        "dms-events: --to: it is the store that is read; name another one\n",
    )
    assert store.stat().st_size == 0
