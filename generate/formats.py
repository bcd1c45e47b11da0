"""The forms in which a reply may be wanted: how a person asks for one, how a program sees it kept, and where its answer stands.

The paper (arXiv 2407.03502) has agents synthesise formatting guidelines in all of its flows; which forms there are,
and that code checks them, is ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .agent import Agent
from .record import Record
from .reply import form
from .tools.answers import COMPARE, final_answer
from .tools.constraints import words

if TYPE_CHECKING:
    from .flow import Entry

FREE = "free"
NO_FORMAT = "none in particular"
"""What stands in the field `format` where nobody asked for a form."""
NOT_STATED = "not stated in the passage"
"""The answer to a question that the passage does not answer."""
SHORTEST_ANSWER, LONGEST_ANSWER = 1, 40  # words of a reply that is the answer alone


@dataclass(frozen=True)
class ReplyForm:
    """One form: what it demands, whether a reply keeps it, and the short answer that such a reply gives, if any."""

    name: str
    demand: str
    keeps: Callable[[str], bool]
    answer: Callable[[str], str | None] = final_answer


def _is_brief(reply: str) -> bool:
    return SHORTEST_ANSWER <= len(words(reply)) <= LONGEST_ANSWER and "\n" not in reply.strip()


def _object(reply: str) -> dict[str, object] | None:
    """The JSON object that a reply is, perhaps in a Markdown fence."""
    body = re.sub(r"\A```(?:json)?\n(.*)\n```\Z", r"\1", reply.strip(), flags=re.DOTALL)
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _json_answer(reply: str) -> str | None:
    found = (_object(reply) or {}).get("answer")
    if isinstance(found, list):
        return ", ".join(map(str, found))
    return None if found is None or isinstance(found, dict) else str(found)


def _has_table(reply: str) -> bool:
    """A Markdown table: a head, a line of dashes, and a row at least, all with as many columns."""
    for head, dashes, row in zip(lines := reply.splitlines(), lines[1:], lines[2:], strict=False):
        if re.fullmatch(r"\s*\|?(\s*:?-{2,}:?\s*\|)+(\s*:?-{2,}:?\s*)?\|?\s*", dashes) and "|" in head:
            return head.strip().strip("|").count("|") == row.strip().strip("|").count("|")
    return False


def _numbered(reply: str) -> int:
    """How many lines are numbered 1, 2, 3 … in order."""
    count = 0
    for found in re.findall(r"^\s*(?:\*\*)?(?:Step )?(\d+)[.):]", reply, re.MULTILINE | re.IGNORECASE):
        count += int(found) == count + 1
    return count


def _paragraphs(reply: str) -> list[str]:
    return [block for block in re.split(r"\n\s*\n", reply.strip()) if block.strip()]


def _is_essay(reply: str) -> bool:
    return len(_paragraphs(reply)) >= 3 and not re.search(r"^\s*(?:[-*•]|\d+[.)]) ", reply, re.MULTILINE)


def _is_letter(reply: str) -> bool:
    first, *_, last = [line.strip() for line in reply.strip().splitlines() if line.strip()] or [""]
    return re.match(r"(?:Dear|Hello|Hi|To)\b.*[,:]?$", first) is not None and len(words(last)) <= 6


FORMS = {
    each.name: each
    for each in (
        ReplyForm(FREE, "as the writer sees fit", lambda reply: True),
        ReplyForm(
            "answer_only", "the answer and nothing else: one line, no reasons", _is_brief, lambda reply: reply.strip()
        ),
        ReplyForm(
            "json",
            'one JSON object and nothing else, with the keys that are asked for; the short answer, where there is one, '
            'is the value of the key "answer"',
            lambda reply: _object(reply) is not None,
            _json_answer,
        ),
        ReplyForm("table", "a Markdown table, with a head, and text around it where it helps", _has_table),
        ReplyForm(
            "steps", "numbered steps 1., 2., 3. …, a line or a paragraph each", lambda reply: _numbered(reply) >= 2
        ),
        ReplyForm(
            "bullets",
            "a list whose lines begin with a dash",
            lambda reply: len(re.findall(r"^\s*[-*•] ", reply, re.MULTILINE)) >= 2,
        ),
        ReplyForm("essay", "three paragraphs or more of running text, without lists", _is_essay),
        ReplyForm("letter", "a short letter: a salutation, the matter, a closing line with a name", _is_letter),
    )
}  # fmt: skip


def stated(record: Record, entry: Entry) -> str | None:
    """The answer that a reply states, in the form in which it was asked for or by "The answer is X."; without that,
    an edited text is the whole reply."""
    reply = record.fields["response"]
    answer = FORMS[record.fields.get("form", FREE)].answer(reply)
    return reply if answer is None and entry.match == "exact" else answer


def same(given: str, wanted: str, entry: Entry) -> bool:
    """Whether two answers are equal in the way of the entry; "not stated" is words whatever the entry."""
    return COMPARE["text" if wanted == NOT_STATED else entry.match](given, wanted)


def format_guide(task: str, about: str = "passage", forms: tuple[str, ...] = tuple(FORMS)) -> Agent:
    """The agent that says in which form a reply is wanted; `task` shows it what is asked ($question or the like).

    It writes `form`, one of `forms`, and `format`, the words by which the person who asks wants it.
    """
    listed = "\n".join(f"- {name}: {FORMS[name].demand}" for name in forms)
    return Agent(
        "format_guide",
        role="You know for what people use the answers that they ask for, and in which form they need them.",
        task=f"Task: say in which form the reply to this is wanted.\n\n{task}\n\nThe forms:\n{listed}\n\n"
        "Choose the form that a person with a purpose would ask for here (a program that reads the reply, a form to fill "
        "in, a colleague in a hurry, a class that wants to see each step), and vary it: not always the obvious one. "
        "Write the guideline in that person's words, in one to three sentences that follow the request: they name the "
        "form so plainly that two readers would lay it out alike, with keys, columns or parts named where there are "
        "such, and they neither answer nor change what is asked. "
        f'Where nobody would want a form of their own, choose "{FREE}" and say how long the reply may be.',
        about=about,
        form=form(
            choices={"form": forms},
            form="the name of one form of the list",
            format="the guideline, in the words of the person who asks",
        ),
    )
