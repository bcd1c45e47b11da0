"""Why an answer is believed: each verifier looks at a finished record by a path of its own, or has nothing to say (None).

A skill lists those that fit it, by name. One that asks a teacher or runs a program does so in a call of its own.
"""

from .answers import Voted, agreed, computed, same, stated
from .evidence import NOT_STATED, excerpt_of, extractive, located, quoted, quotes, short
from .forms import checked, formatted
from .judged import Reviewed, reviewer

__all__ = [
    "NOT_STATED",
    "Reviewed",
    "Voted",
    "agreed",
    "checked",
    "computed",
    "excerpt_of",
    "extractive",
    "formatted",
    "located",
    "quoted",
    "quotes",
    "reviewer",
    "same",
    "short",
    "stated",
]
