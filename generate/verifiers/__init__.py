"""Why an answer is believed: each verifier looks at a finished record by a path of its own, or has nothing to say (None).

A skill lists those that fit it, by name. One that asks a teacher or runs a program does so in a call of its own.
"""

from .answers import Voted, agreed, computed, same, stated
from .calls import called, ended, ended_in_form, reported
from .conversation import Grounded, consistent
from .estimates import estimated
from .evidence import NOT_STATED, excerpt_of, extractive, located, quoted, quotes, short
from .extraction import Extracted
from .figures import from_data, mentioned
from .forms import checked, formatted
from .judged import Judged, Reviewed, reviewer, transcript
from .labels import cited, labelled
from .options import Permuted, chose, computed_option
from .page import HOW_TO_SET_A_GOAL, path_problem, reached, told
from .programs import FirstOf, Reckoned, executed, reckoner, ruled
from .puzzles import continued, deciphered, solved, spelled
from .sources import NOT_IN_DOCUMENTS, documents_in, enumerated, has_answer, numbered, original, sourced
from .tested import Killing, Tested

__all__ = [
    "HOW_TO_SET_A_GOAL",
    "NOT_IN_DOCUMENTS",
    "NOT_STATED",
    "Extracted",
    "FirstOf",
    "Grounded",
    "Judged",
    "Killing",
    "Permuted",
    "Reckoned",
    "Reviewed",
    "Tested",
    "Voted",
    "agreed",
    "called",
    "checked",
    "chose",
    "cited",
    "computed",
    "computed_option",
    "consistent",
    "continued",
    "deciphered",
    "documents_in",
    "ended",
    "ended_in_form",
    "enumerated",
    "estimated",
    "excerpt_of",
    "executed",
    "extractive",
    "formatted",
    "from_data",
    "has_answer",
    "labelled",
    "located",
    "mentioned",
    "numbered",
    "original",
    "path_problem",
    "quoted",
    "quotes",
    "reached",
    "reckoner",
    "reported",
    "reviewer",
    "ruled",
    "same",
    "short",
    "solved",
    "sourced",
    "spelled",
    "stated",
    "told",
    "transcript",
]
