"""Listening: an address in use by another process is an error, and no socket stays open."""

from __future__ import annotations

import socket
from typing import Any

import trio
from multiaddr import Multiaddr

__all__ = ["check_free", "listen_whole"]

_LISTEN_S = 5.0


def check_free(address: Multiaddr) -> None:
    """Check that nobody listens at an address.

    py-libp2p shares the port (SO_REUSEPORT), so two nodes would get each other's connections, silently.

    Raises:
        OSError: this machine cannot listen there.
    """
    kind = str(address).split("/")[1]
    family = socket.AF_INET6 if kind == "ip6" else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        host, port = address.value_for_protocol(kind), address.value_for_protocol("tcp")
        probe.bind((host, int(port)))


def listen_whole(swarm: Any) -> None:
    """Close the socket of a cancelled listen. py-libp2p forgets it between making and binding it."""
    stock = swarm.listen

    async def listen(*addresses: Multiaddr) -> bool:
        with trio.fail_after(_LISTEN_S, shield=True):
            listening: bool = await stock(*addresses)
            return listening

    swarm.listen = listen
