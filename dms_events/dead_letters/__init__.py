"""Messages that a reader gave up: written with the reason, found, replayed, dropped."""

from .dead_letters import DeadLetters
from .letter import DeadLetter, may_hold_secret
from .writer import AGAIN_S, DeadLetterWriter

__all__ = [
    "AGAIN_S",
    "DeadLetter",
    "DeadLetterWriter",
    "DeadLetters",
    "may_hold_secret",
]
