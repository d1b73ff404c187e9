"""What a JetStream message says of itself in its reply subject, in both forms that servers write."""

from __future__ import annotations

import pytest

from dms_events_nats.connection import Attempts, DirectClient
from dms_events_nats.delivery import JetStreamDelivery, Origin
from dms_events_nats.subjects import Subjects

PLAIN = "$JS.ACK.DMS_EVENTS.billing.{attempt}.{sequence}.77.1736903424552665000.3"
DOMAIN = (
    "$JS.ACK.hub.ACCOUNTHASH.DMS_EVENTS.billing.{attempt}.{sequence}.77.1736903424552665000.3.x"
)
ORIGIN = Origin(
    DirectClient(Attempts(1, 1.0, "nowhere")),
    Subjects("dms"),
    first="$JS.ACK.DMS_EVENTS.billing.1.",
)


def delivery(form: str, *, attempt: int = 1, sequence: int = 41) -> JetStreamDelivery:
    reply = form.format(attempt=attempt, sequence=sequence)
    return JetStreamDelivery("dms.events.x", reply, b"", None, ORIGIN)


@pytest.mark.parametrize("form", [PLAIN, DOMAIN])
@pytest.mark.parametrize("attempt", [1, 2, 12])
def test_position_and_attempt_are_in_the_reply_subject(form: str, attempt: int) -> None:
    one = delivery(form, attempt=attempt)
    assert (one.sequence, one.attempt, one.stored_ns) == (41, attempt, 1736903424552665000)


def test_a_message_is_known_again_whenever_and_in_whichever_form_it_comes() -> None:
    position = delivery(PLAIN).position
    assert position == 41 << 64 | 1736903424552665000
    assert delivery(PLAIN, attempt=2).position == position
    assert delivery(DOMAIN, attempt=3).position == position
    assert delivery(PLAIN, sequence=4).position != position
    assert delivery(PLAIN, sequence=411).position != position
    assert delivery(DOMAIN).position_id == delivery(PLAIN, attempt=2).position_id


def test_a_message_under_a_used_sequence_is_another_one() -> None:
    later = PLAIN.replace("1736903424552665000", "1736903424552665001")
    assert delivery(later).position != delivery(PLAIN).position
    assert delivery(later).position_id != delivery(PLAIN).position_id
    elsewhere = PLAIN.replace("DMS_EVENTS", "DMS_MIRROR")
    assert delivery(elsewhere).position_id != delivery(PLAIN).position_id


@pytest.mark.parametrize(
    ("subject", "source"),
    [
        ("dms.events.elk_stats.ServiceCall.node-1", "node-1"),
        ("dms.events.elk_stats.ServiceCall.node-1.7", "node-1"),
        ("dms.events.elk_stats.ServiceCall._", ""),
        ("dms.events.elk_stats.ServiceCall", ""),
        ("dms.events.noise", ""),
        (f"dms.events.elk_stats.ServiceCall.{'n' * 4000}", "n" * 4000),
    ],
)
def test_the_source_is_the_third_token_of_the_subject(subject: str, source: str) -> None:
    subjects = Subjects("dms")
    for _ in range(2):
        assert subjects.parts[subject][1] == source
    assert all(len(known) < 1000 for known in subjects.parts), "long subjects are not kept"
