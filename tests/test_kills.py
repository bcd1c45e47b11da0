"""Stop it anywhere, by any signal: the round is the same to the byte, and no finished call is paid for again."""

from __future__ import annotations

import bisect
import json
import random
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGTERM
from typing import Any

import orjson
import pytest
import yaml
from genteach.generate.pairs import read_pairs
from genteach.run import Interrupted

from .servers import SLOTS, fake_teacher

GENTEACH = [sys.executable, "-m", "genteach.cli"]
EARLY = {-SIGTERM, -SIGINT}  # the codes of a process that had not come to install its handlers
CALLS = 4  # of an item


def recipe_of(folder: Path, items: int) -> dict[str, Any]:
    """A recipe for that many items, from documents in `folder`."""
    documents = folder / "documents.jsonl"
    ship = "It holds {} ships, and ship {} was built by Carl Dahl in {}."
    with documents.open("w") as file:
        for n in range(items):
            ships = " ".join(ship.format(k + n, k, 1700 + k) for k in range(3))
            file.write(json.dumps({"text": f"Anna Berg founded museum number {n} of Lund. {ships}"}) + "\n")
    return {
        "seeds": [{"path": str(documents), "licence": "CC0-1.0", "min_chars": 50, "max_chars": 1000}],
        "held_out": 0,
        "skills": {"text_modification": {"transform": ["identity"], "entries": ["text_capitalization"]}},
        "entries_per_seed": 1,
        "refine_rounds": 0,
    }


@dataclass
class Life:
    """One process from its start to its end; `how` it was told to end, if it was. Times are the clock's."""

    began: float
    process: subprocess.Popen[str]
    how: list[signal.Signals] = field(default_factory=list)
    stopped: float = 0.0
    ended: float = 0.0
    said: str = ""

    def stop(self, *signals: signal.Signals, between: float = 0.0) -> None:
        self.stopped = time.time()
        for number in signals:
            time.sleep(between if self.how else 0)
            self.process.send_signal(number)
            self.how.append(number)
        self.finish()

    def finish(self) -> None:
        self.said, _ = self.process.communicate()
        self.ended = time.time()

    @property
    def code(self) -> int:
        return self.process.returncode


