"""What every bench writes: its findings, with the date, the command and the machine that they come from."""

import json
import os
import platform
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from genteach.progress import say


def write_report(path: Path, found: dict[str, Any]) -> None:
    """The findings as JSON, and a line that says where."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    known = {"date": now, "command": shlex.join(sys.argv), "machine": machine()}
    path.write_text(json.dumps(known | found, indent=2) + "\n")
    say(f"{path}: all of this, and more")


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    facts = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in facts if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 30,
        "kernel": platform.release(),
        "python": platform.python_version(),
    }
