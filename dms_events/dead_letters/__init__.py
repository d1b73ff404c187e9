"""Messages that a reader gave up: written with the reason, found, replayed, dropped."""

from .dead_letters import KeepsDeadLetters
from .letter import DeadLetter, may_hold_secret
from .writer import AGAIN_S, Undertaker

__all__ = [
    "AGAIN_S",
    "DeadLetter",
    "KeepsDeadLetters",
    "Undertaker",
    "may_hold_secret",
]
