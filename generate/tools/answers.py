"""Safe reading and comparison of short answers: numbers, text, arithmetic, and the final answer of a worked reply.

Nothing here executes text: expressions are read by a small bounded parser, numbers become exact fractions.
"""

import re
import unicodedata
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

MAX_DIGITS, MAX_EXPRESSION, MAX_NESTING = (
    40,
    300,
    20,
)  # hostile text must cost nothing: 10**10**10 is never built

_DIGITS = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+"
_NUMBER = re.compile(
    rf"(?<![\w.,])(?P<sign>[-+−–]?)\s?[$€£]?\s?(?P<sign2>[-−]?)(?P<digits>{_DIGITS})(?![\d])"
)
_WHOLE = re.compile(
    rf"(?P<sign>[-+−–]?)\s*[$€£]?\s*(?P<sign2>[-−]?)(?P<top>{_DIGITS})"
    rf"(?:[eE](?P<exponent>[-+]?\d{{1,2}})|\s*/\s*(?P<bottom>{_DIGITS}))?\s*(?:[%€£°]|[^\W\d_][^\d]*)?\.?"
)
_FINAL = re.compile(r"\b(?:final )?answer is\b[ \t]*:?[ \t]*(.+)", re.IGNORECASE)
_DECORATION = "*_` \t"
_WRAPPING = "*_`\"' "
_QUOTES = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "−": "-", "—": "-"})


def final_answer(text: str) -> str | None:
    """The X of the last "The answer is X." of a worked reply, without decoration; None where there is none."""
    found = _FINAL.findall(text[-20_000:])
    if not found:
        return None
    answer = found[-1].strip(_DECORATION)
    return answer.removesuffix(".").strip(_DECORATION) or None


def number(text: str) -> Fraction | None:
    """The one number that `text` writes, exactly: "$16.00", "8,000", "-3/4", "1.5e3", "12 apples", "50%" (= 50)."""
    match = _WHOLE.fullmatch(text.strip().strip(_DECORATION)[:200])
    if not match:
        return None
    top, bottom = _fraction(match["top"]), _fraction(match["bottom"] or "1")
    if top is None or not bottom:
        return None
    value = top / bottom * Fraction(10) ** int(match["exponent"] or 0)
    return -value if (match["sign"] in _MINUS) != (match["sign2"] in _MINUS) else value


_MINUS = ("-", "−", "–")


def _fraction(digits: str) -> Fraction | None:
    plain = digits.replace(",", "")
    return Fraction(plain) if len(plain) <= MAX_DIGITS else None


class Found(NamedTuple):
    """A number written in a text, and where: text[start:end]."""

    value: Fraction
    start: int
    end: int


def numbers(text: str) -> Iterator[Found]:
    """Every number written in `text`, left to right; a sign counts where no word or number stands right before it."""
    for match in _NUMBER.finditer(text):
        value = _fraction(match["digits"])
        if value is not None:
            negative = match["sign"] in _MINUS or match["sign2"] in _MINUS
            yield Found(-value if negative else value, *match.span())


def same_number(a: str, b: str) -> bool:
    """Whether both texts write one number and it is the same: "$16.00" and "16", "8,000" and "8000 people"."""
    left, right = number(a), number(b)
    return left is not None and left == right


def same_text(a: str, b: str) -> bool:
    """Equal but for case, spacing, quotation marks, a final full stop, a leading article, and brackets around a letter."""
    return plain_text(a) == plain_text(b)


def plain_text(text: str) -> str:
    """The form in which `same_text` compares."""
    text = unicodedata.normalize("NFKC", text).translate(_QUOTES).casefold()
    text = " ".join(text.split()).strip(_WRAPPING).rstrip(".!,;: ").strip(_WRAPPING)
    text = re.sub(r"^(?:the|an?) (?=\S)", "", text).strip(_WRAPPING)
    return re.sub(r"^\(([a-z])\)$", r"\1", text)


def same_exactly(a: str, b: str) -> bool:
    """Equal but for Unicode form and spacing: what an edited text must be."""
    return " ".join(unicodedata.normalize("NFC", a).split()) == " ".join(
        unicodedata.normalize("NFC", b).split()
    )


FACTOR = 5
"""How far apart two estimates of one thing may lie. Of five factors, each known to one and a half times or so, two
independent products lie within 5 of each other four times in five; the usual slips are larger (7 days, a power of ten,
12 months, 60 seconds, 1000 grams)."""
_ESTIMATE = re.compile(
    rf"(?:about|around|roughly|approximately|some|[~≈])?\s*(?P<number>[-+−–]?\s*[$€£]?\s*(?:{_DIGITS})(?:[eE][-+]?\d{{1,2}})?)"
    r"\s*(?P<scale>thousand|million|billion|trillion)?(?![\w.,]*\d).*",
    re.IGNORECASE | re.DOTALL,
)
SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_POWER = re.compile(
    r"(?:(?P<times>(?<![\w.,])[\d.,]+)\s*[×x*·]\s*|(?<![\w.,]))10"
    r"(?:\s?(?:\^|\*\*)\s?[({]?([-−]?\d{1,2})[)}]?|([⁻⁰-⁹¹²³]{1,3}))"
)


def powers_written_out(text: str) -> str:
    """The text with 1000000 for 10^6 and 10⁶, and 3200000 for 3.2 × 10^6."""

    def written(found: re.Match[str]) -> str:
        exponent = int((found[2] or found[3]).translate(_SUPERSCRIPTS).replace("−", "-"))
        times = _fraction((found["times"] or "1").rstrip(".,")) or Fraction(1)
        value = times * Fraction(10) ** exponent
        return str(value.numerator) if value.denominator == 1 else f"{float(value):.{3 - min(exponent, 0)}f}"

    return _POWER.sub(written, text)


