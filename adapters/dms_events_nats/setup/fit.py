"""Refuse streams and consumers that lose or mutilate messages as they are configured."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from dms_events.errors import ConfigError

from ..subjects import overlap
from .compare import DesiredConfig

__all__ = ["check_consumer", "check_stream", "refuse_other_root", "refuse_stream", "unfit_consumer"]

_log = logging.getLogger("dms_events")
_PLACES = re.compile(r"\{\{[^}]*\}\}|\$[0-9]+")
"""The placeholders in the destination of a subject transform."""


def check_stream(target: DesiredConfig, config: Mapping[str, Any]) -> None:
    """Refuse a stream as `refuse_stream` does, and warn of one that may lose messages."""
    name = target.stream
    refuse_stream(name, config, target.declared["subjects"][0])
    for doubt in _doubts_of_stream(name, config):
        _log.warning("the stream %s %s", name, doubt)


def refuse_other_root(name: str, config: Mapping[str, Any], subject: str) -> None:
    """Refuse a stream that stores other subjects, and none that ``subject`` matches with its wildcards.

    Raises:
        ConfigError: the stream belongs to another root.
    """
    stored = list(config.get("subjects") or ())
    made = _PLACES.sub("*", (config.get("subject_transform") or {}).get("dest") or "")
    if stored and not (config.get("sources") or any(overlap(s, subject) for s in (*stored, made))):
        raise ConfigError(
            "root",
            f"the stream {name} stores {', '.join(stored)}, and not {subject}. Roots that differ only in "
            "case, or by '_' for '.', have streams of one name: choose another root",
        )


def refuse_stream(name: str, config: Mapping[str, Any], subject: str) -> None:
    """Refuse a stream that loses messages, or that stores other subjects than ``subject``.

    Raises:
        ConfigError: ``setting`` is ``stream <name>``, or ``root``.
    """
    refuse_other_root(name, config, subject)
    retention = config.get("retention", "limits")
    if retention == "interest":
        refused = (
            "it exists with retention 'interest', which deletes an event when all present consumers have "
            f"acknowledged it, and at once if there is none. Edit it: nats stream edit {name} "
            "--retention limits"
        )
    elif retention == "workqueue":
        refused = (
            "it exists with retention 'workqueue', which deletes an event for all readers when one has "
            "acknowledged it. The server never changes that: use another root, or back the stream up, "
            "delete it, and make it again (dms-events nats setup)"
        )
    elif config.get("no_ack"):
        refused = (
            "it exists with no_ack, so that no publisher learns whether an event is stored. Edit it: "
            f"nats stream edit {name} --ack"
        )
    else:
        return
    raise ConfigError(f"stream {name}", refused)


def _doubts_of_stream(name: str, config: Mapping[str, Any]) -> list[str]:
    doubts = []
    if config.get("discard") == "old" and any(
        (config.get(limit) or -1) > 0 for limit in ("max_msgs", "max_bytes")
    ):
        doubts.append(
            "deletes its oldest events when it is full, read or not. To refuse new events instead: "
            f"nats stream edit {name} --discard new"
        )
    if (config.get("max_msgs_per_subject") or -1) > 0 and not config.get("discard_new_per_subject"):
        doubts.append(
            "deletes the oldest events of a subject that has too many, read or not. Edit it: "
            f"nats stream edit {name} --max-msgs-per-subject=-1"
        )
    if config.get("allow_rollup_hdrs"):
        doubts.append(
            "lets every publisher delete stored events, with a Nats-Rollup header. Edit it: "
            f"nats stream edit {name} --no-allow-rollup"
        )
    if config.get("persist_mode") == "async":
        doubts.append(
            "acknowledges events before they are stored (persist_mode async), so that a crash of the "
            "server loses them"
        )
    return doubts


def unfit_consumer(config: Mapping[str, Any]) -> str:
    """Return the settings with which a consumer loses or mutilates messages; empty for a good one."""
    found = {
        "ack_policy": config.get("ack_policy") != "explicit",
        "max_deliver": (config.get("max_deliver") or -1) > 0,
        "deliver_subject": bool(config.get("deliver_subject")),
        "headers_only": bool(config.get("headers_only")),
    }
    return ", ".join(f"{name} {config[name]!r}" for name, wrong in found.items() if wrong)


def check_consumer(durable: str, config: Mapping[str, Any], prefetch: int) -> None:
    """Refuse a durable that loses messages, and warn of one that may lose its place or stand still.

    Raises:
        ConfigError: ``setting`` is ``durable``.
    """
    if unfit := unfit_consumer(config):
        raise ConfigError(
            "durable",
            f"{durable!r} exists with {unfit}, which would lose messages: a durable must be a pull "
            "consumer with explicit acks, unlimited max_deliver and whole messages. Choose another "
            "durable name, or edit the consumer",
        )
    if config.get("inactive_threshold"):
        _log.warning(
            "the durable %s is deleted with its position when nobody reads it for %g s "
            "(inactive_threshold)",
            durable,
            config["inactive_threshold"] / 1e9,
        )
    if config.get("mem_storage"):
        _log.warning(
            "the durable %s loses its position when its server restarts (mem_storage)", durable
        )
    if 0 < (config.get("max_ack_pending") or -1) < prefetch:
        _log.warning(
            "the durable %s may have %d unsettled messages (max_ack_pending), fewer than the %d that "
            "this reader asks for: messages that wait for their next attempt can hold up all others. "
            "Raise it, or lower prefetch",
            durable,
            config["max_ack_pending"],
            prefetch,
        )
