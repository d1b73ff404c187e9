"""The harness: all that the contract suite has to know about a transport."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from ...bus import Bus, Discarded
from ...envelope import Encoding
from ...transport import Guarantees, OutgoingMessage, Transport

__all__ = ["TransportHarness"]


class TransportHarness(ABC):
    """One place of a transport: a fresh one for each test, where nothing was published yet.

    All buses that `connect` makes at one harness reach each other; those of two harnesses do not.
    Only `transport` must be written. The other methods fit most transports as they are.
    """

    patience_s: float = 10.0
    """How long a test waits for what must come. Give a slow broker more."""

    addressed: bool = False
    """A request names the peer that answers it; `responder_of` tells which."""

    unfit: Mapping[str, str] = {}
    """The tests that this place cannot run, by name, each with the reason. They are skipped with it."""

    @abstractmethod
    def transport(self, **options: Any) -> Transport:
        """Return a new transport at this place, not open yet.

        Args:
            options: those that `room` returned; none in most tests.
        """

    def room(
        self, *, messages: int | None = None, size: int | None = None
    ) -> dict[str, Any] | None:
        """Return the options of `transport` that leave little room; None if there is no such limit.

        The suite gives one of the two, and the other is None. A transport that promises an effect of
        missing room (`Guarantees.full`) needs a limit in messages or in bytes, whichever it has.

        Args:
            messages: how many stored messages (``error``), or messages that wait for a reader (``drop``),
                there is room for.
            size: how many bytes of them there is room for. The bytes of payloads count, and at most 200
                bytes beside each, for names and framing.
        """
        return None

    def connect(
        self,
        *,
        source: str = "",
        encoding: Encoding = "json",
        aliases: Mapping[str, str] | None = None,
        on_error: Callable[[Discarded], object] | None = None,
        **options: Any,
    ) -> Bus:
        """Return a bus at this place, not open yet.

        Override it if a transport has to know the ``source``, say to choose a key that signs. Then
        `source_of` tells the source that readers see.
        """
        return Bus(
            self.transport(**options),
            source=self.source_of(source),
            encoding=encoding,
            aliases=aliases,
            on_error=on_error,
        )

    def source_of(self, name: str) -> str:
        """Return the source that readers see if a bus was connected with ``source=name``."""
        return name

    async def put(self, data: bytes, type_name: str, *, source: str = "", id: str = "") -> None:
        """Publish bytes on the channel ``events``, as a program does that does not use this library.

        Override it if the broker has another client, which can send what this library would not.

        Args:
            source: the publisher by the transport's word; empty if it names none.
            id: the id beside the payload; empty if there is none.
        """
        async with self.connect(source=source) as bus:
            sender = self.source_of(source)
            await bus.publish(OutgoingMessage("events", type_name, sender, id, data))

    def responder_of(self, bus: Bus) -> str:
        """Return the peer that a request to the responders of ``bus`` names; empty without peers."""
        return ""

    @property
    def guarantees(self) -> Guarantees:
        """The promises that the transport makes, and that the suite tests."""
        return self.transport().guarantees
