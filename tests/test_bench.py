"""The bench measures what it says: whole process trees, calls by the teacher's ledger, repeats after a kill."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.alone

BENCH = Path(__file__).parents[1] / "scripts" / "bench"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the bench as a place to import from, as it is for its own scripts."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(BENCH))
    yield BENCH
    for name in set(sys.modules) - before:
        module: ModuleType = sys.modules[name]
        if str(getattr(module, "__file__", None)).startswith(str(BENCH)):
            del sys.modules[name]


def test_a_session_is_measured_and_ended_with_all_that_it_started(bench: Path, tmp_path: Path) -> None:
    from processes import Session

    child = "x = b'x' * (50 << 20); import time; time.sleep(60)"
    command = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    session = Session([sys.executable, "-c", command], tmp_path / "log")
    enough = time.monotonic() + 20
    usage = session.run(lambda: time.monotonic() > enough or session.resident(session.members()) > 60 << 20)
    assert usage.status is None and usage.peak_rss < 200 << 20
    assert time.monotonic() < enough
    assert session.members() == []


def test_the_cpu_of_children_counts(bench: Path, tmp_path: Path) -> None:
    from processes import Session

    busy = "import time\nwhile time.process_time() < 0.5: pass"
    command = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}])"
    usage = Session([sys.executable, "-c", command], tmp_path / "log").run(lambda: False)
    assert usage.status == 0 and usage.cpu >= 0.5


def test_whoever_keeps_nothing_sends_everything_again(bench: Path, tmp_path: Path) -> None:
    from contenders import BARE
    from measure import Bench

    found = Bench(BARE[0], Path(sys.executable), tmp_path / "bare").kill(1200)
    assert found["after_restart"] == "complete"
    assert found["sent_again"] == found["replies_before_kill"] >= 600


def test_the_engine_and_the_bare_loop_side_by_side(tmp_path: Path) -> None:
    names = ["--only", "bare loop, 256", "genteach"]
    sizes = ["--calls", "600", "--kill-calls", "900", "--folder", str(tmp_path)]
    done = subprocess.run([BENCH / "engine", *names, *sizes], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "engine.json").read_text())
    bare, ours = found["contenders"]
    assert (bare["calls"], ours["calls"]) == (600, 600)
    assert 0 < bare["of_limit"] <= 1.01 and ours["cpu_ms_per_call"] > 0
    assert ours["after_restart"] == "complete" and ours["sent_again"] < 256
    assert found["machine"]["cores"] == len(os.sched_getaffinity(0))
    assert "genteach" in done.stdout and "rate by bare loop" in done.stdout


def test_a_finished_journal_is_weighed_and_opened_again(tmp_path: Path) -> None:
    done = subprocess.run(
        [BENCH / "journal", "--calls", "600", "--folder", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [row] = json.loads((tmp_path / "journal.json").read_text())["journals"]
    assert row["calls"] == 600 and row["opened_s"] < 5 and row["by_zstd"] > 1
