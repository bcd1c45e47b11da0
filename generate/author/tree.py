"""The families of a walk as a tree for a terminal: passage, instructions, edits, replies, verdicts.

Texts of seeds and of models are shown without whatever could drive the terminal.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.rule import Rule
from rich.text import Text
from rich.tree import Tree

from ...progress import printable
from ..context import turns_of
from ..flow import UNVERIFIED
from ..record import Record, Step
from ..why.family import Deed, Family, shortened, word_diff
from .walk import Outcome, Walk

CHANGES = re.compile(r"(?P<red>\[-.*?-\])|(?P<green>\{\+.*?\+\})", re.DOTALL)
PASSAGE, FIELD = 240, 160  # characters of a text that is shown
PLAIN_WIDTH = 120  # columns, where nobody looks on


@dataclass
class Node:
    """One step that records of a family have in common, those that went on from it, and those that ended there."""

    deed: Deed | None = None
    children: dict[Step, Node] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)

    def hold(self, outcome: Outcome, deeds: Sequence[Deed]) -> None:
        """Put the outcome below the steps that its record took."""
        node = self
        for step, deed in zip(outcome.record.lineage, deeds, strict=True):
            node = node.children.setdefault(step, Node(deed))
        node.outcomes.append(outcome)


def show(walk: Walk, console: Console | None = None, prompts: bool = False) -> None:
    """Print the tree of a walk and, where wanted, each prompt in full with its reply."""
    console = console or console_for_people()
    seed, (asked, said) = walk.seed, walk.tokens
    tree = Tree(
        _text(f"{seed.document}, characters {seed.span[0]}–{seed.span[1]}", "bold"), guide_style="dim"
    )
    tree.add(_named("document", shortened(seed.text, PASSAGE)))
    _grow(tree, _families(walk))
    if declined := Counter(walk.declined):
        said_no = (f"{name} ×{count}" if count > 1 else name for name, count in declined.items())
        tree.add(_text(f"declined: {', '.join(said_no)}", "yellow"))
    if walk.failure:
        tree.add(_text(f"the teacher could not go on: {walk.failure}", "bold red"))
    lost, pairs = len(walk.outcomes) - len(walk.pairs), counted(len(walk.pairs), "pair")
    calls = counted(len(walk.asked), "call")
    tree.add(_text(f"{calls}, {asked:,} + {said:,} tokens: {pairs}, {lost} lost", "bold"))
    console.print(tree)
    for number, (request, reply) in enumerate(walk.asked if prompts else (), 1):
        console.print(Rule(_text(f"prompt {number}: {request.agent}", "bold")))
        for message in request.messages:
            console.print(_named(message["role"], message["content"]))
        console.print(_named("reply", reply.text))
    console.print()


def console_for_people() -> Console:
    """One for standard output, of a steady width where that is a file."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PLAIN_WIDTH)


def counted(count: int, thing: str) -> str:
    """So many of a thing."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def _families(walk: Walk) -> Node:
    family = Family(walk.skill, walk.calls, walk.fence, [walk.guided])
    root = Node()
    for outcome in walk.outcomes:
        lineage = [
            {"agent": step.agent, "call": step.call, "choice": step.choice} for step in outcome.record.lineage
        ]
        root.hold(outcome, list(family.deeds(lineage, walk.seed.text)))
    return root


def _grow(tree: Tree, node: Node) -> None:
    for outcome in node.outcomes:
        for label in _ending(outcome):
            tree.add(label)
    for child in node.children.values():
        if child.deed:
            entry = next(_entries(child), "")
            _grow(tree.add(_step(child.deed, entry)), child)


def _entries(node: Node) -> Iterator[str]:
    for outcome in node.outcomes:
        yield outcome.record.entry
    for child in node.children.values():
        yield from _entries(child)


def _step(deed: Deed, entry: str) -> Text:
    """What was done, and the fields that came of it; an edited one as its difference. Replies come as turns."""
    label = _text(f"{deed.part}: ", "dim").append(_text(deed.agent, "bold cyan"))
    if deed.part == "instructed" and entry != deed.agent:
        label.append(_text(f" for {entry}", "cyan"))
    label.append(_text(_cost(deed), "dim"))
    for name, text in deed.fields.items() if deed.part != "answered" else ():
        before = deed.before.get(name)
        is_edit = deed.part.startswith("edited") and before is not None and before != text
        shown = (
            word_diff(before or "", text)
            if is_edit
            else shortened(text, PASSAGE if name == "passage" else FIELD)
        )
        label.append("\n").append(_named(name, shown))
    return label


def _cost(deed: Deed) -> str:
    if deed.call is None:
        return ""
    reply = deed.call.reply
    item = f", item {int(deed.choice) + 1} of {deed.items}" if deed.items > 1 else ""
    return (
        f"{item}, {reply.prompt_tokens} + {reply.completion_tokens} tokens"
        + ", after a repair" * deed.repaired
    )


def _ending(outcome: Outcome) -> Iterator[Text]:
    """The turns of the pair, or the reply that was turned down, and the verdict."""
    record = outcome.record
    if outcome.verdict:
        for turn in turns_of(record):
            yield _named(turn.role, shortened(_without_passage(turn.content, record), PASSAGE))
        yield _verdict(outcome)
        return
    if "response" in record.fields:
        yield _named("assistant", shortened(record.fields["response"], PASSAGE))
    why = f"lost at {outcome.step}: {outcome.reason}"
    yield _text(f"{why}; {shortened(outcome.detail)}" if outcome.detail else why, "red")


def _without_passage(turn: str, record: Record) -> str:
    """A turn that repeats the passage, which stands further up, with a mark in its place."""
    passage = record.fields.get("passage", "").strip()
    return turn.replace(passage, "[passage]") if len(passage) > PASSAGE else turn


def _verdict(outcome: Outcome) -> Text:
    verdict = outcome.verdict
    if verdict is None or verdict.by == UNVERIFIED:
        return _text("not verified: no second path to this answer", "yellow")
    said = f"verified by {verdict.by.replace('+', ', ')}"
    said += f"; vote share {verdict.vote_share:.2f}" if verdict.vote_share is not None else ""
    return _text(said + "".join(f"; {name} {value:g}" for name, value in verdict.scores.items()), "green")


def _named(name: str, text: str) -> Text:
    """A text under its name; what an edit took away in red, and what it brought in green."""
    label = _text(f"{name}: ", "dim")
    end, text = 0, printable(text)
    for change in CHANGES.finditer(text):
        label.append(text[end : change.start()]).append(change[0], style=change.lastgroup)
        end = change.end()
    return label.append(text[end:])


def _text(text: str, style: str) -> Text:
    return Text(printable(text), style=style)
