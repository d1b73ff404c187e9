"""The dead letters of a bus: find, replay, drop and add them."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime

import msgspec

from ..errors import ConfigError, DecodeError, ReplayError, TransportError
from ..transport import (
    Delivery,
    OutgoingMessage,
    SubscriptionSpec,
    SupportsDeadLetters,
    Transport,
    needed,
)
from .filter import LetterFilter, aware, pattern_of
from .letter import DeadLetter, decode_dead_letter, prepare_dead_letter
from .replay import prepare_replay

__all__ = ["DeadLetters"]

_log = logging.getLogger("dms_events")
_PAUSE_S = 0.05


class DeadLetters:
    """The messages that readers gave up, as a bus stores them: `Bus.dead_letters`."""

    def __init__(self, transport: Transport, aliases: Mapping[str, str]) -> None:
        self._transport = transport
        self._aliases = aliases

    async def add(
        self,
        delivery: Delivery,
        *,
        id: str,
        error: Exception,
        reader: str,
        attempts: int | None = None,
        first: str = "",
        last: str = "",
    ) -> None:
        """Keep a message as a dead letter with its reason, then term it.

        A reader that counts its ``attempts`` gives their number, and the times at which the ``first``
        and the ``last`` failed (RFC 3339). Otherwise the transport's count is used, and the time is now.

        Raises:
            ConfigError: this bus stores nothing.
            TransportError: the letter was not accepted; the message is left as it was.
        """
        self._check_stores()
        letter = prepare_dead_letter(
            delivery,
            id=id,
            error=error,
            reader=reader,
            max_payload=self._transport.max_payload,
            attempts=attempts,
            first=first,
            last=last,
            aliases=self._aliases,
        )
        await self._transport.publish(letter)
        await delivery.term()

    def find(
        self,
        *,
        id: str = "",
        reader: str = "",
        type: str = "",
        error: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> AsyncGenerator[DeadLetter, None]:
        """Yield the dead letters that exist now, oldest first; reading them changes nothing.

        Each argument narrows the search: ``id`` and ``reader`` must be equal, ``type`` is a type or a
        pattern, and ``error`` is a part of the error's class or reason, in upper or lower case. The
        letter was buried at ``since`` or later, and before ``until``.

        Raises:
            UnknownTypeError: ``type`` is a bare name that no type has.
            ConfigError: ``type`` is not a pattern, or a time has no zone.
        """
        which = LetterFilter(
            id, reader, error.casefold(), aware("since", since), aware("until", until)
        )
        return self._found(pattern_of(type), which)

    async def _found(self, pattern: str, which: LetterFilter) -> AsyncGenerator[DeadLetter, None]:
        # Read the stream twice. The first pass finds the copies of each letter, and the end. A letter
        # that comes later (a reader may at once give up a replayed message) waits for the next call.
        copies: dict[str, list[int]] = {}
        async with aclosing(self._deliveries(pattern)) as deliveries:
            async for delivery in deliveries:
                copies.setdefault(_letter_id(delivery), []).append(delivery.sequence)
        async with aclosing(self._deliveries(pattern)) as deliveries:
            async for delivery in deliveries:
                numbers = copies.pop(_letter_id(delivery), None)
                if numbers is None:
                    continue
                try:
                    letter = decode_dead_letter(delivery.data)
                except DecodeError as error:
                    _log.warning(
                        "the message at %s is not a dead letter, and is skipped: %s",
                        delivery.subject,
                        error,
                    )
                    continue
                if which.wants(letter):
                    yield msgspec.structs.replace(letter, numbers=tuple(numbers))
                if not copies:
                    return

    async def _deliveries(self, pattern: str) -> AsyncGenerator[Delivery, None]:
        """Yield the letters that are there now, then end."""
        receiver = await self._transport.subscribe(
            SubscriptionSpec(channel="dead", patterns=(pattern,))
        )
        try:
            left = await receiver.backlog()
            while left > 0 and await receiver.backlog():
                await receiver.wait(_PAUSE_S)
                while left > 0 and (delivery := receiver.pop()) is not None:
                    await delivery.ack()
                    left -= 1
                    yield delivery
        finally:
            await receiver.close()

    async def replay(
        self,
        letter: DeadLetter,
        *,
        keep: bool = False,
        dry_run: bool = False,
        to_all: bool = False,
    ) -> None:
        """Publish the original of a dead letter again, under its identity, then drop the letter.

        The letter's reader handles the event. Other durables that read with this library acknowledge it
        unhandled and count it. Readers without a durable, and other software, get it like any event.
        ``to_all`` gives it to every reader of its type: `replay_readers` names their durables.

        A second replay within the transport's duplicate window does not reach a reader again; with
        ``to_all`` this includes replays of several readers' letters. With ``keep`` the letter stays, and
        every replay is published. A ``dry_run`` only checks whether the replay is possible.

        Raises:
            ReplayError: the original cannot be published as it was, or the letter's reader is gone; the
                letter is left as it is.
            PublishError: the broker did not accept it, or may not have; the letter is left as it is.
            TransportError: the event was published, but the letter could not be dropped; or nothing was
                published, since it is not known whether the reader exists.
            ConfigError: ``letter`` is not from `find`, or this bus stores nothing.
        """
        self._check_stores()
        _check_number(letter)
        message = await self._replay_of(letter, again=keep, to_all=to_all)
        if not (to_all or (letter.reader and await self._stored().readers(message, letter.reader))):
            named = (
                f"its reader {letter.reader!r}" if letter.reader else "a reader without a durable"
            )
            reason = (
                f"{named} is not there to get {letter.type_name} any more; `--to-all` (in Python, "
                "to_all=True) gives it to every reader of the type"
            )
            raise ReplayError(letter.number, reason)
        if dry_run:
            return
        await self._transport.publish(message)
        if keep:
            return
        try:
            await self.drop(letter)
        except TransportError as error:
            reason = f"dead letter {letter.number} was replayed, but is still there: {error}"
            raise TransportError(reason) from error

    async def replay_readers(self, letter: DeadLetter) -> Sequence[str]:
        """Return the durables that a replay of this letter to all reaches, sorted.

        Raises:
            ReplayError: the letter cannot be replayed.
            TransportError: the durables are not known.
            ConfigError: ``letter`` is not from `find`, or this bus stores nothing.
        """
        self._check_stores()
        _check_number(letter)
        message = await self._replay_of(letter, again=False, to_all=True)
        return await self._stored().readers(message)

    async def _replay_of(self, letter: DeadLetter, *, again: bool, to_all: bool) -> OutgoingMessage:
        return prepare_replay(
            letter,
            await self._original(letter),
            again=again,
            to_all=to_all,
            max_payload=self._transport.max_payload,
        )

    async def drop(self, letter: DeadLetter) -> bool:
        """Delete a dead letter for good. Returns False if it is gone already.

        Raises:
            ConfigError: ``letter`` is not from `find`, or this bus stores nothing.
            TransportError: it is not known whether the letter is deleted, or deleting is not allowed.
        """
        _check_number(letter)
        stored = self._stored()
        found = [await stored.delete("dead", number) for number in letter.numbers]
        return any(found)

    async def _original(self, letter: DeadLetter) -> bytes:
        size = letter.payload_bytes or _announced(letter)
        if len(letter.payload) >= size:
            return letter.payload
        original = await self._stored().fetch("events", letter.sequence)
        # A stream that was created anew counts from 1 again: the sequence may be another event's.
        if original is None or len(original) != size or not original.startswith(letter.payload):
            reason = (
                f"the letter holds {len(letter.payload):,} of the original's {size:,} bytes, "
                f"and the original is not at {letter.sequence} of the events stream any more"
            )
            raise ReplayError(letter.number, reason)
        return original

    def _stored(self) -> SupportsDeadLetters:
        return needed(self._transport, SupportsDeadLetters)

    def _check_stores(self) -> None:
        if not self._transport.guarantees.acknowledges:
            reason = (
                "this transport stores nothing and has no dead letters; connect with durable=True"
            )
            raise ConfigError("durable", reason)


def _announced(letter: DeadLetter) -> int:
    """Return the original's size as JetStream gives it if a consumer delivers no bytes; else 0."""
    size = letter.headers.get("Nats-Msg-Size", "")
    return int(size) if size.isascii() and size.isdigit() else 0


def _letter_id(delivery: Delivery) -> str:
    return delivery.message_id or f"at {delivery.sequence}"


def _check_number(letter: DeadLetter) -> None:
    if not letter.numbers:
        raise ConfigError(
            "letter",
            "take it from bus.dead_letters.find(), which knows its position in the stream",
        )
