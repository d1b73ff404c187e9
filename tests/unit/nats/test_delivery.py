"""What a JetStream message says of itself in its reply subject, in both forms that servers write."""

from __future__ import annotations

import pytest
from nats.aio.client import Client

from dms_events_nats.delivery import JetStreamDelivery, Origin
from dms_events_nats.subjects import Subjects

PLAIN = "$JS.ACK.DMS_EVENTS.billing.{attempt}.{sequence}.77.1736903424552665000.3"
DOMAIN = (
    "$JS.ACK.hub.ACCOUNTHASH.DMS_EVENTS.billing.{attempt}.{sequence}.77.1736903424552665000.3.x"
)
ORIGIN = Origin(Client(), Subjects("dms"), "2026-01-01", "$JS.ACK.DMS_EVENTS.billing.1.")


def delivery(form: str, *, attempt: int = 1, sequence: int = 41) -> JetStreamDelivery:
    reply = form.format(attempt=attempt, sequence=sequence)
    return JetStreamDelivery(
        subject="dms.events.x", reply=reply, data=b"", headers=None, origin=ORIGIN
    )


@pytest.mark.parametrize("form", [PLAIN, DOMAIN])
@pytest.mark.parametrize("attempt", [1, 2, 12])
def test_position_and_attempt_are_in_the_reply_subject(form: str, attempt: int) -> None:
    one = delivery(form, attempt=attempt)
    assert (one.sequence, one.attempt, one.stored_ns) == (41, attempt, 1736903424552665000)


def test_a_message_is_known_again_whenever_and_in_whichever_form_it_comes() -> None:
    mark = delivery(PLAIN).dedupe_key
    assert delivery(PLAIN, attempt=2).same_message(mark)
    assert delivery(DOMAIN, attempt=3).same_message(mark)
    assert delivery(PLAIN).same_message(delivery(DOMAIN, attempt=3).dedupe_key)
    assert not delivery(PLAIN, sequence=4).same_message(mark)
    assert not delivery(PLAIN, sequence=411).same_message(mark)
