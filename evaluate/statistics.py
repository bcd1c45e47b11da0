"""How sure a score and a difference are: cluster bootstrap, exact McNemar, and the smallest difference that could be seen."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..generate.tools.shares import wilson
from .item import Row, digest

RESAMPLES = 10_000
FEWEST_CLUSTERS = 10
"""Below this many independent groups a bootstrap interval is too narrow to decide anything by."""


@dataclass(frozen=True, slots=True)
class Score:
    """A score of `n` items with its 95 % interval; `scale` is 1 for shares of right answers, 10 for judged ratios."""

    value: float
    n: int
    interval: tuple[float, float]
    scale: int = 1


@dataclass(frozen=True, slots=True)
class Difference:
    """`b` minus `a` on the same items. `won` and `lost` count items that only b, or only a, has right (or better).

    p: exact McNemar, for 0/1 scores alone. detectable: the difference that a sample like this one shows with 80 % power.
    """

    value: float
    interval: tuple[float, float]
    n: int
    clusters: int
    won: int
    lost: int
    p: float | None
    detectable: float

    @property
    def verdict(self) -> str:
        """better, worse or cannot tell: the interval must exclude 0, and so must McNemar's test where there is one."""
        sure = self.clusters >= FEWEST_CLUSTERS and (self.p is None or self.p < 0.05)
        if sure and self.interval[0] > 0:
            return "better"
        if sure and self.interval[1] < 0:
            return "worse"
        return "cannot tell"


def is_judged(rows: Sequence[Row]) -> bool:
    """Whether these rows hold judgements beside the teacher's instead of right and wrong."""
    return any(row.get("teacher_score") is not None for row in rows)


def score(rows: Sequence[Row]) -> Score | None:
    """The score of the measured rows; None where there are none.

    0/1 scores: a Wilson interval on the effective number of items, as clustered items carry less information.
    Judged: 10 x student / teacher (arXiv 2407.03502, section 4.1) with a cluster bootstrap.
    """
    measured = [row for row in rows if row["score"] is not None]
    if not measured:
        return None
    sums = _cluster_sums([_parts(row) for row in measured], [row["cluster"] for row in measured])
    total, out_of = sums.sum(axis=0)
    if is_judged(measured):
        ratios = _ratio(*_resample(sums, measured[0]["task"]).T)
        return Score(10 * float(_ratio(total, out_of)), len(measured), _interval(10 * ratios), 10)
    return Score(total / out_of, len(measured), wilson(total / out_of, _effective(sums)))


def paired(a: Sequence[Row], b: Sequence[Row]) -> Difference:
    """Paired: `a[i]` and `b[i]` are rows of one item, all measured. The clusters are resampled, each with all its items."""
    parts = [(*_parts(x), *_parts(y)) for x, y in zip(a, b, strict=True)]
    sums = _cluster_sums(parts, [row["cluster"] for row in a])
    judged = is_judged(a) or is_judged(b)
    scale = 10 if judged else 1
    got_a, of_a, got_b, of_b = _resample(sums, a[0]["task"]).T
    spread = scale * (_ratio(got_b, of_b) - _ratio(got_a, of_a))
    totals = sums.sum(axis=0)
    value = scale * float(_ratio(totals[2], totals[3]) - _ratio(totals[0], totals[1]))
    won = sum(y["score"] > x["score"] for x, y in zip(a, b, strict=True))
    lost = sum(y["score"] < x["score"] for x, y in zip(a, b, strict=True))
    least = (
        0.0 if judged else math.sqrt(won + lost + 2) / len(a)
    )  # two more flips: no flip seen is not no noise
    return Difference(
        value=value,
        interval=_interval(spread),
        n=len(a),
        clusters=len(sums),
        won=won,
        lost=lost,
        p=None if judged else mcnemar(won, lost),
        detectable=(1.96 + 0.84) * max(float(spread.std()), least),
    )


def mcnemar(won: int, lost: int) -> float:
    """Two-sided exact p of `won` against `lost` flips, if both were equally likely."""
    flips = won + lost
    tail = sum(math.comb(flips, k) for k in range(min(won, lost) + 1))
    return (
        min(1.0, float(2 * tail / 2**flips))
        if flips < 1000
        else min(1.0, math.exp(math.log(2 * tail) - flips * math.log(2)))
    )


def _parts(row: Row) -> tuple[float, float]:
    teacher = row.get("teacher_score")
    return float(row["score"]), 1.0 if teacher is None else float(teacher)


def _cluster_sums(parts: Sequence[tuple[float, ...]], clusters: Sequence[str]) -> np.ndarray:
    """Sums of `parts` per cluster: clusters x columns."""
    names = {name: place for place, name in enumerate(dict.fromkeys(clusters))}
    sums = np.zeros((len(names), len(parts[0])))
    np.add.at(sums, [names[name] for name in clusters], np.asarray(parts))
    return sums


def _resample(sums: np.ndarray, name: str) -> np.ndarray:
    """Totals of RESAMPLES draws of as many clusters with replacement: draws x columns. Same name, same draws.

    Clusters with equal sums are exchangeable, so whole kinds of them are drawn at once: exact, and cheap for 14,000.
    """
    kinds, counts = np.unique(sums, axis=0, return_counts=True)
    random = np.random.default_rng(int(digest(name)[:8], 16))
    return random.multinomial(len(sums), counts / len(sums), size=RESAMPLES) @ kinds


def _ratio(got: np.ndarray, out_of: np.ndarray) -> np.ndarray:
    return np.divide(got, out_of, out=np.zeros_like(got, dtype=float), where=np.asarray(out_of) > 0)


def _interval(draws: np.ndarray) -> tuple[float, float]:
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(low), float(high)


def _effective(sums: np.ndarray) -> float:
    """How many independent items the clustered ones are worth: n over the design effect, which is at least 1."""
    got, sizes = sums.T
    n, share = sizes.sum(), got.sum() / sizes.sum()
    independent = share * (1 - share) * n
    if not independent:
        return float(len(sums))  # all right or all wrong: a cluster may count as one
    between = ((got - share * sizes) ** 2).sum() * len(sums) / max(1, len(sums) - 1)
    return float(n / max(1.0, between / independent))
