"""LaTeX answers: what stands in a box, and whether two formulas are written alike.

The rewriting follows `is_equiv` of the MATH benchmark (github.com/hendrycks/math, modeling/math_equivalence.py), which
AGIEval uses too, with numbers compared by value.
"""

import re
from collections.abc import Iterator

from ..generate.tools.answers import same_number

_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")
_PLAIN = [
    (r"\\[!,;:> ]|~|\$|\\\(|\\\)|\\\[|\\\]", ""),
    (r"\\(?:left|right|displaystyle|limits)(?![a-z])", ""),
    (r"\\[td]frac", r"\\frac"),
    (r"\^\{?\\circ\}?|°|\\%|%", ""),
    (r"\\(?:text|mathrm|mbox|textbf)\{\s*([^{}]*?)\s*\}", r"\1"),
    (r"\\frac\s*(\d)\s*(\d)", r"\\frac{\1}{\2}"),
    (r"\{,\}", ","),
    (r"(?<!\d)\\frac\{(-?\d+)\}\{(\d+)\}", r"\1/\2"),  # but 2\frac{1}{2} is no 21/2
    (r"\\sqrt\s*(\w)", r"\\sqrt{\1}"),
    (r"^[a-zA-Z]{1,2}\s*=", ""),
    (r"(?<![\d.])\.(\d)", r"0.\1"),
    (r"\s+|\.$", ""),
]


def boxed(text: str) -> Iterator[tuple[int, int, str]]:
    r"""Start, end and content of the last \boxed{...}s, brackets balanced."""
    for match in list(_BOX.finditer(text))[-20:]:
        depth = 1
        for at in range(match.end(), min(len(text), match.end() + 1_000)):
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            if depth == 0:
                yield match.start(), at + 1, text[match.end() : at]
                break


def same_formula(a: str, b: str) -> bool:
    """Whether both are the same number, or the same formula but for spacing and ways of writing it."""
    return same_number(plain(a), plain(b)) or (plain(a) == plain(b) != "")


def plain(formula: str) -> str:
    """The formula without what LaTeX adds for the eye; a fraction of whole numbers as 3/4."""
    for pattern, replacement in _PLAIN:
        formula = re.sub(pattern, replacement, formula.strip()[:1_000])
    return formula
