"""A run that many processes share: the round is that of one process, and a lost one costs what it had not sealed."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from genteach.generate.cluster import RESTARTS
from genteach.generate.engine import Shard, item_id
from genteach.generate.parquet import read_rows
from genteach.generate.teacher import TeacherSettings
from genteach.generate.worker import gpus_for, named, with_gpus

SMALL_PARTS = [sys.executable, str(Path(__file__).with_name("small_parts.py"))]
GENTEACH = [sys.executable, "-m", "genteach.cli"]
SLOTS = 16
TEACHER = [*GENTEACH, "teacher", "fake", "--latency-ms", "50", "--slots", str(SLOTS), "--ledger"]
PAIRS = 4  # in a part, at the least
LOST = Shard(1, 3)
needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs the ray extra")

Line = dict[str, Any]


class Teachers:
    """Three replicas of a teacher, each with a ledger."""

    def __init__(self, urls: list[str], folder: Path) -> None:
        self.urls, self.folder = urls, folder

    def arrived(self, shard: Shard | None = None) -> Counter[str]:
        """How often each request of a flow arrived, by the hash of its body; of one shard's items, or of all."""
        return Counter(
            line["request"] for line in self._lines() if shard is None or shard.holds(item_of(line))
        )

    def _lines(self) -> Iterator[Line]:
        for ledger in self.folder.glob("ledger-*.jsonl"):
            lines = ledger.read_text().splitlines(keepends=True)
            found = (json.loads(line) for line in lines if line.endswith("\n"))
            yield from (line for line in found if line["event"] == "arrived" and line["skill"])


def item_of(line: Line) -> str:
    return item_id(line["skill"], line["seed_id"])


@contextmanager
def three_teachers(folder: Path) -> Iterator[Teachers]:
    ledgers = [folder / f"ledger-{number}.jsonl" for number in range(3)]
    servers = [
        subprocess.Popen([*TEACHER, str(ledger)], stdout=subprocess.PIPE, text=True) for ledger in ledgers
    ]
    try:
        lines = [server.stdout.readline() for server in servers if server.stdout]
        yield Teachers([line.split()[-1] for line in lines], folder)
    finally:
        for server in servers:
            server.terminate()
            server.communicate()


def recipe(out: Path, urls: list[str], slots: int = SLOTS) -> Path:
    path = out.parent / f"{out.name}.yaml"
    path.write_text(
        f"out: {out}\nlimit: 12\nseeds: [{{builtin: python, kind: text, min_chars: 150, max_chars: 400}}]\n"
        f"skills: all\nrefine_rounds: 0\nwindow: {SLOTS}\n"
        f"teacher: {{url: [{', '.join(urls)}], slots: {slots}}}\n"
    )
    return path


def start(config: Path, *options: str, pairs: int = PAIRS) -> subprocess.Popen[str]:
    command = [*SMALL_PARTS, str(pairs), "generate", "--config", str(config), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def start_shard(config: Path, shard: Shard, *options: str) -> subprocess.Popen[str]:
    return start(config, "--shard", f"{shard.number}/{shard.count}", *options)


def finish(*runs: subprocess.Popen[str], code: int = 0) -> str:
    """What the last of them said."""
    said = ""
    for run in runs:
        said, _ = run.communicate(timeout=120)
        assert run.returncode == code, said
    return said


def merge(out: Path) -> str:
    return finish(subprocess.Popen([*GENTEACH, "merge", str(out)], stdout=subprocess.PIPE, text=True))


def round_of(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (out / "rounds/0001").iterdir()}


def manifest(out: Path) -> Line:
    return json.loads((out / "rounds/0001/manifest.json").read_text())


def parts(out: Path, shard: Shard) -> list[Path]:
    return sorted((out / "parts" / str(shard)).glob("[0-9]*"))


def wait_for_parts(run: subprocess.Popen[str], out: Path, shard: Shard, count: int) -> None:
    while len(parts(out, shard)) < count:
        assert run.poll() is None, run.communicate()[0]
        time.sleep(0.005)


def sealed_calls(out: Path, shard: Shard) -> int:
    """The calls of a shard that its parts hold: those of the settled items, and those of the open ones."""
    found = parts(out, shard)
    of_settled = sum(row["calls"] for part in found for row in read_rows(part / "items.parquet"))
    return of_settled + sum(1 for _ in read_rows(found[-1] / "calls.parquet"))


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Counter[str]]:
    """The run of a single process, and its requests."""
    folder = tmp_path_factory.mktemp("alone")
    with three_teachers(folder) as teachers:
        finish(start(recipe(folder / "run", teachers.urls)))
        return folder / "run", teachers.arrived()


