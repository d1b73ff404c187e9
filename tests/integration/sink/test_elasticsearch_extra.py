"""Unknown keys are no reason for Elasticsearch to refuse a document, and can be searched."""

from __future__ import annotations

from dms_events import codec
from dms_events.sink import Document, Verdict, document_of
from dms_events.types.elk_stats import ServiceRemove
from tests.kit.servers.elasticsearch import call

from .test_elasticsearch import Message, opened

HOSTILE = [
    '"":{"":{"":1}}',
    '".":1,"a.b":{"c":2},"a":{"b.c":3},"a..b":4," ":5',
    r'"a\u0000b":1,"a\u0000":{"\u0000":"\u0000"}',
    f'"deep":{"[" * 3000}1{"]" * 3000}',
    '"deep":' + '{"a":' * 3000 + "1" + "}" * 3000,
    f'"number":{"9" * 5000},"more":1e999999,"less":-0',
    f'"long":"{"x" * 12_000}"',
    f'"{"k" * 12_000}":1',
    f'"{"k" * 7_000}":{{"{"k" * 7_000}":"v"}}',
    ",".join(f'"k{n}":{{"a":"{n}"}}' for n in range(3000)),
    r'"lone":"\ud800"',
    '"dms":{"type":1},"@timestamp":2,"event":[3]',
]


def document(number: int, members: str) -> Document:
    data = f'{{"ServiceID":"s","Timestamp":1,{members}}}'.encode()
    event = codec.decode(data, ServiceRemove)
    return document_of(Message(event, str(number), data=data, canonical=False))


async def test_no_unknown_key_costs_a_document(empty_elasticsearch_url: str) -> None:
    batch = [document(number, members) for number, members in enumerate(HOSTILE)]
    async with opened(empty_elasticsearch_url) as sink:
        judged = await sink.write(batch)
    assert [one for one in judged if one.verdict is not Verdict.STORED] == []


async def test_an_unknown_key_is_found_by_its_value(empty_elasticsearch_url: str) -> None:
    async with opened(empty_elasticsearch_url) as sink:
        await sink.write([document(1, '"Region":"eu"'), document(2, '"GPU":{"Units":2}')])
        await sink.count()
    for query, id in (({"dms.extra.Region": "eu"}, "1"), ({"dms.extra.GPU.Units": "2"}, "2")):
        url = f"{empty_elasticsearch_url}/dms-*/_search"
        found = call(url, "POST", {"query": {"term": query}})["hits"]["hits"]
        assert [hit["_id"] for hit in found] == [id]
