"""Rules that ask and answer reading-comprehension questions: what is asked for stands in the passage once.

The rule that answers sees the passage and the question alone, and finds the answer by reading the passage again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from random import Random

from ...reply import Declined, Fields
from ...verifiers import NOT_STATED
from ._prose import BRIEF, PLAIN, around, asked, flat, once, phrase, sentences, some, tells

GOES_ON = "How does the sentence of the passage go on that begins with the words {}?"
GAP = "Which word of the passage fills the gap? {} ___ {}"
DEFINED = "According to the passage, what {} {}?"
HOLDS = "Which sentence of the passage has the word {}? Quote it."
DIFFER = "The passage gives two figures in {}. What is the difference between them?"
COUNT = 'How many times does the word "{}" occur in the passage?'
ORDER = "In which order do these sentences stand in the passage?\nA. {}\nB. {}\nC. {}"
BEFORE, AFTER = 4, 3  # words on the left and on the right of a gap
LONGEST = 16  # words that are asked for after the beginning of a sentence
UNANSWERABLE = 0.25  # of the questions that may become so: a student that refuses often has learned to refuse
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
_PAIRS = """
    larger smaller, large small, more less, higher lower, high low, increase decrease, increases decreases, always never,
    first last, longer shorter, long short, inside outside, before after, true false, left right, positive negative,
    external internal, major minor, often seldom, rapidly slowly, simple complex, strong weak, upper lower
