"""Wrong answers do not pass: each skill's records are corrupted by a machine, and verified again (see corruption.py)."""

from __future__ import annotations

from pathlib import Path

import pytest
from genteach.generate.skills import NAMES

from .corruption import Measured, of_skills
from .recordings import sections

FEW = 1  # passages of the textbooks; scripts/bench/verifiers takes 20


@pytest.mark.skipif(not sections(), reason="no GENTEACH_DATA")
@pytest.mark.parametrize("name", NAMES)
def test_corrupted_answers_are_turned_down_and_right_ones_are_not(name: str, tmp_path: Path) -> None:
    measured: Measured = of_skills([name], tmp_path, FEW)[name]
    assert measured.right + measured.undecided >= 1, "there are records to judge"
    assert measured.accepted.total() <= 0.05 * measured.wrong.total() + 2, measured.slips
    assert measured.turned_down.total() <= 0.05 * measured.right, measured.slips
