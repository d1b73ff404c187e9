"""Handshakes: they end in time, say why they failed, and let in only peers that are permitted."""

from __future__ import annotations

from typing import Any, Final

import trio
from libp2p.network.config import RetryConfig
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.security.exceptions import HandshakeFailure
from libp2p.transport.exceptions import SecurityUpgradeFailure

from ..addresses import ip_of
from .inbound import Admission
from .private import FIRST_BYTES, ProtectedConnection
from .reasons import reason_of
from .sockets import remember_remote

__all__ = ["HANDSHAKE_S", "guard_handshakes"]

HANDSHAKE_S: Final = 8.0
_UNLIKE = "the peer does not start as a libp2p node does"
_HAS_KEY = " (does it have a swarm key?)"
_SAME_KEY = " (does it have the same swarm key?)"


class _FirstBytes(RawConnection):
    """Compares the first bytes of a connection with those of all libp2p connections.

    Under another swarm key these bytes are noise. A node would read a length from the noise, and wait.
    """

    def __init__(self, connection: Any, otherwise: str) -> None:
        super().__init__(connection, connection.is_initiator)
        self._expected = FIRST_BYTES
        self._otherwise = otherwise

    async def read(self, n: int | None = None) -> bytes:
        data: bytes = await super().read(n)
        if self._expected:
            if not self._expected.startswith(data[: len(self._expected)]):
                raise HandshakeFailure(self._otherwise)
            self._expected = self._expected[len(data) :]
        return data


def guard_handshakes(swarm: Any, admission: Admission, swarm_key: bytes | None) -> None:
    """Limit the time of handshakes, and check the peer id and the first bytes.

    py-libp2p waits for half a minute in an outbound handshake, and tries it four times. It lets in any
    peer id, and its private network is not compatible with Go's.
    """
    stock = swarm.upgrader.upgrade_security
    hint = "" if swarm_key is None else _SAME_KEY

    def opening(raw: Any) -> Any:
        if swarm_key is None:
            return _FirstBytes(raw, _UNLIKE + _HAS_KEY)
        return _FirstBytes(ProtectedConnection(raw, swarm_key), _UNLIKE)

    async def upgrade(raw: Any, is_initiator: bool, peer_id: Any = None) -> Any:
        remember_remote(raw.stream)
        try:
            with trio.fail_after(HANDSHAKE_S):
                secured = await stock(opening(raw), is_initiator, peer_id)
        except trio.TooSlowError:
            reason = f"the handshake did not end within {HANDSHAKE_S:g} s{hint}"
            raise SecurityUpgradeFailure(reason) from None
        except Exception as error:  # noqa: BLE001
            raise SecurityUpgradeFailure(f"{reason_of(error)}{hint}") from None
        remote = raw.get_remote_address()
        ip = ip_of(remote[0]) if remote else None
        reason = admission.forbids(secured.get_remote_peer(), ip)
        if ip is None:
            reason = "it has left, so its address is not known"
        if reason:
            await secured.close()
            raise SecurityUpgradeFailure(reason)
        return secured

    swarm.upgrader.upgrade_security = upgrade
    # The node itself dials again, and says why a dial failed.
    swarm.retry_config = RetryConfig(max_retries=0)
