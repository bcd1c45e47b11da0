"""Faults of disks, locks and memory, by their numbers in the matrix of test_faults.py."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from genteach.generate.engine import WHOLE, Engine
from genteach.generate.journal import Journal
from genteach.generate.merge import merge
from genteach.generate.parts import Parts
from genteach.generate.teacher import Reply, Request
from genteach.generate.teacher.faculty import Faculty
from genteach.progress import Progress
from genteach.run import BadInput, EnvironmentFailure, Lock

from .toy import Scripted, toy_items

ITEMS, CALLS = 16, 16 * 3 - 2  # one item is refused its second call
LONG = " ".join(f"It holds {n} ships, and ship {n} was built by Carl Dahl in {1700 + n}." for n in range(30))
BETWEEN = 4001  # bytes from one cut to the next


def work(run: Path, note: Callable[[Request], object] = lambda request: None, seal_after: int = 0) -> int:
    """All items of the toy, in a part at the end and perhaps one before; how many replies were bought."""

    async def go() -> None:
        journal = Journal(run / "journal.sqlite")
        parts = Parts(run, WHOLE, journal, "recipe", lambda: None)

        class Teacher(Scripted):
            async def ask(self, request: Request) -> Reply:
                asked.append(request)
                if len(asked) == seal_after:
                    await parts.seal()
                reply = await super().ask(request)
                bought.append(request)
                return reply

        teacher = Teacher(note)
        try:
            await parts.open()
            engine = Engine(Faculty([teacher], [1]), journal, 0, 4, parts.seal)
            with Progress("toy", ITEMS, "items", as_json=True) as progress:
                await engine.run(lambda: toy_items(ITEMS), progress)
        finally:
            journal.close()

    asked: list[Request] = []
    bought: list[Request] = []
    asyncio.run(go())
    return len(bought)


def merged(run: Path) -> dict[str, bytes]:
    merge(run, "recipe", (item.id for item in toy_items(ITEMS)))
    return {path.name: path.read_bytes() for path in (run / "rounds/0001").iterdir()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The round that nothing happened to."""
    run = tmp_path_factory.mktemp("whole")
    assert work(run) == CALLS
    return merged(run)


def test_G4_a_torn_tail_is_cut_back_to_the_last_commit(tmp_path: Path, whole: dict[str, bytes]) -> None:
    killed, torn = tmp_path / "killed", tmp_path / "torn"
    asked: list[Request] = []

    def copy_half_way(request: Request) -> None:
        asked.append(request)
        if (
            len(asked) == CALLS // 2
        ):  # as a kill leaves it: nothing was closed, and another commit is under way
            killed.mkdir()
            for name in ("journal.sqlite", "journal.sqlite-wal"):
                shutil.copy(tmp_path / name, killed / name)

    work(tmp_path, copy_half_way)
    log = (killed / "journal.sqlite-wal").read_bytes()
    known = 0
    for number, length in enumerate(range(0, len(log), BETWEEN)):
        shutil.rmtree(torn, ignore_errors=True)
        shutil.copytree(killed, torn)
        (torn / "journal.sqlite-wal").write_bytes(log[:length])
        journal = Journal(torn / "journal.sqlite")
        before, known = known, journal.count_calls()
        journal.close()
        assert known >= before
        with sqlite3.connect(torn / "journal.sqlite") as reader:
            assert reader.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        if number % 20 == 0:
            assert work(torn) == CALLS - known
            assert merged(torn) == whole
    assert known >= CALLS // 2 - 10


