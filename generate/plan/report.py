"""What a plan holds, and what its user is told of it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...progress import say, table
from .rehearse import Calls, Estimate

# A call on disk, where none has been made yet: its row, and its reply compressed to about a half.
BYTES_PER_CALL, BYTES_PER_TOKEN = 150, 2


@dataclass(frozen=True)
class Plan:
    """What a run would do: an estimate for each skill, and what decides its cost.

    `changed` are the recipe's fields that are not the run's, `other_teacher` says by what the teacher is
    another, `sketched` names agents whose replies are not known at all; `speed` is that of the last run, in
    tokens and calls per second.
    """

    estimates: dict[str, Estimate]
    changed: list[str]
    other_teacher: str | None
    sketched: list[str]
    speed: dict[str, float]
    bytes_per_call: float | None

    @property
    def calls(self) -> Calls:
        """Those of all skills together."""
        total = Calls()
        for estimate in self.estimates.values():
            total.add(estimate.calls)
        return total

    @property
    def exact(self) -> bool:
        """Whether the new calls are known one by one."""
        return all(estimate.exact for estimate in self.estimates.values())

    @property
    def seconds(self) -> float | None:
        """The time that the new calls take: by the tokens to read or to write, whichever take longer."""
        calls = self.calls
        works = {
            "prompt_tokens_per_s": calls.prompt_tokens,
            "completion_tokens_per_s": calls.completion_tokens,
        }
        return max(
            (work / self.speed[name] for name, work in works.items() if self.speed.get(name)), default=None
        )

    @property
    def bytes(self) -> float:
        """What the journal grows by."""
        if self.bytes_per_call:
            return self.calls.new * self.bytes_per_call
        return self.calls.new * BYTES_PER_CALL + self.calls.completion_tokens * BYTES_PER_TOKEN

    def facts(self) -> dict[str, Any]:
        """The plan for machines."""
        skills = {
            name: {
                "settled": estimate.settled,
                "to_do": estimate.to_do,
                "walked": estimate.walked,
                "exact": estimate.exact,
                **_rounded(estimate.calls),
                "agents": {agent: _rounded(calls) for agent, calls in estimate.agents.items()},
            }
            for name, estimate in self.estimates.items()
        }
        costs = {"seconds": self.seconds, "journal_bytes": round(self.bytes), "speed": self.speed}
        why = {"changed": self.changed, "other_teacher": self.other_teacher, "sketched": self.sketched}
        return {"exact": self.exact, **_rounded(self.calls), **costs, **why, "skills": skills}


def _rounded(calls: Calls) -> dict[str, int]:
    return {"new": round(calls.new), **{name: round(count) for name, count in vars(calls).items()}}


def say_plan(plan: Plan, out: Path, journal: Path, update: bool) -> None:
    """What is to be done, what of it is new and why, what that costs, and how sure all this is."""
    flag = "" if update else "; generate will want --update"
    if plan.changed:
        say(f"The recipe is not the run's: {'; '.join(plan.changed)}{flag}")
    if plan.other_teacher:
        say(f"The teacher is another: {plan.other_teacher}; no reply of the old one is reused{flag}")
    _say_work(plan, out)
    if plan.calls.new:
        _say_agents(plan)
        _say_certainty(plan)
        _say_costs(plan, journal)
    elif any(each.to_do for each in plan.estimates.values()):
        say("Every reply is known: the run will ask nothing")
    else:
        say("Nothing is left to do")
    say("This is a plan: the teacher was asked nothing, and the run's folder is as it was")


def _say_work(plan: Plan, out: Path) -> None:
    columns = ["skill", "settled", "to do", "calls reused", "new calls", "prompt tokens", "completion tokens"]
    found = sorted(plan.estimates.items())
    rows = [_row(name, each.settled, each.to_do, each.calls, each.exact) for name, each in found]
    settled = sum(each.settled for _, each in found)
    to_do = sum(each.to_do for _, each in found)
    table(f"Plan of {out}", columns, [*rows, _row("all", settled, to_do, plan.calls, plan.exact)])


def _row(name: str, settled: int, to_do: int, calls: Calls, exact: bool) -> list[str]:
    counts = [f"{settled:,}", f"{to_do:,}", *(_count(count, exact) for count in (calls.reused, calls.new))]
    tokens = [_count(count, False) for count in (calls.prompt_tokens, calls.completion_tokens)]
    return [name, *counts, *tokens]


def _count(count: float, exact: bool) -> str:
    """A figure; one that is not exact is given to three digits."""
    if exact or not count:
        return f"{count:,.0f}"
    return f"about {float(f'{count:.3g}'):,.0f}"


def _say_agents(plan: Plan) -> None:
    """Whose calls an edit touches, and why; a run that only goes on has none to tell of."""
    if not plan.calls.changed + plan.calls.following:
        return
    columns = ["new calls, by agent", "another prompt", "reads a new reply", "never made", "reused"]
    rows = [
        [f"{skill}: {agent}", *(f"{count:,.0f}" for count in (c.changed, c.following, c.guessed, c.reused))]
        for skill, estimate in sorted(plan.estimates.items())
        for agent, c in estimate.agents.items()
        if c.new
    ]
    table("Why", columns, rows)


def _say_certainty(plan: Plan) -> None:
    """How far the figures can be trusted."""
    calls, unheard = plan.calls, plan.sketched
    if plan.exact:
        say("The number of new calls is exact: no other call depends on their replies")
    if calls.following:
        say(
            f"Of the new calls, {calls.following:,.0f} have a new prompt because they read a new reply; "
            "where that comes out as it was, they are reused"
        )
    for skill, each in plan.estimates.items():
        looked_at = each.to_do - each.by_mean
        if each.by_mean:
            say(f"{skill}: {each.by_mean:,} items are taken to be like the {each.settled:,} settled ones")
        if looked_at > each.walked:
            say(f"{skill}: scaled up from {each.walked:,} of {looked_at:,} items, spread by hash")
    if unheard:
        named = ", ".join(unheard[:5]) + (f" and {len(unheard) - 5} more" if len(unheard) > 5 else "")
        say(
            f"A sketch: nothing is known yet of what {named} will say, and usual lengths are put in its place"
        )


def _say_costs(plan: Plan, journal: Path) -> None:
    """Time and disk."""
    if plan.seconds is None:
        say(
            "Time: unknown, as this teacher's speed was not measured yet: genteach generate --limit 20 measures it "
            "(the rest goes on from there with --update), and genteach teacher tune"
        )
    else:
        speed = plan.speed["completion_tokens_per_s"]
        say(f"Time: about {_duration(plan.seconds)} at the last run's {speed:,.0f} completion tokens/s")
    place = next(folder for folder in journal.absolute().parents if folder.exists())
    free = shutil.disk_usage(place).free
    each = f"{plan.bytes_per_call:,.0f} bytes a call so far" if plan.bytes_per_call else "none is made yet"
    full = "" if plan.bytes < free else "; that is not enough"
    say(f"Journal: about {_size(plan.bytes)} more ({each}); {_size(free)} are free in {place}{full}")


def _duration(seconds: float) -> str:
    if seconds < 1:
        return "a second"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:,.1f} hours"


def _size(count: float) -> str:
    """Bytes for people."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"
