"""Whether a task on a web site was done: the actions of a conversation are executed again, and its goal is held against
what came of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from ..flow import Context, Entry, Verifier
from ..record import Record, Verdict
from ..tools.page import Site, Visit, read_action

MOST_SLIPS = 2  # impossible actions in one conversation; a page that answers with an error teaches too
MOST_CONDITIONS = 12


class BadGoal(ValueError):
    """The line is no condition on a visit; the message says what would be."""


_GOALS: dict[str, tuple[str, str, Callable[[Visit, tuple[str, ...]], bool]]] = {
    "page": (r"([a-z][a-z0-9_-]*)", "page: PAGE", lambda visit, of: visit.page.id == of[0]),
    "visited": (r"([a-z][a-z0-9_-]*)", "visited: PAGE", lambda visit, of: of[0] in visit.visited),
    "seen": (r"\[?(\d{1,3})\]?", "seen: ID", lambda visit, of: int(of[0]) in visit.seen),
    "value": (
        r"\[?(\d{1,3})\]?\s*=\s*(.*)",
        "value: ID = TEXT",
        lambda visit, of: visit.has({int(of[0]): of[1]}),
    ),
    "asked": (r"", "asked", lambda visit, of: visit.asked),
    "stopped": (r"", "stopped", lambda visit, of: visit.ended == "stop"),
    "answered": (r"", "answered", lambda visit, of: visit.ended == "answer"),
}
HOW_TO_SET_A_GOAL = """\
page: PAGE         the visit ends on this page
visited: PAGE      it has been on this page
seen: ID           this element has been in view
value: ID = TEXT   the element holds this text at the end ("*": any text; nothing after the sign: it is empty)
asked              the person has been asked something
answered           the visit ends with `answer`
stopped            the visit ends with `stop`"""


class Condition(NamedTuple):
    """One line of a goal."""

    name: str
    of: tuple[str, ...]
    line: str

    def holds(self, visit: Visit) -> bool:
        """Whether a visit that has come to its end meets it."""
        return _GOALS[self.name][2](visit, self.of)


def read_goal(text: str, site: Site) -> list[Condition]:
    """The conditions written in `text`, one a line, on pages and elements that the site has. Raises BadGoal."""
    lines = [line.strip().removeprefix("- ") for line in text.splitlines() if line.strip()]
    if not 1 <= len(lines) <= MOST_CONDITIONS:
        raise BadGoal(f"{len(lines)} conditions; between 1 and {MOST_CONDITIONS} are allowed")
    return [_condition(line, site) for line in lines]


def _condition(line: str, site: Site) -> Condition:
    name, _, rest = (part.strip() for part in line.partition(":"))
    name = name.casefold()
    if name not in _GOALS:
        raise BadGoal(f"{line[:80]!r} is no condition; there are {', '.join(_GOALS)}")
    pattern, shown, _ = _GOALS[name]
    if not (found := re.fullmatch(pattern, rest)):
        raise BadGoal(f"{line[:80]!r} is written {shown!r}")
    of = found.groups()
    if name in ("page", "visited") and of[0] not in {page.id for page in site.pages}:
        raise BadGoal(f"{line[:80]!r}: there is no such page")
    if name in ("seen", "value") and int(of[0]) not in {element.id for element in site.elements()}:
        raise BadGoal(f"{line[:80]!r}: there is no such element")
    return Condition(name, of, line)


async def reached(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
    """Executed again, the actions lead to the goal that the author of the task wrote, apart from whoever acted.

    The scores are the steps taken, and those of the author's own way.
    """
    visit = replay(record)
    if not _shows_what_it_did(record):
        return Verdict(
            False,
            "reached_goal",
            "other_page_shown",
            "the pages shown are not those that the actions lead to",
        )
    if visit.slips > MOST_SLIPS:
        detail = f"{visit.slips} actions were impossible; at most {MOST_SLIPS} may be"
        return Verdict(False, "reached_goal", "impossible_actions", detail)
    if missed := unmet(record.fields["conditions"], visit):
        detail = f"after {visit.steps} steps this does not hold: {missed}"
        return Verdict(False, "reached_goal", "goal_not_reached", detail)
    scores = {"steps": float(visit.steps), "steps_of_author": float(len(actions(record.fields["path"])))}
    return Verdict(True, "reached_goal", scores=scores)


def told(verify: Verifier) -> Verifier:
    """The verifier, applied to what the last action tells the person instead of the whole reply."""

    async def verified(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
        return await verify(record.with_fields({"response": replay(record).said}), entry, ctx)

    return verified


def replay(record: Record) -> Visit:
    """The visit that the assistant's turns make, from its beginning."""
    visit = Visit(Site.read(record.fields["passage"]), record.fields["reply"])
    for turn in record.turns:
        if turn.role == "assistant":
            visit.do(read_action(fenced_action(turn.content)))
    return visit


def _shows_what_it_did(record: Record) -> bool:
    """Whether person and assistant take turns, and each page shown is the one that the actions before it lead to."""
    visit = Visit(Site.read(record.fields["passage"]), record.fields["reply"])
    _, *turns = record.turns
    for shown, acted in zip(turns[::2], turns[1::2], strict=False):
        if (shown.role, acted.role) != ("user", "assistant") or not shown.content.endswith(visit.look()):
            return False
        visit.do(read_action(fenced_action(acted.content)))
    return len(turns) % 2 == 0


def fenced_action(reply: str) -> str:
    """The action in the block at the end of a reply; nothing where there is no such block."""
    found = re.search(r"```action\n(.*)\n```\s*\Z", reply, re.DOTALL)
    return found[1] if found else ""


def actions(path: str) -> list[str]:
    """The lines of an author's way."""
    return [line for line in path.splitlines() if line.strip()]


def unmet(goal: str, visit: Visit) -> str | None:
    """The first condition of a goal that does not hold after a visit: in the first place, that it has ended."""
    if not visit.ended:
        return "the task is ended"
    return next((each.line for each in read_goal(goal, visit.site) if not each.holds(visit)), None)


def path_problem(record: Record) -> str | None:
    """Why the author's way does not show that the task can be done, if it does not: a step that fails, a goal that is
    missed, or one that the last step alone would meet."""
    site, path = Site.read(record.fields["passage"]), actions(record.fields["path"])
    visit, idle = Visit(site, record.fields["reply"]), Visit(site)
    for line in path:
        if visit.ended:
            return f"{line!r} comes after the end"
        visit.do(read_action(line))
        if visit.slips:
            return f"{line!r}: {visit.notice}"
    idle.do(read_action(path[-1]))
    try:
        missed, met = (
            unmet(record.fields["conditions"], visit),
            unmet(record.fields["conditions"], idle) is None,
        )
    except BadGoal as bad:
        return str(bad)
    return f"this does not hold: {missed}" if missed else "the goal demands nothing" if met else None
