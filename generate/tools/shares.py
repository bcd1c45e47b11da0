"""How sure a share is that was counted on a sample."""

import math

Z = 1.959963984540054  # of 95 %


def wilson(share: float, n: float) -> tuple[float, float]:
    """The 95 % interval of a share of `n` independent cases (Wilson's, which holds near 0 and 1 too)."""
    centre, spread = share + Z**2 / (2 * n), Z * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return max(0.0, (centre - spread) / (1 + Z**2 / n)), min(1.0, (centre + spread) / (1 + Z**2 / n))


def told(count: int, n: int) -> str:
    """`3.0 % (1.0 to 8.5)`: a counted share for people, with its interval."""
    if not n:
        return "none counted"
    low, high = wilson(count / n, n)
    return f"{count / n:.1%} ({low * 100:.1f} to {high * 100:.1f})"
