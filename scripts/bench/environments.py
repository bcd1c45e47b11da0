"""An environment for each peer, made once and kept: venv and pip, in a folder named after the package."""

import subprocess
import sys
import venv
from pathlib import Path

from contenders import Contender


class CannotInstall(Exception):
    """pip's last line."""


def python_of(contender: Contender, folder: Path) -> Path:
    """The interpreter that has what the contender needs; raises CannotInstall."""
    if not contender.is_peer:
        return Path(sys.executable)
    environment = folder / contender.package
    python, marker = environment / "bin" / "python", environment / "installed.txt"
    wanted = "\n".join(contender.requirements)
    if not marker.is_file() or marker.read_text() != wanted:
        venv.create(environment, clear=True, with_pip=True)
        done = subprocess.run(
            [python, "-m", "pip", "install", "--quiet", *contender.requirements],
            stderr=subprocess.PIPE,
            text=True,
        )
        if done.returncode:
            raise CannotInstall((done.stderr.strip().splitlines() or ["pip failed"])[-1])
        marker.write_text(wanted)
    return python