@dataclass
class Trial:
    """The lives of one run against one server with a ledger."""

    recipe: dict[str, Any]
    out: Path
    url: str
    ledger: Path
    slots: int = SLOTS
    lives: list[Life] = field(default_factory=list)

    def start(self) -> Life:
        self._let_the_server_finish()
        config = self.out.with_suffix(".yaml")
        where = {"out": str(self.out), "teacher": {"url": self.url, "slots": self.slots}}
        config.write_text(yaml.safe_dump(self.recipe | where))
        command = [*GENTEACH, "generate", "--config", str(config)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lives.append(Life(time.time(), process))
        return self.lives[-1]

    def _let_the_server_finish(self) -> None:
        """Until it has noted all that it does for clients that are gone: its lines are told apart by their time."""
        size = -1
        while self.ledger.exists() and size != (size := self.ledger.stat().st_size):
            time.sleep(0.06)

    def complete(self) -> None:
        """Let it run to its end."""
        last = self.start()
        last.finish()
        assert last.code == 0, last.said

    def wait_for_calls(self, more: int) -> None:
        """Until so many requests have arrived since now; the last life must still be alive then."""
        before = self.ledger.stat().st_size if self.ledger.exists() else 0
        arrived = 0
        with self.ledger.open("rb") as lines:
            lines.seek(before)
            while arrived < more:
                assert self.lives[-1].process.poll() is None, "the run ended before it could be stopped"
                arrived += sum(b'"arrived"' in line and b'"skill":""' not in line for line in lines)
                time.sleep(0.005)


@dataclass
class Audit:
    """What the ledger says of the lives of a run: a repeat was sent again after a complete 200 was logged."""

    sent: Counter[tuple[str, ...]] = field(default_factory=Counter)
    repeats: Counter[int] = field(default_factory=Counter)  # by the life that had paid for the call
    wrong: list[str] = field(default_factory=list)  # repeats of calls that were not in flight at a SIGKILL
    first: dict[int, float] = field(default_factory=dict)  # seconds from a life's start to its first call


def audit(trial: Trial) -> Audit:
    """A call is in flight if its item made no other in that life: it does so when the last is in the journal."""
    found, began = Audit(), [life.began for life in trial.lives]
    paid: dict[tuple[str, ...], int] = {}
    last: dict[tuple[int, str], tuple[str, ...]] = {}
    for line in read_ledger(trial.ledger):
        number = bisect.bisect(began, line["time"]) - 1
        call = tuple(str(line[key]) for key in ("request", "skill", "agent", "seed_id", "n"))
        if line["event"] == "written":
            paid[call] = number
        elif line["event"] == "arrived":
            found.first.setdefault(number, line["time"] - began[number])
            found.sent[call] += 1
            if (payer := paid.get(call)) is not None:
                found.repeats[payer] += 1
                if SIGKILL not in trial.lives[payer].how or last[payer, line["seed_id"]] != call:
                    life = trial.lives[payer]
                    found.wrong.append(
                        f"life {payer} ({life.how}, {life.said[-200:]!r}): {line['agent']} {call}"
                    )
            last[number, line["seed_id"]] = call
    return found


def read_ledger(ledger: Path) -> Iterator[dict[str, Any]]:
    """The lines that are of a flow: not of the client's own canaries."""
    with ledger.open("rb") as lines:
        return iter([line for line in map(orjson.loads, lines) if line["skill"]])


def round_of(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((out / "rounds/0001").glob("*.parquet"))}


def pair_ids(out: Path) -> Counter[str]:
    return Counter(pair["id"] for pair in read_pairs(out / "rounds/0001"))


def uninterrupted(folder: Path, items: int) -> Trial:
    """A run without a fault."""
    ledger = folder / "ledger.jsonl"
    with fake_teacher(ledger, "--latency-ms", "0") as url:
        trial = Trial(recipe_of(folder, items), folder / "whole", url, ledger)
        trial.complete()
    assert audit(trial).sent.total() == CALLS * items
    return trial


def check(trial: Trial, whole: Trial) -> Audit:
    """Equal to the byte, nothing lost or doubled, nothing bought again but what was in flight at a SIGKILL."""
    found = audit(trial)
    assert pair_ids(trial.out) == pair_ids(whole.out)
    assert round_of(trial.out) == round_of(whole.out)
    assert not found.wrong, "\n".join(found.wrong[:10])
    for life in trial.lives[:-1]:
        polite = SIGKILL not in life.how
        assert life.code in ({Interrupted.exit_code} | EARLY if polite else {-SIGKILL}), life.said
    return found


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    return uninterrupted(tmp_path_factory.mktemp("small"), 300)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    return uninterrupted(tmp_path_factory.mktemp("tiny"), 12)


def test_eight_stops_in_the_middle_cost_nothing_but_the_calls_in_flight(tmp_path: Path, small: Trial) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    options = ["--latency-ms", "20", "--faults", "0.1", "--fault-seed", str(seed)]
    ledger = tmp_path / "ledger.jsonl"
    with fake_teacher(ledger, *options) as url:
        trial = Trial(small.recipe, tmp_path / "run", url, ledger)
        for how in chance.sample([SIGKILL] * 4 + [SIGTERM] * 2 + [SIGINT] * 2, 8):
            life = trial.start()
            trial.wait_for_calls(chance.randint(1, CALLS * 300 // 10))
            life.stop(how)
            assert how == SIGKILL or "run the same command to go on" in life.said
        trial.complete()
    found = check(trial, small)
    assert found.repeats.total() <= 4 * 2 * SLOTS


@pytest.mark.parametrize(
    "signals",
    [
        pytest.param(
            [SIGTERM, SIGKILL], id="G2 SIGTERM, then SIGKILL before the calls in flight are answered"
        ),
        pytest.param([SIGTERM], id="G2 SIGTERM"),
        pytest.param([SIGINT], id="G3 Ctrl-C"),
        pytest.param([SIGINT, SIGINT], id="G3 Ctrl-C twice"),
    ],
)
def test_G2_G3_a_polite_stop_drains_and_an_impatient_one_loses_what_was_in_flight(
    tmp_path: Path, tiny: Trial, signals: list[signal.Signals]
) -> None:
    ledger = tmp_path / "ledger.jsonl"
    with fake_teacher(ledger, "--latency-ms", "500") as url:
        trial = Trial(tiny.recipe, tmp_path / "run", url, ledger)
        life = trial.start()
        trial.wait_for_calls(12 + 3)  # some have their first reply, and all wait for another
        life.stop(*signals, between=0.1)
        if signals[-1] != SIGKILL:
            assert life.code == Interrupted.exit_code and "run the same command to go on" in life.said
        trial.complete()
    found = audit(trial)
    assert round_of(trial.out) == round_of(tiny.out)
    assert found.repeats.total() == 0  # what was given up had no reply yet
    assert max(found.sent.values()) == (1 if len(signals) == 1 else 2)


KILLS, ITEMS = 200, 10_000
FEW, MANY = 12, 64  # slots: as long as it is killed, so that the work outlasts the kills, and at the end


@pytest.mark.slow
def test_200_random_kills_of_10_000_items_are_call_exact(tmp_path: Path) -> None:
    """SIGKILL, SIGTERM or SIGINT after 0.3 to 2 s of every process, and faults of the transport all along."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    (tmp_path / "whole").mkdir()
    whole = uninterrupted(tmp_path / "whole", ITEMS)
    options = [
        "--latency-ms",
        "20",
        "--slots",
        str(MANY),
        "--faults",
        "0.1",
        "--fault-seed",
        str(seed),
    ]
    ledger = tmp_path / "ledger.jsonl"
    with fake_teacher(ledger, *options) as url:
        trial = Trial(whole.recipe, tmp_path / "run", url, ledger, FEW)
        for _ in range(KILLS):
            life = trial.start()
            time.sleep(chance.uniform(0.3, 2.0))
            assert life.process.poll() is None, (
                f"the work was done after {len(trial.lives)} lives: {life.said}"
            )
            life.stop(chance.choice([SIGKILL, SIGTERM, SIGINT]))
        trial.slots = MANY
        trial.complete()
    found = check(trial, whole)
    say_figures(trial, found)


def say_figures(trial: Trial, found: Audit) -> None:
    killed = [number for number, life in enumerate(trial.lives) if SIGKILL in life.how]
    repeats = [found.repeats[number] for number in killed]
    drains = [life.ended - life.stopped for life in trial.lives if life.how and SIGKILL not in life.how]
    starts = sorted(found.first.values())
    print(
        f"kill points passed {len(trial.lives) - 1} ({len(killed)} SIGKILL), in {len(found.first) - 1} of which calls "
        f"had been made; acknowledged records lost 0; duplicates 0\n"
        f"calls {found.sent.total()}, of which sent again after a complete reply {found.repeats.total()}: "
        f"{statistics.mean(repeats):.2f} for each SIGKILL, {max(repeats)} at most; after SIGTERM and SIGINT 0\n"
        f"from a start to its first call {statistics.median(starts):.2f} s (median), {starts[-1]:.2f} s at most; "
        f"from a polite signal to the end {statistics.median(drains):.2f} s"
    )
