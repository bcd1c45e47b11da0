"""Intervals cover, clusters widen them, and a verdict needs evidence."""

from typing import Any

import numpy as np
import pytest
from genteach.evaluate.statistics import mcnemar, paired, score
from genteach.generate.tools.shares import wilson


def rows(scores: list[float], clusters: list[str] | None = None, **facts: Any) -> list[dict[str, Any]]:
    groups = clusters or [str(number) for number in range(len(scores))]
    return [
        {"task": "t", "score": value, "cluster": group, **facts}
        for value, group in zip(scores, groups, strict=True)
    ]


def test_mcnemar_is_exact() -> None:
    assert mcnemar(0, 0) == 1
    assert mcnemar(5, 0) == pytest.approx(0.0625)
    assert mcnemar(10, 2) == mcnemar(2, 10) == pytest.approx(0.03857421875)
    assert mcnemar(3, 3) == 1
    assert 0 < mcnemar(3000, 2500) < 1e-9


def test_wilson_is_the_textbooks() -> None:
    assert wilson(0.5, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)
    assert wilson(0, 40) == pytest.approx((0, 0.0876), abs=1e-4)


def test_nothing_measured_has_no_score() -> None:
    assert score(rows([])) is None
    assert score([row | {"score": None} for row in rows([1, 0])]) is None


def test_clusters_widen_the_interval() -> None:
    scores = [float(number % 20 < 10) for number in range(400)]
    alone = score(rows(scores))
    together = score(rows(scores, [str(number // 10) for number in range(400)]))
    assert alone is not None
    assert together is not None
    assert alone.value == together.value == 0.5
    widths = [each.interval[1] - each.interval[0] for each in (alone, together)]
    assert widths[1] > 2.5 * widths[0]


def test_the_paired_interval_covers_the_true_difference() -> None:
    random = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        before = random.random(150) < 0.4
        after = np.where(random.random(150) < 0.6, before, random.random(150) < 0.6)
        truth = 0.6 * 0.4 + 0.4 * 0.6 - 0.4
        difference = paired(rows(list(before.astype(float))), rows(list(after.astype(float))))
        covered += difference.interval[0] <= truth <= difference.interval[1]
    assert 180 <= covered <= 199


def test_a_verdict_needs_an_interval_a_test_and_enough_groups() -> None:
    right, wrong = rows([1.0] * 60), rows([0.0] * 60)
    assert paired(wrong, right).verdict == "better"
    assert paired(right, wrong).verdict == "worse"
    assert paired(right, right).verdict == "cannot tell"
    few = [str(number % 4) for number in range(60)]
    assert paired(rows([0.0] * 60, few), rows([1.0] * 60, few)).verdict == "cannot tell"
    five = rows([1.0] * 5 + [0.0] * 55)
    assert paired(wrong, five).interval[0] > 0
    assert paired(wrong, five).p == pytest.approx(0.0625)
    assert paired(wrong, five).verdict == "cannot tell"


def test_what_could_be_seen_shrinks_with_the_sample() -> None:
    small, large = (paired(rows([0.0, 1.0] * n), rows([1.0, 0.0] * n)).detectable for n in (20, 2000))
    assert 0.4 < small < 0.7
    assert small / large == pytest.approx(10, rel=0.1)
    assert paired(rows([1.0] * 40), rows([1.0] * 40)).detectable > 0.05


def test_judged_scores_are_ten_times_student_over_teacher() -> None:
    base, student = rows([4.0] * 30, teacher_score=8.0), rows([6.0] * 30, teacher_score=8.0)
    found = score(student)
    assert found is not None
    assert (found.value, found.scale) == (7.5, 10)
    difference = paired(base, student)
    assert difference.value == pytest.approx(2.5)
    assert difference.p is None
    assert difference.verdict == "better"


def test_the_same_rows_give_the_same_interval() -> None:
    before, after = rows([0.0, 1.0, 0.0] * 20), rows([1.0, 1.0, 0.0] * 20)
    assert paired(before, after) == paired(before, after)
