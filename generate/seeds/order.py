"""Orders and shares drawn by hash: the same for the same run seed, on any machine."""

import hashlib


def rank(run_seed: int, name: str) -> float:
    """A number in [0, 1) that is evenly spread over names."""
    digest = hashlib.sha256(f"{run_seed}\0{name}".encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def drawn(names: set[str], run_seed: int, label: str, share: float) -> set[str]:
    """A `share` of the names, by hash: of two or more, at least one and never all; of fewer, none."""
    if not share or len(names) < 2:
        return set()
    ranked = sorted(names, key=lambda name: (rank(run_seed, f"{label} {name}"), name))
    below = sum(rank(run_seed, f"{label} {name}") < share for name in names)
    return set(ranked[: min(max(below, 1), len(names) - 1)])
