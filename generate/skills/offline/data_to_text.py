"""Rules that count the words that come back in a text into a table, and tell what stands in it.

Each row has some words around one place where the word stands, so that no two tables are alike, and each answer is
about other rows.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from random import Random

from ...reply import Declined, Fields
from ._prose import around, phrase, tells

HEAD, ROWS, AROUND = (
    ["word", "times", "said"],
    5,
    8,
)  # AROUND: words on either side of the one that is counted
TOP = "Which word of the table occurs most often in the text that was counted?"
TOTAL = "How many times do the words of the table occur, all together?"
MORE = "By how many times does the word {} occur more often than the word {}?"


def count(fields: Fields, draw: Random) -> Fields:
    text, rows = fields["document"], []
    words = map(str.lower, filter(tells, re.findall(r"(?<![\w’'-])[A-Za-z]{5,}(?![\w’'-])", text)))
    for word, times in Counter(words).most_common(ROWS):
        said = [around(text, found, AROUND) for found in phrase(word).finditer(text)]
        rows += [(word, times, max(said, key=lambda words: len(words.split())))] if times > 1 else []
    if len(rows) < ROWS:
        raise Declined("too few words come back")
    csv.writer(written := io.StringIO(), lineterminator="\n").writerows([HEAD, *rows])
    return {"passage": written.getvalue().strip()}


def tasks(data: str) -> dict[str, tuple[str, range, str, str]]:
    """For each entry: the question, the rows that its answer tells, what is reckoned, and the answer."""
    (a, first, _), (_, second, _), (c, third, _), (d, fourth, _), (_, last, _) = _rows(data)
    counts = list(map(int, (first, second, third, fourth, last)))
    found = {"total_or_mean": (TOTAL, range(4, 5), " + ".join(map(str, counts)), str(sum(counts)))}
    if counts[2] > counts[3]:
        question = MORE.format(c, d)
        found["difference_or_share"] = (
            question,
            range(2, 4),
            f"{third} - {fourth}",
            str(counts[2] - counts[3]),
        )
    return found | ({"which_one": (TOP, range(2), "", a)} if counts[0] > counts[1] else {})


def _rows(data: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data)))[1:]


def author(entry: str, data: str) -> Fields:
    if entry not in (found := tasks(data)):
        raise Declined("two words of the table occur as often")
    question, _, expression, answer = found[entry]
    evidence = "\n".join(data.splitlines()[1:])
    return {"instruction": question, "evidence": evidence, "expression": expression, "answer": answer}


def write(fields: Fields, draw: Random) -> str:
    for question, told, expression, answer in tasks(fields["passage"]).values():
        if question == fields["instruction"]:
            rows = [_rows(fields["passage"])[at] for at in told]
            said = " ".join(f'"{word}" occurs {times} times, as in "{said}".' for word, times, said in rows)
            return f"{said} {f'{expression} = {answer}. ' if expression else ''}The answer is {answer}."
    raise Declined("this task was not written by these rules")


RULES = {"csv_table": count, "write": write} | {
    entry: lambda fields, draw, entry=entry: author(entry, fields["passage"])
    for entry in ("which_one", "total_or_mean", "difference_or_share")
}