@pytest.mark.parametrize("name", ["pairs", "rejected", "items", "calls", "manifest"])
def test_G5_a_flipped_byte_in_a_part_is_named_and_the_part_made_anew(
    tmp_path: Path, whole: dict[str, bytes], name: str
) -> None:
    work(tmp_path, seal_after=CALLS // 2)
    first, _ = sorted((tmp_path / "parts/0-of-1").iterdir())
    flip(next(first.glob(f"{name}.*")))
    with pytest.raises(BadInput, match=rf"{name}\.\w+: .*remove {first} and run genteach generate again"):
        merged(tmp_path)
    shutil.rmtree(first)
    assert work(tmp_path) == 0
    assert merged(tmp_path) == whole


def test_G5_a_flipped_byte_in_the_round_is_named_and_the_round_made_anew(
    tmp_path: Path, whole: dict[str, bytes]
) -> None:
    work(tmp_path)
    merged(tmp_path)
    damaged = tmp_path / "rounds/0001/pairs-00000.parquet"
    flip(damaged)
    with pytest.raises(BadInput, match=rf"{damaged}: sha256 is .*remove {damaged.parent} and run"):
        merged(tmp_path)
    shutil.rmtree(damaged.parent)
    assert work(tmp_path) == 0
    assert merged(tmp_path) == whole


def flip(path: Path) -> None:
    """One bit in the middle; in a manifest, one that makes it no JSON."""
    content = bytearray(path.read_bytes())
    content[0 if path.suffix == ".json" else len(content) // 2] ^= 1
    path.write_bytes(content)


@contextmanager
def small_disk(place: Path, options: str) -> Iterator[Path]:
    """A file system in memory, of a size; whoever may not mount one skips the test."""
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(mount, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def generate(out: Path) -> tuple[int, str]:
    """`genteach generate` on the offline teacher; its exit code, and what it said on stderr and last."""
    documents, config = (out.parents[1] / name for name in ("documents.jsonl", "generate.yaml"))
    lines = (json.dumps({"text": f"Anna Berg founded the museum of Lund in {n}. {LONG}"}) for n in range(80))
    documents.write_text("\n".join(lines))
    corpus = f"{{path: {documents}, licence: CC0-1.0, min_chars: 100, max_chars: 3000}}"
    config.write_text(
        f"out: {out}\nseeds: [{corpus}]\nskills: reading_comprehension\nrefine_rounds: 0\nheld_out: 0\n"
    )
    command = [sys.executable, "-m", "genteach.cli", "generate", "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stderr + done.stdout[-1500:]


def test_G6_a_full_disk_ends_the_run_and_room_lets_it_go_on(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "size=4m") as disk:
        code, said = generate(disk / "run")
        assert code == EnvironmentFailure.exit_code
        assert f"{disk}/run/journal.sqlite: database or disk is full; what was counted is safe" in said
        assert re.search(r"80 work items .* = \d+ done .* \d+ pending", said)
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        assert generate(disk / "run")[0] == 0
        manifest = json.loads((disk / "run/rounds/0001/manifest.json").read_text())
    assert manifest["pending"] == 0


def test_G7_without_inodes_or_leave_to_write_nothing_is_asked(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "size=4m,nr_inodes=2") as disk:
        refused = f"genteach: {disk}/run: cannot write there ({{}}); choose a writable folder\n"
        assert generate(disk / "run") == (4, refused.format("No space left on device"))
        subprocess.run(["mount", "-o", "remount,ro,nr_inodes=100", str(disk)], check=True)
        assert generate(disk / "run") == (4, refused.format("Read-only file system"))


def test_G22_a_kill_while_the_lock_is_written_loses_no_epoch(tmp_path: Path) -> None:
    with Lock(tmp_path) as lock:
        held = json.loads((tmp_path / "lock").read_text())
    assert lock.epoch == held["epoch"] == 1
    shorter = json.dumps({"epoch": 1}) + "\n"
    (tmp_path / "lock").write_text(
        shorter + json.dumps(held)[len(shorter) :]
    )  # written over, and not yet cut
    with Lock(tmp_path) as lock:
        assert lock.epoch == 2


GROWING = """
import asyncio, resource, sys
from pathlib import Path
from genteach.generate.engine import Engine
from genteach.generate.journal import Journal
from genteach.generate.teacher.faculty import Faculty
from genteach.progress import Progress
from toy import Scripted, toy_items

async def work(path, count):
    journal = Journal(path)
    engine = Engine(Faculty([Scripted(lambda request: None, 64)], [1]), journal, 0, 64)
    await engine.run(lambda: toy_items(count), Progress("toy", count, "items", as_json=True))
    journal.close()

for count in (500, 5_000):
    asyncio.run(work(Path(sys.argv[1]) / f"{count}.sqlite", count))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


def test_G24_memory_does_not_grow_with_the_run(tmp_path: Path) -> None:
    """A small one; the benchmark's is long. What happens without memory is in test_sweep.py."""
    command = [sys.executable, "-c", GROWING, str(tmp_path)]
    path = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    measured = subprocess.run(command, env=path, capture_output=True, text=True, check=True).stderr
    small, large = map(int, measured.split())
    assert large < 1.15 * small
