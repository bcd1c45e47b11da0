"""Pairs whose answer is that nothing is stated: a share of them teaches when not to answer, and the rest go.

The authors of arXiv 2407.03502 say that they reduced such pairs and did not remove them; how far, they do not say.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from ..formats import FORMS
from ..seeds.order import rank
from ..tools.answers import plain_text
from ..verifiers import NOT_IN_DOCUMENTS, NOT_STATED

Pair = dict[str, Any]

SHARE = 0.1  # of a skill's pairs
BEYOND = "unanswerable, beyond the share"
_SAY_SO = frozenset(map(plain_text, (NOT_STATED, NOT_IN_DOCUMENTS)))


def is_unanswerable(pair: Pair) -> bool:
    """Whether the pair's short answer, or the one that its reply gives in any form, is that nothing is stated."""
    reply = pair["messages"][-1]["content"]
    said = [pair["answer"]] if pair["answer"] is not None else [form.answer(reply) for form in FORMS.values()]
    return any(plain_text(answer) in _SAY_SO for answer in said if answer)


def beyond_share(pairs: Iterable[Pair], share: float) -> set[str]:
    """The ids to leave out, so that at most `share` of each skill's pairs are unanswerable.

    Those that stay are the first in an order drawn by hash, whatever order the pairs come in.
    """
    answerable: Counter[str] = Counter()
    unanswerable: dict[str, list[str]] = defaultdict(list)
    for pair in pairs:
        if is_unanswerable(pair):
            unanswerable[pair["skill"]].append(pair["id"])
        else:
            answerable[pair["skill"]] += 1
    return {
        name
        for skill, names in unanswerable.items()
        for name in sorted(names, key=_place)[_most(answerable[skill], len(names), share) :]
    }


def _place(name: str) -> tuple[float, str]:
    return rank(0, f"unanswerable {name}"), name


def _most(answerable: int, unanswerable: int, share: float) -> int:
    """The largest number, up to `unanswerable`, that is at most the share of itself and the answerable."""
    if share == 1:
        return unanswerable
    return min(unanswerable, int(answerable * share / (1 - share) + 1e-9))
