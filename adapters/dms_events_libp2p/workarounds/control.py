"""Control messages of gossip: keeps those of topics that this node is in, and each id once."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any

from libp2p.pubsub.pb import rpc_pb2

__all__ = ["keep_known"]


def keep_known(control: Any, topics: Container[str]) -> None:
    """Leave out entries about other topics, and repeated entries.

    py-libp2p remembers for good every topic that a peer names in a PRUNE. It also answers an id of an
    IWANT as often as the id stands there: an RPC of 1 MiB can ask for one message 45,000 times.
    """
    for entries in (control.graft, control.prune):
        if entries:
            known = {entry.topicID: entry for entry in entries if entry.topicID in topics}
            _replace(entries, known.values())
    if control.ihave:
        _replace(control.ihave, _there(control.ihave, topics))
    if control.iwant:
        wanted = dict.fromkeys(id for entry in control.iwant for id in entry.messageIDs)
        _replace(control.iwant, [rpc_pb2.ControlIWant(messageIDs=wanted)])


def _there(entries: Any, topics: Container[str]) -> list[Any]:
    there: dict[str, dict[bytes, None]] = {}
    for entry in entries:
        if entry.topicID in topics:
            there.setdefault(entry.topicID, {}).update(dict.fromkeys(entry.messageIDs))
    return [rpc_pb2.ControlIHave(topicID=topic, messageIDs=ids) for topic, ids in there.items()]


def _replace(entries: Any, kept: Iterable[Any]) -> None:
    new = list(kept)
    del entries[:]
    entries.extend(new)
