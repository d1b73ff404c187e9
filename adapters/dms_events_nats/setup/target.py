"""From a declaration to the desired configuration of streams and durables, in the server's units."""

from __future__ import annotations

from typing import Any

from dms_events.transport import ACK_WAIT_S, Channel, SubscriptionSpec

from ..subjects import Subjects
from .compare import DesiredConfig
from .declaration import DurableSetup, EventsSetup, NatsSetup, StreamSetup

__all__ = ["durable_target", "durable_targets", "nanoseconds", "stream_targets"]

_MAX_ACK_PENDING = 100_000
_WINDOW_S = 120.0


def nanoseconds(seconds: float) -> int:
    """Return seconds in nanoseconds, the server's unit."""
    return round(seconds * 1e9)


def stream_targets(setup: NatsSetup) -> list[DesiredConfig]:
    """Return the desired configurations of the declared streams."""
    subjects = Subjects(setup.root)
    return [
        _stream_target(subjects, "events", setup.events),
        _stream_target(subjects, "dead", setup.dead),
    ]


def durable_targets(setup: NatsSetup) -> list[DesiredConfig]:
    """Return the desired configurations of the declared durables."""
    subjects = Subjects(setup.root)
    stream = subjects.stream("events")
    return [
        durable_target(
            stream, name, subjects.filters(SubscriptionSpec(patterns=durable.types)), durable
        )
        for name, durable in setup.durables.items()
    ]


def _stream_target(subjects: Subjects, channel: Channel, wanted: StreamSetup) -> DesiredConfig:
    declared: dict[str, Any] = {
        "subjects": [subjects.all_of(channel)],
        "retention": "limits",
        "discard": "new",
    }
    if wanted.storage is not None:
        declared["storage"] = wanted.storage
    if wanted.replicas is not None:
        declared["num_replicas"] = wanted.replicas
    if wanted.max_messages is not None:
        declared["max_msgs"] = wanted.max_messages or -1
    if wanted.max_bytes is not None:
        declared["max_bytes"] = wanted.max_bytes or -1
    if wanted.max_age_s is not None:
        declared["max_age"] = nanoseconds(wanted.max_age_s)
    if wanted.duplicate_window_s is not None:
        declared["duplicate_window"] = nanoseconds(wanted.duplicate_window_s)
    if isinstance(wanted, EventsSetup) and wanted.partitions is not None:
        declared["subject_transform"] = subjects.partitioned(channel, wanted.partitions)
    return DesiredConfig(
        stream=subjects.stream(channel),
        section=channel,
        declared=declared,
        defaults={
            "storage": "file",
            "num_replicas": 1,
            "max_msgs": -1,
            "max_bytes": -1,
            "max_age": 0,
            # The server accepts no window that is longer than the maximum age.
            "duplicate_window": nanoseconds(min(_WINDOW_S, wanted.max_age_s or _WINDOW_S)),
            "subject_transform": None,
            "allow_batched": channel == "events" or None,
        },
        fixes={
            "storage": "the server cannot change the storage of a stream. Declare what it has, or let "
            "the events go to a new stream, under another root"
        },
    )


def durable_target(
    stream: str, name: str, filters: list[str], wanted: DurableSetup
) -> DesiredConfig:
    """Return the desired configuration of consumer ``name``. The types in ``wanted`` do not count."""
    declared: dict[str, Any] = {
        "filter_subjects": filters,
        "ack_policy": "explicit",
        "max_deliver": -1,
        "deliver_subject": None,
    }
    if wanted.ack_wait_s is not None:
        declared["ack_wait"] = nanoseconds(wanted.ack_wait_s)
    if wanted.start is not None:
        declared["deliver_policy"] = wanted.start
    return DesiredConfig(
        stream=stream,
        consumer=name,
        section=f"durables.{name}",
        declared=declared,
        defaults={
            "ack_wait": nanoseconds(ACK_WAIT_S),
            "deliver_policy": "all",
            "max_ack_pending": _MAX_ACK_PENDING,
        },
        fixes={
            "filter_subjects": "what a durable reads is never changed under its readers. Give what is "
            "new a durable of its own beside it, or choose another name",
            "ack_policy": "the server cannot change it, and without explicit acks messages are lost. "
            "Choose another name",
            "deliver_subject": "it is a push consumer, which nothing here reads. Choose another name",
            "deliver_policy": "it counts when a durable is made, and never again. Declare what it has, "
            "or leave it out",
        },
    )