"""
OPPOSITES = {a: b for pair in _PAIRS.split(",") for a, b in (pair.split(), pair.split()[::-1])}

# --- questions: everything that can be asked, of which some is drawn ---


def literal(fields: Fields, draw: Random) -> list[Fields]:
    passage = fields["passage"]
    telling = [*_definitions(passage), *_things(passage)]
    if not telling and len(passage) >= BRIEF:  # what a reader has to look up by its neighbours is harder
        telling = [*_beginnings(passage)]
    return some(telling, draw, "no fact is stated in words that occur once")


def _definitions(passage: str) -> Iterator[Fields]:
    """ "A lymph node is one of the small organs …": what is a lymph node?"""
    for sentence in sentences(passage):
        found = re.fullmatch(r"(An?|The) ((?:[a-z-]+ ){1,3})(is|are) ((?:an?|one of) [^.:;?]+)\.", sentence)
        if found and len(_opening(passage, f"{found[1]} {found[2]}{found[3]}")) == 1:
            question = DEFINED.format(found[3], f"{found[1].lower()} {found[2].strip()}")
            yield {"question": question, "evidence": sentence, "answer": found[4]}


def _opening(passage: str, start: str) -> list[str]:
    return [
        sentence for sentence in sentences(passage) if sentence.casefold().startswith(f"{start.casefold()} ")
    ]


def _things(passage: str) -> Iterator[Fields]:
    for question, pattern in THINGS.items():
        found = [*re.finditer(pattern, passage)]
        told = [words for thing in found if len((words := around(passage, thing)).split()) > 3]
        if told and len({thing[0] for thing in found}) == 1:
            yield {"question": question, "evidence": told[0], "answer": found[0][0]}


def _beginnings(passage: str) -> Iterator[Fields]:
    for sentence in sentences(passage):
        words = sentence.split()
        begun, rest = " ".join(words[:BEFORE]), " ".join(words[BEFORE:]).rstrip(".!?")
        if (
            3 <= len(words) - BEFORE <= LONGEST
            and once(begun, passage)
            and all(map(PLAIN.fullmatch, words[:BEFORE]))
        ):
            yield {"question": GOES_ON.format(begun), "evidence": sentence, "answer": rest}


def _runs(passage: str, length: int) -> Iterator[list[str]]:
    """Neighbouring words of one paragraph, with nothing but spaces between them."""
    for paragraph in re.split(r"\n\s*\n", passage):
        words = paragraph.split()
        for start in range(len(words) - length + 1):
            *run, last = words[start : start + length]
            run.append(re.sub(r"\W+$", "", last))
            if all(PLAIN.fullmatch(word) for word in run):
                yield run


def vocabulary(fields: Fields, draw: Random) -> list[Fields]:
    return some(_gaps(fields["passage"]), draw, "no run of plain words begins with words that occur once")


def _gaps(passage: str) -> Iterator[Fields]:
    for run in _runs(passage, BEFORE + 1 + AFTER):
        left, word, right = " ".join(run[:BEFORE]), run[BEFORE], " ".join(run[BEFORE + 1 :])
        if tells(word) and once(left, passage):
            yield {"question": GAP.format(left, right), "evidence": f"{left} {word} {right}", "answer": word}


def numerical(fields: Fields, draw: Random) -> list[Fields]:
    passage = fields["passage"]
    return some([*_differences(passage)] or _counts(passage), draw, "there is nothing to count or to compare")


def _differences(passage: str) -> Iterator[Fields]:
    for unit in sorted(set(re.findall(r"\d ([a-z]{3,}s)\b", passage))):
        if figures := _two_figures(passage, unit):
            evidence = "\n".join(around(passage, figure, 2) for figure in figures)
            larger, smaller = sorted((_value(figure) for figure in figures), reverse=True)
            yield {"question": DIFFER.format(unit), "evidence": evidence, "answer": str(larger - smaller)}


def _two_figures(passage: str, unit: str) -> list[re.Match[str]]:
    """The two numbers in digits that stand before the unit; none where it occurs in any other way."""
    figures = [*re.finditer(rf"(?<![\w.,–-])(\d{{1,3}}(?:,\d{{3}})+|\d+) {unit}\b", passage)]
    alone = len(figures) == 2 == len(phrase(unit).findall(passage))
    return figures if alone and _value(figures[0]) != _value(figures[1]) else []


def _value(figure: re.Match[str]) -> int:
    return int(figure[1].replace(",", ""))


def _counts(passage: str) -> Iterator[Fields]:
    for word in sorted(set(re.findall(r"\b[a-z]+\b", passage))):
        found = [*phrase(word).finditer(passage)]
        if tells(word) and 2 <= len(found) <= 5:
            evidence = "\n".join(around(passage, match, 2) for match in found)
            yield {"question": COUNT.format(word), "evidence": evidence, "answer": str(len(found))}


def evidence(fields: Fields, draw: Random) -> list[Fields]:
    return some(_telling(fields["passage"]), draw, "no sentence has a word that occurs once")


def _telling(passage: str) -> Iterator[Fields]:
    for sentence in sentences(passage):
        for word in re.findall(r"(?<![\w’'-])[a-z]+(?![\w’'-])", sentence):
            if tells(word) and once(word, passage):
                yield {"question": HOLDS.format(word), "evidence": sentence, "answer": sentence}


def sequence(fields: Fields, draw: Random) -> list[Fields]:
    found = [sentence for sentence in sentences(fields["passage"]) if len(sentence) <= 160]
    if len(found) < 3:
        raise Declined("there are no three sentences that can stand alone")
    told = sorted(draw.sample(range(len(found)), 3))
    shown = draw.sample(told, 3)
    order = ", ".join("ABC"[shown.index(place)] for place in told)
    question = ORDER.format(*(found[place] for place in shown))
    return [{"question": question, "evidence": "\n".join(found[place] for place in told), "answer": order}]


# --- answers: a template, and how a question written from it is answered from the passage ---


def answer(fields: Fields, draw: Random) -> str:
    passage, question = fields["passage"], fields["question"]
    for template, read in ANSWERS.items():
        if (parts := asked(template, question)) is not None:
            return read(passage, *parts)
    if question in THINGS:
        return _thing(passage, THINGS[question])
    raise Declined("this question was not written by these rules")


def _said(quote: str, reply: str) -> str:
    return f"The passage says: {quote}. The answer is {reply}."


def _missing(what: str) -> str:
    return f"The passage does not have {what}. The answer is {NOT_STATED}."


def _rest(passage: str, begun: str) -> str:
    for sentence in _opening(passage, begun):
        return _said(sentence.rstrip(".!?"), sentence[len(begun) :].strip().rstrip(".!?"))
    return _missing(f"a sentence that begins with {begun}")


def _filled(passage: str, left: str, right: str) -> str:
    found = re.search(rf"{phrase(left).pattern}\s+(\w+)\s+{phrase(right).pattern}", passage, re.IGNORECASE)
    return _said(f"{left} {found[1]} {right}", found[1]) if found else _missing(f"the words {left}")


def _thing(passage: str, pattern: str) -> str:
    found = re.search(pattern, passage)
    return _said(around(passage, found, 2).rstrip(".,:;"), found[0]) if found else _missing("one")


def _definition(passage: str, verb: str, subject: str) -> str:
    for sentence in _opening(passage, f"{subject} {verb}"):
        return _said(sentence.rstrip("."), sentence[len(f"{subject} {verb} ") :].rstrip("."))
    return _missing(f"a sentence that says what {subject} {verb}")


def _difference(passage: str, unit: str) -> str:
    if not (figures := _two_figures(passage, unit)):
        return _missing(f"two figures in {unit}")
    larger, smaller = sorted((_value(figure) for figure in figures), reverse=True)
    difference = larger - smaller
    figures_are = f"The figures are {larger} {unit} and {smaller} {unit}."
    return f"{figures_are} {larger} - {smaller} = {difference}. The answer is {difference}."


def _count(passage: str, word: str) -> str:
    found = [around(passage, match, 2) for match in phrase(word).finditer(passage)]
    listed = "; ".join(f"({number}) {words.rstrip('.;')}" for number, words in enumerate(found, 1))
    return f"The word stands here: {listed}. The answer is {len(found)}."


def _holding(passage: str, word: str) -> str:
    for sentence in sentences(passage):
        if phrase(word).search(sentence):
            return f'The word "{word}" stands in one sentence. The answer is "{sentence}"'
    return _missing(f"the word {word}")


def _order(passage: str, *shown: str) -> str:
    line = flat(passage)
    told = sorted(zip("ABC", shown, strict=True), key=lambda labelled: line.find(labelled[1]))
    begun = ", then ".join(f"{label} ({' '.join(sentence.split()[:4])} …)" for label, sentence in told)
    return f"First stands {begun}. The answer is {', '.join(label for label, _ in told)}."


ANSWERS: dict[str, Callable[..., str]] = {
    GOES_ON: _rest,
    GAP: _filled,
    DEFINED: _definition,
    HOLDS: _holding,
    DIFFER: _difference,
    COUNT: _count,
    ORDER: _order,
}

# --- refinement: of the passage, where the question stays and the answer goes or changes ---


def suggest_unanswerable(fields: Fields, draw: Random) -> Fields:
    if draw.random() > UNANSWERABLE:
        raise Declined("enough questions on this passage are unanswerable")
    _without_evidence(fields)
    return {"suggestion": f"Leave out what holds the evidence: {_begun(fields['evidence'])}"}


def edit_unanswerable(fields: Fields, draw: Random) -> Fields:
    return {"passage": _without_evidence(fields), "answer": NOT_STATED}


def _without_evidence(fields: Fields) -> str:
    """The passage without the one sentence that the answer rests on; Declined where it is still answered then."""
    passage = fields["passage"]
    for sentence in sentences(passage):
        if fields["evidence"] in sentence:
            edited = re.sub(
                rf"(?:^[-*•] )?{phrase(sentence).pattern}\s*", "", passage, flags=re.MULTILINE
            ).strip()
            if edited and answer({**fields, "passage": edited}, Random()).endswith(f"{NOT_STATED}."):
                return edited
    raise Declined("the passage cannot lose the evidence without losing more")


def suggest_answer_changed(fields: Fields, draw: Random) -> Fields:
    changed = edit_answer_changed(fields, draw)
    return {"suggestion": f"Let the passage say: {changed['evidence']}"}


def edit_answer_changed(fields: Fields, draw: Random) -> Fields:
    """One word of the answer gives way to its opposite, or to another number, where it stands in the passage."""
    for word in fields["answer"].split():
        if new := str(int(word) + 1) if re.fullmatch(r"[1-9]\d{0,3}", word) else OPPOSITES.get(word):
            changed = _with_words_changed(fields, word, new)
            if changed and answer({**fields, **changed}, draw).rstrip('."').endswith(
                changed["answer"].rstrip(".")
            ):
                return changed
    raise Declined("no word of the answer has an opposite")


def _with_words_changed(fields: Fields, old: str, new: str) -> Fields | None:
    evidence, passage = fields["evidence"], fields["passage"]
    if len(re.findall(rf"\b{old}\b", evidence)) != 1 or not once(evidence, passage):
        return None
    changed = re.sub(rf"\b{old}\b", new, evidence)
    edited = phrase(evidence).sub(lambda _: changed, passage)
    return {"passage": edited, "evidence": changed, "answer": re.sub(rf"\b{old}\b", new, fields["answer"])}


def _begun(evidence: str) -> str:
    return f"{' '.join(evidence.split()[:8])} …"


RULES = {
    "literal_comprehension": literal,
    "vocabulary_and_language_use": vocabulary,
    "numerical_discrete_reasoning": numerical,
    "sequencing_events": sequence,
    "evidence_selection": evidence,
    "suggest_unanswerable": suggest_unanswerable,
    "edit_unanswerable": edit_unanswerable,
    "suggest_answer_changed": suggest_answer_changed,
    "edit_answer_changed": edit_answer_changed,
    "answer": answer,
}