def magnitude(text: str) -> Fraction | None:
    """The number with which an estimate begins: "about 3,000 litres", "2.5 million", "≈ 4 × 10^5 kg", "6e9"."""
    match = _ESTIMATE.fullmatch(powers_written_out(text).strip().strip(_DECORATION)[:200])
    value = number(match["number"]) if match else None
    return value * SCALES.get((match["scale"] or "").lower(), 1) if match and value is not None else None


def same_magnitude(a: str, b: str) -> bool:
    """Whether both texts give an estimate, and these differ by a factor of FACTOR at most."""
    left, right = magnitude(a), magnitude(b)
    if left is None or right is None or left * right <= 0:
        return left == right == 0
    return max(left / right, right / left) <= FACTOR


COMPARE = {"exact": same_exactly, "magnitude": same_magnitude, "number": same_number, "text": same_text}
"""How a pair's `match` field compares its answer with a given one ("judge" needs a model)."""

_TOKEN = re.compile(rf"\s*(?:(?P<number>{_DIGITS})(?P<percent>%?)|(?P<symbol>[-+*/()]))")
_SIGNS = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "$": " ", "€": " ", "£": " "})


def arithmetic(expression: str) -> Fraction | None:
    """The exact value of an expression over + - * / ( ), decimals, thousands and per cent; None where it is not one."""
    if len(expression) > MAX_EXPRESSION:
        return None
    plain = re.sub(r"(?<=[\d)])\s*[xX]\s*(?=[\d($.])", "*", expression).translate(_SIGNS)
    tokens: list[Fraction | str] = []
    at = 0
    while plain[at:].strip():
        match = _TOKEN.match(plain, at)
        value = _fraction(match["number"]) if match and match["number"] else None
        if match is None or (match["number"] and value is None):
            return None
        tokens.append(match["symbol"] if value is None else value / 100 if match["percent"] else value)
        at = match.end()
    try:
        return _Parser(tokens).value()
    except (ArithmeticError, ValueError):
        return None


class _Parser:
    """Recursive descent over tokens: sum := product (± product)*, product := signed (*/ signed)*."""

    def __init__(self, tokens: list[Fraction | str]) -> None:
        self.tokens, self.at, self.depth = tokens, 0, 0

    def value(self) -> Fraction:
        value = self.sum()
        if self.at != len(self.tokens):
            raise ValueError("something stands after the expression")
        return value

    def take(self, *symbols: str) -> str | None:
        if self.at < len(self.tokens) and self.tokens[self.at] in symbols:
            self.at += 1
            return str(self.tokens[self.at - 1])
        return None

    def sum(self) -> Fraction:
        value = self.product()
        while sign := self.take("+", "-"):
            value = value + self.product() if sign == "+" else value - self.product()
        return value

    def product(self) -> Fraction:
        value = self.signed()
        while sign := self.take("*", "/"):
            value = value * self.signed() if sign == "*" else value / self.signed()
        return value

    def signed(self) -> Fraction:
        sign = -1 if self.take("-") else 1
        if self.take("("):
            self.depth += 1
            if self.depth > MAX_NESTING:
                raise ValueError("nested too deeply")
            value = self.sum()
            self.depth -= 1
            if not self.take(")"):
                raise ValueError("a bracket stays open")
            return sign * value
        if self.at < len(self.tokens) and isinstance(token := self.tokens[self.at], Fraction):
            self.at += 1
            return sign * token
        raise ValueError("a number is missing")


class Equation(NamedTuple):
    """One step "left = right" of a worked reply."""

    left: str
    right: str

    def holds(self, rounded: bool = False) -> bool:
        """Whether both sides have the same value, the right one perhaps rounded to the decimals it shows.

        A whole number is taken for a rounded one only where it is said to be `rounded`.
        """
        left, right = arithmetic(self.left), arithmetic(self.right)
        if left is None or right is None:
            return False
        decimals = len(self.right.strip().rpartition(".")[2]) if "." in self.right else 0
        return left == right or (
            (rounded or decimals > 0) and abs(left - right) * 2 <= Fraction(1, 10**decimals)
        )


_TERM = rf"-?(?:\( ?){{0,6}}[-−]?[$€£]?(?:{_DIGITS})%?(?: ?\)){{0,6}}"
_SIDE = (
    rf"{_TERM}(?: {{0,2}}[-+*/×·÷−–xX] {{0,2}}{_TERM}){{0,20}}"  # bounded: a long sum costs no quadratic time
)
_STEP = re.compile(rf"(?<![\w.,^√]){_SIDE}(?: {{0,2}}= {{0,2}}{_SIDE}){{1,8}}")


def equations(text: str) -> list[Equation]:
    """The steps "3 + 4 = 7" written in a worked reply, in order; of "a = b = c" both; "5 = 5" is no step.

    Neither is what stands below a root, in an exponent or in the brackets of a function: "√(9 + 16) = 5".
    """
    steps = []
    for chain in _STEP.findall(text):
        if chain.partition("=")[0].count(")") > chain.partition("=")[0].count("("):
            continue
        sides = [_balanced(side.strip()) for side in chain.split("=")]
        steps += [Equation(a, b) for a, b in zip(sides, sides[1:], strict=False)]
    return [step for step in steps if any(re.search(r"\d[ )%]*[-+*/×·÷−–xX]", side) for side in step)]


def _balanced(side: str) -> str:
    """`side` without the brackets of the sentence around it: "(so 2 + 2 = 4)" writes "4)"."""
    extra = side.count("(") - side.count(")")
    for _ in range(abs(extra)):
        side = side.removeprefix("(") if extra > 0 else side.removesuffix(")").rstrip()
    return side
