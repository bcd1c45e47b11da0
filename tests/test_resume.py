"""Kill it anywhere: the dataset is the same to the byte, and no finished call is paid for again."""

import json
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from genteach.generate.pairs import read_pairs

from .servers import SLOTS, fake_teacher

KILLS = 5
GENTEACH = [sys.executable, "-m", "genteach.cli"]


def generate(url: str, out: Path) -> subprocess.Popen[str]:
    recipe = out.parent / "generate.yaml"
    recipe.write_text(
        f"out: {out}\nseeds: [{{builtin: python, kind: text, min_chars: 150, max_chars: 400}}]\nlimit: 40\nskills: all\n"
        f"teacher: {{url: '{url}', slots: {SLOTS}}}\nwindow: {SLOTS}\nrefine_rounds: 0\n"
    )
    command = [*GENTEACH, "generate", "--config", str(recipe)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def shards(out: Path) -> dict[str, str]:
    manifest = json.loads((out / "rounds/0001/manifest.json").read_text())
    return {file["name"]: file["sha256"] for file in manifest["files"]}


def sent(ledger: Path) -> Counter[str]:
    """How often each request of a flow arrived, by the hash of its body; a start's one-token canary is of none."""
    lines = (json.loads(line) for line in ledger.read_text().splitlines(keepends=True) if line.endswith("\n"))
    return Counter(line["request"] for line in lines if line["event"] == "arrived" and line["skill"])


def run_until(run: subprocess.Popen[str], ledger: Path, more: int) -> None:
    """Wait until `more` requests have arrived since now; the run must still be alive then."""
    before = sent(ledger).total()
    while sent(ledger).total() < before + more:
        assert run.poll() is None, "the run ended before it could be stopped"
        time.sleep(0.01)
    assert run.poll() is None


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Counter[str]]:
    folder = tmp_path_factory.mktemp("uninterrupted")
    with fake_teacher(folder / "ledger.jsonl") as url:
        run = generate(url, folder / "run")
        output, _ = run.communicate()
        assert run.returncode == 0, output
    return folder / "run", sent(folder / "ledger.jsonl")


def test_kill_minus_nine_costs_no_pair_and_no_finished_call(
    tmp_path: Path, uninterrupted: tuple[Path, Counter[str]]
) -> None:
    whole, calls_once = uninterrupted
    assert sum(1 for _ in read_pairs(whole / "rounds/0001")) >= 300
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    moments = random.Random(seed)
    ledger = tmp_path / "ledger.jsonl"
    with fake_teacher(ledger) as url:
        for _ in range(KILLS):
            run = generate(url, tmp_path / "run")
            run_until(run, ledger, moments.randint(1, calls_once.total() // (KILLS + 1)))
            run.kill()
            run.communicate()
        last = generate(url, tmp_path / "run")
        output, _ = last.communicate()
        assert last.returncode == 0, output
    assert shards(tmp_path / "run") == shards(whole)
    repeated = sent(ledger) - calls_once
    assert repeated.total() <= KILLS * SLOTS  # at most what was on its way, at each kill, to the journal
    assert not calls_once - sent(ledger)


def test_a_polite_stop_repeats_nothing_and_says_how_to_go_on(
    tmp_path: Path, uninterrupted: tuple[Path, Counter[str]]
) -> None:
    whole, calls_once = uninterrupted
    ledger = tmp_path / "ledger.jsonl"
    with fake_teacher(ledger) as url:
        run = generate(url, tmp_path / "run")
        run_until(run, ledger, calls_once.total() // 3)
        run.terminate()
        output, _ = run.communicate()
        assert run.returncode == 130, output
        assert "run the same command" in output
        last = generate(url, tmp_path / "run")
        output, _ = last.communicate()
        assert last.returncode == 0, output
    assert shards(tmp_path / "run") == shards(whole)
    assert sent(ledger) == calls_once
