"""Whatever operation of the write path is the last, or the first to fail: nothing is lost, doubled or bought again."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

SWEEP = [sys.executable, str(Path(__file__).with_name("sweep.py"))]
MEMORY = Path("/dev/shm")  # where an fsync costs nothing: it is processes that die here, not machines
CORES = 2
slow = pytest.mark.slow


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc, and limits the size of files")
@pytest.mark.parametrize(
    ("fault", "window", "step"),
    [
        pytest.param("kill", 1, 1, id="killed at every operation"),
        pytest.param("full", 1, 6, id="disk full from every sixth operation on"),
        pytest.param("sync", 1, 6, id="every sixth sync fails"),
        pytest.param("memory", 1, 12, id="no memory from every twelfth operation on"),
        pytest.param("kill", 4, 1, id="killed at every operation of four items at a time", marks=slow),
        pytest.param("full", 1, 1, id="disk full from every operation on", marks=slow),
        pytest.param("sync", 1, 1, id="every sync fails", marks=slow),
        pytest.param("memory", 1, 1, id="no memory from every operation on", marks=slow),
    ],
)
def test_a_fault_at_any_operation_costs_nothing_but_the_calls_in_flight(
    fault: str, window: int, step: int
) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        sweeps = [
            subprocess.Popen(
                [*SWEEP, f"{folder}/{core}", fault, "--window", str(window), "--first", str(1 + core * step),
                 "--step", str(CORES * step)],
                stdout=subprocess.PIPE, text=True,
            )
            for core in range(CORES)
        ]  # fmt: skip
        found = [json.loads(sweep.communicate()[0]) for sweep in sweeps]
    wrong = [each for half in found for each in half.pop("wrong")]
    operations, *_ = [half.pop("operations") for half in found]
    total = {name: sum(half[name] for half in found) for name in found[0]}
    print(f"{fault}, window {window}: {operations} operations; {total}")
    assert not wrong, "\n".join(wrong[:20])
    assert total["lost"] == total["duplicated"] == 0
    assert total["points"] > 0.8 * operations / step * (0.4 if fault == "sync" else 1)
