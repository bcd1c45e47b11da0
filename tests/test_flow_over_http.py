"""A whole run against a real server: its replies may be junk, but every seed is accounted for and nothing hangs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .servers import tiny_chat_checkpoint, transformers_serve


@pytest.mark.slow
def test_a_model_that_talks_nonsense_costs_no_seed(tmp_path: Path) -> None:
    checkpoint = tiny_chat_checkpoint(tmp_path / "model")
    recipe = tmp_path / "generate.yaml"
    with transformers_serve(checkpoint, tmp_path / "home") as url:
        recipe.write_text(
            f"out: {tmp_path}/run\nseeds: [{{builtin: python, kind: text, min_chars: 150, max_chars: 400}}]\n"
            f"limit: 4\nskills: all\nrefine_rounds: 0\nteacher: {{url: '{url}', model: '{checkpoint}', slots: 4}}\n"
        )
        command = [sys.executable, "-m", "genteach.cli", "generate", "--config", str(recipe)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert ended.returncode in (0, 3), ended.stdout + ended.stderr
    manifest = json.loads((tmp_path / "run/rounds/0001/manifest.json").read_text())
    lost = sum(manifest["rejected"].values()) + sum(manifest["quarantined"].values())
    assert manifest["planned"] == manifest["done"] + lost > 0
    assert manifest["pending"] == 0
    assert manifest["teacher_calls"] >= manifest["planned"]
