"""Answers that a program decides: an output or a hidden rule by running it, a result by a program of thought.

Every program here was written by a teacher and runs in the sandbox. One that comes to no end decides nothing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..agent import Agent
from ..flow import Context, Entry, Rejected, Verifier, asked_by
from ..formats import same, stated
from ..record import Record, Verdict
from ..reply import Declined, form
from ..teacher import Sampling
from ..tools import programs
from ..tools.answers import Equation, number
from ..tools.programs import code_of
from .answers import ROUNDING
from .evidence import short

NEARLY = 1e-9  # relative: what binary fractions lose


def executed(*entries: str) -> Verifier:
    """In these entries, the program that the question shows writes the answer, and comes to its end."""

    async def ran(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
        if entry.name not in entries:
            return None
        if (program := code_of(record.fields["question"])) is None:
            return _no("executed_program", "no_program", "the question shows no program")
        found = await ctx.use(programs.run_program, {"program": program})
        if not found["ended"]:
            return _no("executed_program", "not_decided", found["detail"])
        if not same(record.fields["answer"], found["stdout"], entry):
            detail = f"it writes {short(found['stdout'])}, not {short(record.fields['answer'])}"
            return _no("executed_program", "output_differs", detail)
        return Verdict(True, "executed_program")

    return ran


@dataclass(frozen=True)
class Reckoned:
    """Programs of thought (arXiv 2211.12588): `reckon` writes, without sight of the reply, a program that prints the
    answer, `samples` times over; the reply and they have a vote each, and `least` is the share that has to agree.

    A program that fails or goes on for ever has no vote; without any vote there is no second path.
    """

    reckon: Agent
    samples: int = 1
    least: float = 0.6

    def agents(self) -> Iterable[Agent]:
        return (self.reckon,)

    async def __call__(self, record: Record, entry: Entry, ctx: Context) -> Verdict | None:
        if entry.match == "judge":
            return None
        if (given := stated(record, entry)) is None:
            return _no("reckoned_answer", "no_final_answer", "the reply states no answer")
        tried = [await self._printed(record, ctx) for _ in range(self.samples)]
        votes = [printed for printed in tried if printed is not None]
        if not votes:
            return None
        agreeing = 1 + sum(_same_value(given, printed, record, entry) for printed in votes)
        share = agreeing / (1 + len(votes))
        if share < self.least:
            detail = f"the reply says {short(given)}, programs say {', '.join(map(short, votes))}"
            return Verdict(False, "reckoned_answer", "program_disagrees", detail, vote_share=share)
        return Verdict(True, "reckoned_answer", vote_share=share)

    async def _printed(self, record: Record, ctx: Context) -> str | None:
        """The last line that a program of thought writes."""
        try:
            [thought] = await ctx.ask(self.reckon, record)
        except (Declined, Rejected):
            return None
        if (program := code_of(thought.fields["program"])) is None:
            return None
        found = await ctx.use(programs.run_program, {"program": program})
        lines = found["stdout"].strip().splitlines()
        return lines[-1] if found["ended"] and lines else None


def reckoner(about: str = "question", wanted: str = "") -> Agent:
    """The agent for `Reckoned`; `about` is the field with the question, `wanted` what is to be printed."""
    wanted = wanted or "a number in digits, without unit; of a question with options, the letter"
    return Agent(
        "reckoner",
        role="You solve problems by writing programs, and you trust a run more than mental arithmetic.",
        task="Task: write a Python program that computes the answer to the question above.\n\n"
        "Read every quantity off the question, give each a name with its unit, and compute step by step from these; put "
        "nothing into the program that you worked out in your head. Where the question leaves something to be assumed, "
        "assign an assumption that you can defend, and say in a comment why it is of that size. Use the standard library "
        f"alone, read no input, and print the answer alone as the last line: {wanted}. The question is unsuitable when no "
        "program can compute what it asks.",
        about=about,
        form=form(program="the program, as plain Python"),
        sampling=Sampling(temperature=0.2, max_tokens=2048),
    )


def _same_value(given: str, printed: str, record: Record, entry: Entry) -> bool:
    """Whether the answers are the same; of a number, but for what the reply rounds off and what floats lose."""
    if same(given, printed, entry) or entry.match != "number":
        return same(given, printed, entry)
    shown, exact = number(given), number(printed)
    if shown is None or exact is None:
        return False
    is_rounded = ROUNDING.search(record.fields.get("question", "")) is not None
    return Equation(printed, given).holds(is_rounded) or abs(shown - exact) <= NEARLY * abs(exact)


EXAMPLE = re.compile(r"^Input:[ \t]*(.*)\n(?:Reasoning:.*\n)?Output:[ \t]*(.*)$", re.MULTILINE)
NO_RULE = "none"


async def ruled(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
    """The author's `rule`, a function f from text to text, gives the output of each example and the answer.

    A rule that is a table of the items it is tried on says nothing, unless the student is given that table.
    """
    rule = record.fields.get("rule", NO_RULE)
    if rule.strip().casefold().rstrip(".") == NO_RULE:
        return None
    examples = [
        (given.strip(), wanted.strip()) for given, wanted in EXAMPLE.findall(record.fields["examples"])
    ]
    pairs = [*examples, (record.fields["query"].strip(), record.fields["answer"].strip())]
    program = code_of(rule, "f")
    if program is None or len(examples) < 2:
        return _no(
            "ruled_answer", "rule_unreadable", "there is no function f, or no two examples to try it on"
        )
    told = record.fields["instruction"]
    if listed := [given for given, _ in pairs if given in literals(program) and given not in told]:
        return _no("ruled_answer", "rule_is_a_table", f"it lists {short(listed[0])}")
    asked = {"program": program, "function": "f", "arguments": [[given] for given, _ in pairs]}
    found = await ctx.use(programs.call_program, asked)
    for (given, wanted), value in zip(pairs, found["values"], strict=False):
        if str(value).strip() != wanted:
            return _no(
                "ruled_answer",
                "rule_disagrees",
                f"f({short(given)}) is {short(str(value))}, not {short(wanted)}",
            )
    if len(found["values"]) < len(pairs):
        return _no("ruled_answer", "not_decided", found["detail"])
    return Verdict(True, "ruled_answer")


def literals(program: str) -> frozenset[str]:
    """The texts that stand in a program as such, and the numbers that are keys of its tables."""
    nodes = [*ast.walk(ast.parse(program))]
    keys = [key for node in nodes if isinstance(node, ast.Dict) for key in node.keys]
    constants = [node for node in [*nodes, *keys] if isinstance(node, ast.Constant)]
    return frozenset(str(each.value) for each in constants if each in keys or isinstance(each.value, str))


@dataclass(frozen=True)
class FirstOf:
    """The first of several verifiers that has something to say, where those after it are dearer or see less."""

    verifiers: tuple[Verifier, ...]

    def agents(self) -> Iterable[Agent]:
        return (agent for verify in self.verifiers for agent in asked_by(verify))

    async def __call__(self, record: Record, entry: Entry, ctx: Context) -> Verdict | None:
        for verify in self.verifiers:
            if verdict := await verify(record, entry, ctx):
                return verdict
        return None


def _no(by: str, reason: str, detail: str) -> Verdict:
    return Verdict(False, by, reason, detail)
