"""A server that answers as Kibana's saved objects API does, with what it was sent."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.kit.servers.listening import listening

__all__ = ["Asked", "ScriptedKibana", "scripted_kibana"]

Json = dict[str, Any]
Answer = tuple[int, bytes | Json]


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class ScriptedKibana:
    """The objects of one space, and what was asked; ``script`` may answer in Kibana's place."""

    url: str = ""
    space: str = ""
    version: str = "9.2.0"
    objects: dict[tuple[str, str], Json] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    script: Callable[[Asked], Answer | None] = lambda asked: None
    tls: ssl.SSLContext | None = None

    def answer(self, asked: Asked) -> Answer:
        """The status and the body of the answer to a request."""
        self.asked.append(asked)
        if (scripted := self.script(asked)) is not None:
            return scripted
        before = f"/s/{self.space}" if self.space else ""
        match asked.method, asked.path.removeprefix(before):
            case "GET", "/api/status":
                level = {"overall": {"level": "available"}}
                return 200, {"version": {"number": self.version}, "status": level}
            case "POST", "/api/saved_objects/_import?overwrite=true":
                return self._import(asked)
            case "POST", "/api/saved_objects/_export":
                return self._export(json.loads(asked.body)["objects"])
        return 404, {"statusCode": 404, "error": "Not Found", "message": "Not Found"}

    def _import(self, asked: Asked) -> Answer:
        if "kbn-xsrf" not in asked.headers:
            return 400, {"statusCode": 400, "message": "Request must contain a kbn-xsrf header."}
        lines = [json.loads(line) for line in _file_in(asked).splitlines()]
        self.objects.update({(one["type"], one["id"]): one for one in lines})
        return 200, {"success": True, "successCount": len(lines), "warnings": []}

    def _export(self, wanted: list[Json]) -> Answer:
        keys = [(one["type"], one["id"]) for one in wanted]
        if missing := [key for key in keys if key not in self.objects]:
            errors = [
                {"type": type_, "id": id_, "error": {"statusCode": 404, "error": "Not Found"}}
                for type_, id_ in missing
            ]
            attributes = {"objects": errors}
            return 400, {"message": "Error fetching objects to export", "attributes": attributes}
        lines = [json.dumps(self.objects[key]) for key in keys]
        return 200, "\n".join(lines).encode()


@asynccontextmanager
async def scripted_kibana(**about: Any) -> AsyncIterator[ScriptedKibana]:
    """A scripted Kibana on a port of its own."""
    kibana = ScriptedKibana(**about)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if kibana.tls:
                await writer.start_tls(kibana.tls)
            while True:
                asked = await _request(reader)
                status, said = await asyncio.to_thread(kibana.answer, asked)
                data = said if isinstance(said, bytes) else json.dumps(said).encode()
                head = f"HTTP/1.1 {status} x\r\nContent-Length: {len(data)}\r\n\r\n"
                writer.write(head.encode() + data)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass

    async with listening(serve) as port:
        scheme = "https" if kibana.tls else "http"
        kibana.url = f"{scheme}://127.0.0.1:{port}"
        yield kibana


async def _request(reader: asyncio.StreamReader) -> Asked:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {}
    for line in lines:
        name, _, value = line.partition(": ")
        headers[name.lower()] = value
    if headers.get("transfer-encoding") != "chunked":
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        return Asked(method, path, headers, body)
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readline()
    return Asked(method, path, headers, body)


def _file_in(asked: Asked) -> bytes:
    """The one file of a form."""
    boundary = asked.headers["content-type"].partition("boundary=")[2].encode()
    part = asked.body.split(b"--" + boundary)[1]
    return part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
