"""Rules that estimate books, speeches and files from a few sentences of the passage, taken for a sample of the whole."""

from __future__ import annotations

from random import Random

from ...reply import Declined, Fields
from ._prose import asked, sentences

SAMPLED = 3  # sentences
BOOK = "A book has {} pages with {} paragraphs like this on each: {} About how many words does it have?"
SPEECH = "A speech has {} parts of {} paragraphs like this: {} At 150 words a minute, how many minutes does it take?"
FILE = "A file has {} pages with {} paragraphs like this on each: {} At a byte a character, how many bytes is it?"
# the entry: the question, what is counted in the sample, and by what the product is divided
KINDS = {
    "counting": (BOOK, "words", 1),
    "time_needed": (SPEECH, "words", 150),
    "information": (FILE, "characters", 1),
}


def problems(entry: str, passage: str, draw: Random) -> list[Fields]:
    told = sentences(passage)
    if len(told) < SAMPLED:
        raise Declined("there are not enough sentences for a sample")
    sample = " ".join(told[at] for at in sorted(draw.sample(range(len(told)), SAMPLED)))
    return [_solved(KINDS[entry][0].format(draw.randrange(40, 900), draw.randrange(4, 12), sample))]


def _solved(question: str) -> Fields:
    for template, counted, per in KINDS.values():
        if parts := asked(template, question):
            (many, each), text = map(int, parts[:2]), parts[2]
            size, units = (
                (len(text), "text") if counted == "characters" else (len(text.split()), "text.split()")
            )
            value = f"{float(f'{many * each * size / per:.1e}'):.0f}"
            steps = f"{many} * {each} = {many * each}, {many * each} * {size} = {many * each * size}"
            steps += f", {many * each * size} / {per} ≈ {value}" if per > 1 else ""
            return {
                "question": question,
                "assumptions": f"{counted} of a paragraph: {size} (from {size // 2} to {size * 2})",
                "expression": f"{many} * {each} * {size} / {per}",
                "answer": value,
                "program": f"text = {text!r}\nprint({many} * {each} * len({units}) / {per})",
                "said": f"“{text}” has {size} {counted}: {steps}. The answer is {value}.",
            }
    raise Declined("this problem was not written by these rules")


RULES = {
    entry: lambda fields, draw, entry=entry: problems(entry, fields["passage"], draw) for entry in KINDS
} | {
    "answer": lambda fields, draw: _solved(fields["question"])["said"],
    "reckoner": lambda fields, draw: _solved(fields["question"]),
}
