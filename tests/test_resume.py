"""Kill it anywhere: the dataset is the same to the byte, and no finished call is paid for again."""

import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from genteach.generate.pairs import read_pairs

KILLS = 5
SLOTS = 16
GENTEACH = [sys.executable, "-m", "genteach.cli"]


@contextmanager
def fake_teacher(ledger: Path) -> Iterator[str]:
    """The offline rules behind HTTP, with a ledger; yields the URL."""
    options = ["--answers", "offline", "--latency-ms", "5", "--slots", str(SLOTS), "--ledger", str(ledger)]
    with subprocess.Popen(
        [*GENTEACH, "teacher", "fake", *options], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        try:
            line = server.stdout.readline()
            yield next(word for word in line.split() if word.startswith("http"))
        finally:
            server.terminate()
            server.communicate()


def generate(url: str, out: Path) -> subprocess.Popen[str]:
    recipe = out.parent / "generate.yaml"
    recipe.write_text(
        f"out: {out}\nseeds: [{{builtin: python, kind: text, min_chars: 150, max_chars: 400}}]\nlimit: 40\nskills: all\n"
        f"teacher: {{url: '{url}', slots: {SLOTS}}}\nwindow: {2 * SLOTS}\nrefine_rounds: 0\n"
    )
    command = [*GENTEACH, "generate", "--config", str(recipe)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def shards(out: Path) -> dict[str, str]:
    manifest = json.loads((out / "rounds/0001/manifest.json").read_text())
    return {file["name"]: file["sha256"] for file in manifest["files"]}


def sent(ledger: Path) -> Counter[str]:
    """How often each request of a flow arrived, by the hash of its body; a start's one-token canary is of none."""
    lines = (json.loads(line) for line in ledger.read_text().splitlines())
    return Counter(line["request"] for line in lines if line["event"] == "arrived" and line["skill"])


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Counter[str], float]:
    folder = tmp_path_factory.mktemp("uninterrupted")
    with fake_teacher(folder / "ledger.jsonl") as url:
        began = time.monotonic()
        run = generate(url, folder / "run")
        output, _ = run.communicate()
        assert run.returncode == 0, output
    return folder / "run", sent(folder / "ledger.jsonl"), time.monotonic() - began


def test_kill_minus_nine_costs_no_pair_and_no_finished_call(
    tmp_path: Path, uninterrupted: tuple[Path, Counter[str], float]
) -> None:
    whole, calls_once, seconds = uninterrupted
    assert sum(1 for _ in read_pairs(whole / "rounds/0001")) >= 300
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    moments = random.Random(seed)
    with fake_teacher(tmp_path / "ledger.jsonl") as url:
        for _ in range(KILLS):
            run = generate(url, tmp_path / "run")
            time.sleep(moments.uniform(0.2, 0.5) * seconds)
            run.kill()
            run.communicate()
        last = generate(url, tmp_path / "run")
        output, _ = last.communicate()
        assert last.returncode == 0, output
    assert shards(tmp_path / "run") == shards(whole)
    repeated = sent(tmp_path / "ledger.jsonl") - calls_once
    assert repeated.total() <= KILLS * SLOTS  # at most what was in flight at each kill
    assert not calls_once - sent(tmp_path / "ledger.jsonl")


def test_a_polite_stop_repeats_nothing_and_says_how_to_go_on(
    tmp_path: Path, uninterrupted: tuple[Path, Counter[str], float]
) -> None:
    whole, calls_once, seconds = uninterrupted
    with fake_teacher(tmp_path / "ledger.jsonl") as url:
        run = generate(url, tmp_path / "run")
        time.sleep(0.5 * seconds)
        run.terminate()
        output, _ = run.communicate()
        assert run.returncode == 130, output
        assert "run the same command" in output
        last = generate(url, tmp_path / "run")
        output, _ = last.communicate()
        assert last.returncode == 0, output
    assert shards(tmp_path / "run") == shards(whole)
    assert sent(tmp_path / "ledger.jsonl") == calls_once
