"""Messages that a reader gave up: write them with the reason, find, replay and drop them."""

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