@pytest.mark.slow
def test_three_processes_at_once_make_the_round_of_one(
    tmp_path: Path, alone: tuple[Path, Counter[str]]
) -> None:
    out = tmp_path / "run"
    with three_teachers(tmp_path) as teachers:
        config = recipe(out, teachers.urls)
        finish(*(start_shard(config, Shard(number, 3)) for number in range(3)))
        assert all(len(parts(out, Shard(number, 3))) > 1 for number in range(3))
        assert "0 pending" in merge(out)
        assert teachers.arrived() == alone[1]
    assert round_of(out) == round_of(alone[0])
    assert not list((out / "parts").glob("*/[0-9]*"))


@pytest.mark.slow
def test_a_lost_node_costs_what_its_shard_had_not_sealed(
    tmp_path: Path, alone: tuple[Path, Counter[str]]
) -> None:
    out, local = tmp_path / "run", tmp_path / "local disk"
    with three_teachers(tmp_path) as teachers:
        config = recipe(out, teachers.urls)
        others = [start_shard(config, Shard(number, 3)) for number in (0, 2)]
        lost = start_shard(config, LOST, "--journal-dir", str(local))
        wait_for_parts(lost, out, LOST, 3)
        lost.kill()
        lost.communicate()
        shutil.rmtree(local)
        unsealed = teachers.arrived(LOST).total() - sealed_calls(out, LOST)
        said = finish(start_shard(config, LOST, "--journal-dir", str(local)))
        assert "items are known from sealed parts" in said
        finish(*others)
        merge(out)
        repeated = teachers.arrived() - alone[1]
        print(f"{repeated.total()} calls bought again, {unsealed} were not sealed, of {alone[1].total()}")
        assert repeated.total() <= unsealed < alone[1].total() / 3
        assert not repeated - teachers.arrived(LOST)
        assert not alone[1] - teachers.arrived()
    assert round_of(out) == round_of(alone[0])


