"""``dms-events explain``, as a shell runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dms_events.envelope import Encoding, Envelope, encode_envelope
from tests.kit.programs.command import answer, complaint, dms

CANONICAL = '{"ServiceID":"a","Timestamp":1.5}'
ODD = '{"serviceid":"a","Timestamp":16777217,"\\u001b[2J":1}'
SECRET = '{"token":"SECRET","peer_id":null}'


async def test_it_says_how_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "odd.json"
    file.write_text(ODD)
    out = await answer("explain", "ServiceRemove", file)
    assert out.splitlines() == [
        f"elk_stats.ServiceRemove, {len(ODD)} bytes: read by the Go decoder",
        "the fast path says: Object contains unknown field `serviceid`",
        "",
        "rule                 where      effect",
        "key in another case  serviceid  read as ServiceID",
        "unknown key          \\x1b[2J    left out",
        "",
        "Go differs  where      effect",
        "float32     Timestamp  16777217.0 is 16777216 where Go writes it",
        "",
        "strict  refuses it: serviceid: unknown key",
        "Go      reads the same, except for the differences above",
        'value   {"ServiceID":"a","Timestamp":16777217.0}',
    ]


async def test_it_says_of_a_canonical_document_that_nothing_was_needed() -> None:
    for words in (("elk_stats.ServiceRemove",), ("ServiceRemove", "-")):
        out = await answer("explain", *words, stdin=CANONICAL)
        assert out.splitlines() == [
            f"elk_stats.ServiceRemove, {len(CANONICAL)} bytes: read by the fast path",
            "",
            "strict  reads it too",
            "Go      reads the same",
            f"value   {CANONICAL}",
        ]


async def test_a_document_that_is_refused_ends_it_with_its_error() -> None:
    done = await dms("explain", "ServiceRemove", stdin='{"timestamp":"x"}')
    assert done.code == 1
    assert done.err == (
        "dms-events: elk_stats.ServiceRemove: Timestamp: expected float32, got string\n"
    )
    assert "refused by the Go decoder" in done.out
    assert "Go      refuses it too: Timestamp: expected float32, got string" in done.out
    assert "value" not in done.out


async def test_it_shows_what_go_reads_where_that_is_another_value() -> None:
    text = '{"params":{"image_id":"a"},"params":{"model_url":"b"}}'
    out = await answer("explain", "DeploymentRequest", stdin=text)
    go, value = out.splitlines()[-2:]
    assert '"image_id":"a"' in go
    assert '"image_id":""' in value
    done = await dms("explain", "BaseDBModel", stdin='{"CreatedAt":"0000-01-01T00:00:00Z"}')
    assert done.code == 1
    assert "Go      accepts the part that is refused here; the rest was not checked" in done.out


async def test_a_secret_is_shown_only_where_that_is_asked_for() -> None:
    for words in ((), ("--json",)):
        out = await answer("explain", "LogBinAuth", *words, stdin=SECRET)
        assert "SECRET" not in out
        assert "*** (its type holds a secret; --reveal shows it)" in out
        assert "SECRET" in await answer("explain", "LogBinAuth", "--reveal", *words, stdin=SECRET)


async def test_json_holds_everything() -> None:
    told = json.loads(await answer("explain", "ServiceRemove", "--json", stdin=ODD))
    value = {"ServiceID": "a", "Timestamp": 16777217.0}
    assert told == {
        "envelope": None,
        "type": "elk_stats.ServiceRemove",
        "size": len(ODD),
        "fast_path_says": "Object contains unknown field `serviceid`",
        "rules": [
            {"rule": "key in another case", "where": "serviceid", "effect": "read as ServiceID"},
            {"rule": "unknown key", "where": "\x1b[2J", "effect": "left out"},
        ],
        "value": value,
        "error": None,
        "strict_error": {"path": "serviceid", "reason": "unknown key"},
        "go_value": value,
        "go_error": "",
        "differences": [
            {
                "rule": "float32",
                "where": "Timestamp",
                "effect": "16777217.0 is 16777216 where Go writes it",
            }
        ],
    }
    done = await dms("explain", "ServiceRemove", "--json", stdin="{")
    assert (done.code, json.loads(done.out)["value"]) == (1, None)
    assert json.loads(done.out)["error"]["reason"] in done.err


async def test_a_value_that_cannot_be_written_again_is_told() -> None:
    deep = f'{{"type":"","params":{{"k":{"[" * 2_000}{"]" * 2_000}}}}}'
    out = await answer("explain", "spec_config.SpecConfig", stdin=deep)
    assert "value   cannot be written again: is nested too deep" in out
    told = json.loads(await answer("explain", "spec_config.SpecConfig", "--json", stdin=deep))
    assert "cannot be written again" in told["value"]


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
async def test_an_envelope_of_the_type_is_opened(tmp_path: Path, encoding: Encoding) -> None:
    envelope = Envelope(type="ServiceRemove", data=CANONICAL.encode(), id="x-1", source="\x1b[1m")
    file = tmp_path / "envelope"
    file.write_bytes(encode_envelope(envelope, encoding))
    out = (await answer("explain", "ServiceRemove", file)).splitlines()
    assert out[0] == f"an envelope of {file.stat().st_size} bytes, id x-1, source \\x1b[1m"
    assert out[1].endswith(f"{len(CANONICAL)} bytes: read by the fast path")
    told = json.loads(await answer("explain", "ServiceRemove", "--json", file))
    assert told["envelope"] == {"id": "x-1", "source": "\x1b[1m", "time": ""}
    if encoding == "json":
        itself = await answer("explain", "MessageEnvelope", file)
        assert "network_config.MessageEnvelope" in itself
    else:
        line = await complaint("explain", "MessageEnvelope", file)
        assert "is an envelope of elk_stats.ServiceRemove, not of network_config" in line


async def test_a_rule_that_is_needed_often_is_counted() -> None:
    text = "{" + ",".join(f'"x{n}":1' for n in range(1_500)) + "}"
    lines = (await answer("explain", "ServiceRemove", stdin=text)).splitlines()
    assert sum(line.startswith("unknown key") for line in lines) == 21
    assert "unknown key  1,480 more" in [line.rstrip() for line in lines]
    told = json.loads(await answer("explain", "ServiceRemove", "--json", stdin=text))
    assert len(told["rules"]) == 1_502


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("explain", "NoSuch"), "unknown type 'NoSuch'"),
        (("explain", "ServiceCall", "/no/such/file"), "/no/such/file: No such file"),
        (("explain", "ServiceCall", "/tmp"), "/tmp: Is a directory"),
    ],
)
async def test_what_cannot_be_explained_is_one_line(words: tuple[str, ...], says: str) -> None:
    assert says in await complaint(*words)
