"""A run's folder: manifests that notice every changed byte, a lock that knows the dead, sums that must add up."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from genteach.run import (
    Accounting,
    AccountingError,
    BadInput,
    EnvironmentFailure,
    Lock,
    make_folder,
    read_manifest,
    settle_recipe,
    write_manifest,
    write_whole,
)


def test_a_manifest_notices_a_changed_and_a_missing_file(tmp_path: Path) -> None:
    write_whole(tmp_path / "a.txt", "hello")
    write_manifest(tmp_path, {"a.txt": 1}, planned=1)
    assert read_manifest(tmp_path)["planned"] == 1
    (tmp_path / "a.txt").write_text("hellO")
    with pytest.raises(BadInput, match="a.txt: sha256 is"):
        read_manifest(tmp_path)
    (tmp_path / "a.txt").unlink()
    with pytest.raises(BadInput, match="a.txt: named in .* but missing"):
        read_manifest(tmp_path)


def test_a_held_run_is_refused_and_names_its_holder(tmp_path: Path) -> None:
    hold = "import sys, time, pathlib, genteach.run as run\nwith run.Lock(pathlib.Path(sys.argv[1])):\n"
    hold += "    print('held', flush=True)\n    time.sleep(60)"
    command = [sys.executable, "-c", hold, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout and holder.stdout.readline() == "held\n"
        with pytest.raises(EnvironmentFailure, match=f"held by process {holder.pid} on "), Lock(tmp_path):
            pass
        holder.kill()
    with Lock(tmp_path):  # the holder is dead now
        assert json.loads((tmp_path / "lock").read_text())["pid"] == os.getpid()
        with pytest.raises(EnvironmentFailure, match=f"held by process {os.getpid()}"), Lock(tmp_path):
            pass
    assert json.loads((tmp_path / "lock").read_text()) == {"epoch": 2}  # nobody holds it
    with Lock(tmp_path):  # and once more, after it was given back
        pass


def test_another_hosts_lock_is_never_taken_over(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(json.dumps({"host": "elsewhere", "pid": 1, "since": "today"}))
    with pytest.raises(EnvironmentFailure, match="on elsewhere since today"), Lock(tmp_path):
        pass


def test_a_changed_recipe_is_refused_with_the_fields_that_differ(tmp_path: Path) -> None:
    def settle(limit: int, model: str, update: bool = False) -> None:
        settle_recipe(
            tmp_path, {"limit": limit, "teacher": {"model": model}}, (), update, "use another --out"
        )

    settle(3, "a")
    settle(3, "a")
    with pytest.raises(BadInput, match=r"limit: 3 -> 4; teacher.model: 'a' -> 'b'\); use another --out"):
        settle(4, "b")
    settle(4, "b", update=True)
    settle(4, "b")


def test_items_that_are_nowhere_are_an_error() -> None:
    accounting = Accounting(planned=3, done=1, pending=1)
    with pytest.raises(AccountingError, match="3 items planned, 2 accounted for"):
        accounting.check()
    accounting.rejected["unsuitable"] += 1
    accounting.check()


def test_an_unwritable_folder_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentFailure, match="cannot write there"):
        make_folder(tmp_path / "file" / "run")
