"""Rules that ask for what a passage states in one place, and answer by asking all of it again, of the passage alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from random import Random

from ...reply import Declined, Fields
from ...verifiers import NOT_STATED
from ._prose import around, asked, flat, once, phrase, sentences, some, tells

DEFINED = "According to the passage, what {} {}?"
DEFINITION = re.compile(r"((?:An?|The) (?:[a-z-]+ ){1,3})(is|are) ((?:an?|one of) [^.:;?]+)\.")
# Things that a reader recognises by their kind: how one is asked for, and how it is found.
THINGS = {
    "Which number does the passage give in digits?": r"(?<![\w.,])[-–−]?\d+(?:[.,]\d+)*(?!\w)",
    "Which number above one does the passage spell out?": r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\b",
    "Which ordinal number does the passage use?": r"\b(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth)\b",
    "Which percentage does the passage give?": r"(?<![\w.,–-])\d+(?:\.\d+)?(?: percent|%)",
    "Which year does the passage name?": r"(?<![\w.,–-])(?:1[5-9]|20)\d\d(?![\w–-])",
    "Which exception does the passage name?": r"\b[A-Z][A-Za-z]+(?:Error|Exception|Warning)\b",
    "Which of True, False and None does the passage name?": r"(?<!^)(?<![.!?)\n] )(?<!\n)\b(?:True|False|None)\b",
    "Which name with two underscores on either side does the passage use?": r"(?<!\w)__[a-z]+__(?!\w)",
    "Which single word of the passage stands in double quotation marks?": r"(?<=[\"“])[A-Za-z]+(?=[\"”])",
}
GAP = "Which word of the passage fills the gap? {} ___ {}"
# Four plain words, the one that is asked for, and three more.
RUN = re.compile(r"(?<!\S)(?=((?:[A-Za-z]+\s){4})([A-Za-z]+)((?:\s[A-Za-z]+){3})\W*(?:\s|$))")
COUNT = 'How many times does the word "{}" occur in the passage?'
UNANSWERABLE = 0.25  # of the gaps: a student that refuses often has learned to refuse


def facts(passage: str) -> Iterator[Fields]:
    """Definitions, and things that are the only one of their kind."""
    told = sentences(passage)
    for found in filter(None, map(DEFINITION.fullmatch, told)):
        if sum(sentence.startswith(f"{found[1]}{found[2]} ") for sentence in told) == 1:
            question = DEFINED.format(found[2], found[1].strip().lower())
            yield {"question": question, "evidence": found[0], "answer": found[3]}
    for question, pattern in THINGS.items():
        things = [*re.finditer(pattern, passage)]
        shown = [words for thing in things if len((words := around(passage, thing)).split()) > 3]
        if shown and len({thing[0] for thing in things}) == 1:
            quote = around(passage, things[0], 2)
            yield {"question": question, "evidence": shown[0], "quote": quote, "answer": things[0][0]}


def gaps(passage: str) -> Iterator[Fields]:
    for run in RUN.finditer(passage):
        left, word, right = map(flat, run.groups())
        if tells(word) and once(left, passage):
            yield {"question": GAP.format(left, right), "evidence": f"{left} {word} {right}", "answer": word}


def counts(passage: str) -> Iterator[Fields]:
    for word in sorted(set(re.findall(r"\b[a-z]+\b", passage))):
        found = [around(passage, each, 2) for each in phrase(word).finditer(passage)]
        joined = re.search(rf"[-’']{word}\b|\b{word}[-’']", passage, re.IGNORECASE)
        if tells(word) and 2 <= len(found) <= 5 and not joined:
            yield {"question": COUNT.format(word), "evidence": "\n".join(found), "answer": str(len(found))}


def _asks(kind: Callable[[str], Iterator[Fields]]) -> Callable[[Fields, Random], list[Fields]]:
    return lambda fields, draw: some(kind(fields["passage"]), draw, "nothing stands there in one place")


def answer(fields: Fields, draw: Random) -> str:
    passage, question = fields["passage"], fields["question"]
    for item in (item for kind in (facts, gaps, counts) for item in kind(passage)):
        if item["question"] == question:
            quote = item.get("quote", item["evidence"]).replace("\n", "; ")
            return f"The passage says: {quote.rstrip('.,:;')}. The answer is {item['answer']}."
    if (parts := asked(GAP, question)) and not phrase(parts[0]).search(passage):
        return f"The words {parts[0]} are nowhere in the passage. The answer is {NOT_STATED}."
    raise Declined("this question was not written by these rules")


def suggest_unanswerable(fields: Fields, draw: Random) -> Fields:
    if not asked(GAP, fields["question"]) or draw.random() > UNANSWERABLE:
        raise Declined("enough questions on this passage are unanswerable")
    return {"suggestion": f"Leave out the sentence with the words: {fields['evidence']}"}


def edit_unanswerable(fields: Fields, draw: Random) -> Fields:
    for sentence in sentences(passage := fields["passage"]):
        if fields["evidence"] in sentence and len(sentence) < len(flat(passage)):
            edited = re.sub(rf"(?:(?<!\S)[-*•] )?{phrase(sentence).pattern}\s*", "", passage).strip()
            return {"passage": edited, "answer": NOT_STATED}
    raise Declined("the passage cannot lose the evidence without losing more")


RULES = {
    "literal_comprehension": _asks(facts),
    "vocabulary_and_language_use": _asks(gaps),
    "numerical_discrete_reasoning": _asks(counts),
    "suggest_unanswerable": suggest_unanswerable,
    "edit_unanswerable": edit_unanswerable,
    "answer": answer,
}
