"""A small DNS server on the loopback address, which has TXT records only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import dns.message
import dns.rcode
import dns.resolver
import dns.rrset

__all__ = ["TxtServer"]


class TxtServer(asyncio.DatagramProtocol):
    """``records`` has the texts by name, and may change; for a name in ``silent`` no answer comes."""

    transport: asyncio.DatagramTransport
    port: int

    def __init__(self, records: Mapping[str, Sequence[str]]) -> None:
        self.records = dict(records)
        self.silent: set[str] = set()
        self.asked: list[str] = []

    @classmethod
    @asynccontextmanager
    async def run(cls, records: Mapping[str, Sequence[str]]) -> AsyncIterator[TxtServer]:
        loop = asyncio.get_running_loop()
        transport, server = await loop.create_datagram_endpoint(
            lambda: cls(records), local_addr=("127.0.0.1", 0)
        )
        server.transport = transport
        server.port = transport.get_extra_info("sockname")[1]
        try:
            yield server
        finally:
            transport.close()

    def resolver(self) -> dns.resolver.Resolver:
        """One that asks this server only."""
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = self.port
        return resolver

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        question = dns.message.from_wire(data)
        name = question.question[0].name.to_text(omit_final_dot=True)
        self.asked.append(name)
        if name in self.silent:
            return
        answer = dns.message.make_response(question)
        texts = self.records.get(name)
        if texts is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        else:
            quoted = [f'"{text}"' for text in texts]
            answer.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", "TXT", *quoted))
        self.transport.sendto(answer.to_wire(), addr)