def test_a_shard_has_one_process_and_who_was_taken_over_stops(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with three_teachers(tmp_path) as teachers:
        config = recipe(out, teachers.urls, slots=1)  # slow enough to be met
        first = start_shard(config, LOST)
        wait_for_parts(first, out, LOST, 1)
        assert f"held by process {first.pid}" in finish(start_shard(config, LOST, "--take-over"), code=4)
        # What a process on another machine does, where the file system does not carry locks from there.
        lock = out / "parts" / str(LOST) / "lock"
        lock.write_text(json.dumps({"host": "elsewhere", "pid": 1, "since": "now", "epoch": 2}) + "\n")
        sealed = len(parts(out, LOST))
        assert "taken over by process 1 on elsewhere; this process stops" in finish(first, code=4)
        assert len(parts(out, LOST)) <= sealed + 1  # one may have been on its way
        assert "on elsewhere" in finish(start_shard(config, LOST), code=4)
        config = recipe(out, teachers.urls)
        finish(start_shard(config, LOST, "--take-over"))
        said = merge(out)
    pending = manifest(out)["pending"]
    assert 0 < pending < manifest(out)["planned"]
    assert f"+ {pending} pending" in said


def process_of(shard: Shard, out: Path) -> tuple[int, int]:
    """The process that does a shard of the run, and its parent."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (folder / "cmdline").read_text().split("\0")
            if f"{shard.number}/{shard.count}" in words and any(word.startswith(str(out)) for word in words):
                stat = (folder / "stat").read_text().rpartition(")")[2].split()
                return int(folder.name), int(stat[1])
    raise AssertionError(f"nobody does shard {shard}")


@pytest.fixture
def ray_folder() -> Iterator[Path]:
    """Where Ray keeps its sockets, whose paths must be short, and a token, that it would else put into the home."""
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        (Path(folder) / "token").write_text(secrets.token_hex(32))
        yield Path(folder)


def start_on_ray(config: Path, journals: Path, ray_folder: Path, shards: int = 3) -> subprocess.Popen[str]:
    command = [*SMALL_PARTS, str(PAIRS), "ray", str(shards), str(config), str(journals)]
    environment = {
        **os.environ,
        "RAY_TMPDIR": str(ray_folder),
        "RAY_AUTH_TOKEN_PATH": str(ray_folder / "token"),
    }
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )


@pytest.mark.slow
@needs_ray
def test_ray_starts_a_lost_shard_again_and_the_round_is_that_of_one_process(
    tmp_path: Path, alone: tuple[Path, Counter[str]], ray_folder: Path
) -> None:
    out, journals = tmp_path / "run", tmp_path / "local disk"
    with three_teachers(tmp_path) as teachers:
        run = start_on_ray(recipe(out, teachers.urls), journals, ray_folder)
        wait_for_parts(run, out, LOST, 3)
        process, worker = process_of(LOST, out)
        os.kill(worker, signal.SIGKILL)
        wait_for_end(process)
        for file in journals.glob(f"journal-{LOST}-*"):
            file.unlink()
        unsealed = teachers.arrived(LOST).total() - sealed_calls(out, LOST)
        said = finish(run)
        assert re.search(f"shard {LOST} on .*: its worker is lost .*; it is started again", said), said
        repeated = teachers.arrived() - alone[1]
        print(f"{repeated.total()} calls bought again, {unsealed} were not sealed, of {alone[1].total()}")
        assert repeated.total() <= unsealed < alone[1].total() / 3
        assert not repeated - teachers.arrived(LOST)
    assert round_of(out) == round_of(alone[0])


@pytest.mark.slow
@needs_ray
def test_a_signal_drains_every_shard_on_ray_and_the_same_command_goes_on(
    tmp_path: Path, alone: tuple[Path, Counter[str]], ray_folder: Path
) -> None:
    out, journals = tmp_path / "run", tmp_path / "local disk"
    with three_teachers(tmp_path) as teachers:
        config = recipe(out, teachers.urls)
        run = start_on_ray(config, journals, ray_folder)
        wait_for_parts(run, out, LOST, 2)
        run.terminate()
        assert "run the same command to go on" in finish(run, code=130)
        finish(start_on_ray(config, journals, ray_folder))
        assert teachers.arrived() == alone[1]
    assert round_of(out) == round_of(alone[0])


@pytest.mark.slow
@needs_ray
def test_workers_host_the_servers_that_a_recipe_launches(tmp_path: Path, ray_folder: Path) -> None:
    out, ledger = tmp_path / "run", tmp_path / "ledger.jsonl"
    server = [
        sys.executable,
        "-m",
        "genteach.cli",
        "teacher",
        "fake",
        "--port",
        "{port}",
        "--ledger",
        str(ledger),
    ]
    config = recipe(out, ["http://nowhere"])
    written = yaml.safe_load(config.read_text())
    config.write_text(
        yaml.safe_dump({**written, "teacher": {"launch": {"server": "command", "command": server}}})
    )
    said = finish(start_on_ray(config, tmp_path / "local disk", ray_folder))
    assert "+ 0 pending" in said
    assert len(list(out.glob("logs/shard-*/teacher-0/teacher-0.log"))) == 3
    assert "http://127.0.0.1" in (out / "logs/shard-0-of-3/recipe.yaml").read_text()
    assert ledger.stat().st_size
    assert str(ledger) not in subprocess.check_output(["ps", "-eo", "args"], text=True)


@pytest.mark.slow
@needs_ray
def test_a_shard_that_never_succeeds_is_given_up_by_name(tmp_path: Path, ray_folder: Path) -> None:
    config = recipe(tmp_path / "run", ["http://127.0.0.1:9"])
    said = finish(start_on_ray(config, tmp_path / "local disk", ray_folder, shards=1), code=4)
    assert said.count("; it is started again") == RESTARTS
    last = said.splitlines()[-1]
    assert last.startswith("shard 0-of-1: no teacher at") and "no restart is left" in last


def test_a_worker_shares_its_gpus_among_the_servers_of_its_teachers() -> None:
    def launching(model: str, **launch: Any) -> TeacherSettings:
        return named(TeacherSettings.model_validate({"launch": {"model": model, **launch}}))

    gpus = iter("4567")
    first = with_gpus(launching("large", tensor_parallel=2, gpus=[0, 1]), gpus)
    second = with_gpus(launching("small", replicas=2, gpus=[2, 3]), gpus)
    third = with_gpus(launching("tiny", server="llama_cpp", gpus=[]), gpus)
    assert [each.launch.gpus for each in (first, second, third) if each.launch] == [
        ("4", "5"),
        ("6", "7"),
        (),
    ]
    assert [each.model for each in (first, second, third)] == ["large", "small", "tiny"]
    assert [gpus_for(each) for each in (first, second, third)] == [2, 2, 0]


def test_without_ray_one_line_says_what_to_install(tmp_path: Path) -> None:
    hidden = "import sys; sys.modules['ray'] = None\nfrom pathlib import Path\nfrom genteach.generate.cluster import *\n"
    call = "generate_on_ray(GenerateRecipe(out=Path(sys.argv[1]), seeds=[{'builtin': 'python'}], skills='all'), 'auto', 2)"
    run = subprocess.run([sys.executable, "-c", hidden + call, str(tmp_path)], capture_output=True, text=True)
    assert run.stderr.splitlines()[-1].endswith("--ray: ray is not installed; pip install 'genteach[ray]'")


def wait_for_end(process: int) -> None:
    """Until it runs no more, be it that nobody has asked for its exit code."""
    with suppress(OSError):
        while (Path("/proc") / str(process) / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
            time.sleep(0.01)
