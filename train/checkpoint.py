"""Checkpoints are complete or ignored, and a folder belongs to one run."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ..run import BadInput, differences, fingerprint, make_folder, sha256, versions, write_whole

MARKER = "COMPLETE"
NOT_HASHED = (MARKER, "lock")
MODEL_FILES = ("*.safetensors", "*.json", "*.jinja", "*.model")
PACKAGES = ("torch", "transformers", "trl", "accelerate", "deepspeed", "datasets")


def mark_complete(folder: Path, pattern: str, **facts: Any) -> None:
    """Write the marker, with `facts` and the hash of every file that matches; called when all else is written."""
    files = sorted(path for path in folder.glob(pattern) if path.is_file() and path.name not in NOT_HASHED)
    with ThreadPoolExecutor(8) as pool:
        hashes = {
            str(path.relative_to(folder)): found
            for path, found in zip(files, pool.map(sha256, files), strict=True)
        }
    write_whole(folder / MARKER, json.dumps({**facts, "files": hashes}, indent=2) + "\n")


def read_marker(folder: Path) -> dict[str, Any] | None:
    """The marker's facts, or None where the folder is not complete: no marker, or a file is missing or changed."""
    path = folder / MARKER
    if not path.is_file():
        return None
    facts = json.loads(path.read_text())
    for name, expected in facts["files"].items():
        if not (folder / name).is_file() or sha256(folder / name) != expected:
            return None
    return facts


def newest_complete(output_dir: Path) -> tuple[Path, dict[str, Any]] | None:
    """The complete checkpoint with most steps, and its facts."""
    for folder in sorted(output_dir.glob("checkpoint-*"), key=_step, reverse=True):
        if facts := read_marker(folder):
            return folder, facts
    return None


def publish(checkpoint: Path, output_dir: Path) -> None:
    """Copy the model of the last checkpoint into the run's folder itself, and mark that complete.

    Only what a model consists of: weights, config, tokenizer and template; no optimizer and no pickle.
    """
    facts = read_marker(checkpoint)
    assert facts, f"{checkpoint} is not complete"
    for pattern in MODEL_FILES:
        for path in checkpoint.glob(pattern):
            if path.name != "trainer_state.json":
                shutil.copy(path, output_dir / path.name)
    facts.pop("files")
    mark_complete(output_dir, "*", **facts)


def clear_incomplete(output_dir: Path, keep: Path | None) -> None:
    """Remove the checkpoints after `keep`: they are incomplete, and their files must not mix with new ones."""
    last = _step(keep) if keep else -1
    for folder in output_dir.glob("checkpoint-*"):
        if _step(folder) > last:
            shutil.rmtree(folder)


def _step(folder: Path) -> int:
    number = folder.name.rpartition("-")[2]
    return int(number) if number.isdigit() else -1


def begin_run(output_dir: Path, facts: dict[str, Any]) -> str:
    """Write run.json first of all and return the run's fingerprint; BadInput when another run lives here."""
    plain = json.loads(json.dumps(facts, default=str))
    mark, path = fingerprint(plain), output_dir / "run.json"
    if path.is_file():
        before = json.loads(path.read_text())
        if before["fingerprint"] != mark:
            changed = "; ".join(differences(before["facts"], plain))
            raise BadInput(
                f"output_dir: {output_dir} holds another run ({changed}); remove it or choose another"
            )
        return mark
    make_folder(output_dir)
    if any(output_dir.iterdir()):
        raise BadInput(f"output_dir: {output_dir} is not empty and holds no run of ours; choose another")
    document = {"fingerprint": mark, "facts": plain, "versions": versions(*PACKAGES)}
    write_whole(path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return mark
