"""Rules that set and carry out edits of one sentence: each step of an instruction has exactly one right result.

The rule that answers reads the instruction step by step and edits the text by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from random import Random

from ...reply import Declined, Fields
from ._prose import BRIEF, asked, clauses, listed, one_of, sentences, some, tells

HIDDEN = "###"
REPLACE = "Replace the word {} with {}."
REPLACE_AT = f"Replace word {{}} of the text by {HIDDEN}."
DELETE = "Delete the word {}."
KEEP_AT = "Keep only word {} of the text."
CAPITALS = "Write the word {} in capital letters."
ALL_CAPITALS = "Write the whole text in capital letters."
ALL_SMALL = "Write the whole text in small letters."
BOLD = "Set the word {} in bold, with two asterisks on either side."
ITALIC = "Set the word {} in italics, with one asterisk on either side."
MASK = "Mask the word {} with one # for each letter."
MASK_NUMBERS = "Mask every digit with #."
PERCENT = 'Write "%" for " percent".'
DIGITS = "Write the numbers from two to twelve in digits."
NO_COMMAS = "Write numbers without a comma between thousands."
LONGEST = 160  # characters of a sentence that is edited
WORD = r"(?<![\w’'*#-])[a-z]{4,}(?![\w’'*#-])"
_NO_ADVERBS = "apply supply reply multiply imply comply rely family assembly anomaly likely"
NO_ADVERBS = frozenset(_NO_ADVERBS.split())
_SPELLED = "two three four five six seven eight nine ten eleven twelve"
NUMBERS = {word: number for number, word in enumerate(_SPELLED.split(), 2)}
SPELLED = re.compile(rf"\b({'|'.join(NUMBERS)})\b", re.IGNORECASE)


# --- one step: an instruction and how it is carried out ---


def _at_the_word(edit: Callable[[str], str]) -> Callable[..., str]:
    def carried_out(text: str, word: str, *others: str) -> str:
        found = [*re.finditer(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text)]
        if len(found) != 1:
            raise Declined(f"the word {word} is not there once")
        return text[: found[0].start()] + edit(*others or (word,)) + text[found[0].end() :]

    return carried_out


def _deleted(text: str, word: str) -> str:
    return re.sub(r" (?=[ .,;:!?])", "", _at_the_word(lambda _: "")(text, word))


def _word_hidden(text: str, place: str) -> str:
    return " ".join(HIDDEN if at == int(place) else word for at, word in enumerate(text.split(), 1))


def _word_kept(text: str, place: str) -> str:
    return text.split()[int(place) - 1]


STEPS: dict[str, Callable[..., str]] = {
    REPLACE: _at_the_word(lambda new: new),
    DELETE: _deleted,
    REPLACE_AT: _word_hidden,
    KEEP_AT: _word_kept,
    CAPITALS: _at_the_word(str.upper),
    BOLD: _at_the_word(lambda word: f"**{word}**"),
    ITALIC: _at_the_word(lambda word: f"*{word}*"),
    MASK: _at_the_word(lambda word: "#" * len(word)),
    ALL_CAPITALS: str.upper,
    ALL_SMALL: str.lower,
    MASK_NUMBERS: lambda text: re.sub(r"\d", "#", text),
    PERCENT: lambda text: text.replace(" percent", "%"),
    DIGITS: lambda text: SPELLED.sub(lambda found: str(NUMBERS[found[0].lower()]), text),
    NO_COMMAS: lambda text: re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text),
}


def carried_out(instruction: str, text: str) -> str:
    """The text after every step of the instruction; raises Declined for a step that is not of these rules."""
    for line in instruction.splitlines():
        text = _step(re.sub(r"^\d\. ", "", line), text)
    return text


def _step(step: str, text: str) -> str:
    for template, edit in STEPS.items():
        if (parts := asked(template, step)) is not None:
            return edit(text, *parts)
    raise Declined("this instruction was not written by these rules")


# --- tasks ---


def _tasks(
    possible: Callable[[str, Fields, Random], list[str]], by_place: str = ""
) -> Callable[[Fields, Random], list[Fields]]:
    """The rule that sets tasks on sentences of the passage, of the steps that are possible there.

    Of a brief passage, what a beginner can be asked: `by_place`, on a word of a clause, told by its number.
    """

    def rule(fields: Fields, draw: Random) -> list[Fields]:
        if len(fields["passage"]) < BRIEF and by_place:
            return some(
                _by_place(fields["passage"], by_place, draw), draw, "there is no clause of a few words"
            )
        texts = [sentence for sentence in sentences(fields["passage"]) if len(sentence) <= LONGEST]
        found = []
        for text in draw.sample(texts, len(texts)):
            for step in one_of(possible(text, fields, draw), draw):
                found.append({"text": text, "instruction": step, "answer": carried_out(step, text)})
        return some(found, draw, "no sentence of the passage allows this edit")

    return rule


def _by_place(passage: str, template: str, draw: Random) -> Iterator[Fields]:
    for text in clauses(passage, most=9):
        places = range(2, len(text.split()) + 1)
        for place in draw.sample(places, 2):
            step = template.format(place)
            yield {"text": text, "instruction": step, "answer": carried_out(step, text)}


def _words(text: str) -> list[str]:
    """The plain words that stand in the text once, in any case."""
    every = re.findall(WORD, text)
    return [word for word in every if tells(word) and len(re.findall(rf"\b{word}", text, re.IGNORECASE)) == 1]


def _replacements(text: str, fields: Fields, draw: Random) -> list[str]:
    others = sorted(
        set(filter(tells, re.findall(WORD, fields["passage"]))) - set(re.findall(r"\w+", text.lower()))
    )
    alike = {word: [other for other in others if other[-2:] == word[-2:]] for word in _words(text)}
    return [REPLACE.format(word, draw.choice(found)) for word, found in alike.items() if found]


def _removals(text: str, fields: Fields, draw: Random) -> list[str]:
    """Adverbs, and adjectives between "the" and a noun: without them the sentence is still one."""
    adverbs = set(re.findall(r"(?<!, )\b[a-z]+ly\b(?!,)", text)) - NO_ADVERBS
    spare = set(re.findall(r"\b[Tt]he ([a-z]+(?:al|ive|ous|ic|able|ible|ful|ary)) (?!of\b)[a-z]{4,}", text))
    return [DELETE.format(word) for word in _words(text) if word in adverbs | spare]


def _capitals(text: str, fields: Fields, draw: Random) -> list[str]:
    return [*(CAPITALS.format(word) for word in _words(text)), ALL_CAPITALS, ALL_SMALL]


def _styles(text: str, fields: Fields, draw: Random) -> list[str]:
    return [style.format(word) for word in _words(text) for style in (BOLD, ITALIC)]


def _masks(text: str, fields: Fields, draw: Random) -> list[str]:
    """Numbers and names first: what one masks in earnest."""
    numbers = [MASK_NUMBERS] if re.search(r"\d", text) else []
    names = re.findall(r"(?<=[a-z,] )[A-Z][a-z]+(?![\w’'-])", text)
    alone = [name for name in names if len(re.findall(rf"\b{name}", text)) == 1]
    return numbers + [MASK.format(name) for name in alone] or [MASK.format(word) for word in _words(text)]


def _normal_forms(text: str, fields: Fields, draw: Random) -> list[str]:
    return [step for step in (PERCENT, DIGITS, NO_COMMAS) if carried_out(step, text) != text]


# --- refinement: one more step ---


def suggest(fields: Fields, draw: Random) -> list[Fields]:
    edited = carried_out(fields["instruction"], fields["text"])
    kinds = (_removals, _styles, _masks, _capitals)
    steps = [step for kind in kinds for step in one_of(kind(edited, fields, draw), draw)]
    return [{"suggestion": step} for step in some(_lasting(steps), draw, "nothing is left to edit")]


def _lasting(steps: list[str]) -> Iterator[str]:
    """Not the whole text at once: the steps before it would no longer be seen."""
    return (step for step in steps if step not in (ALL_CAPITALS, ALL_SMALL))


def edit_task(fields: Fields, draw: Random) -> Fields:
    steps = [
        *(re.sub(r"^\d\. ", "", line) for line in fields["instruction"].splitlines()),
        fields["suggestion"],
    ]
    instruction = "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))
    return {"instruction": instruction, "answer": carried_out(instruction, fields["text"])}


def edit(fields: Fields, draw: Random) -> str:
    """The edited text alone; where a word is told by its number, the words are numbered first."""
    text, instruction = fields["text"], fields["instruction"]
    edited = carried_out(instruction, text)
    words = text.split()
    if parts := asked(KEEP_AT, instruction):
        return f"{listed(words[: int(parts[0])])}. The answer is {edited}."
    if asked(REPLACE_AT, instruction):
        return f"{listed(edited.split())}. The answer is {edited}."
    return edited


RULES = {
    "keyword_replacement": _tasks(_replacements),
    "text_removing": _tasks(_removals, KEEP_AT),
    "text_capitalization": _tasks(_capitals),
    "text_styling": _tasks(_styles),
    "text_obfuscation": _tasks(_masks, REPLACE_AT),
    "data_normalization": _tasks(_normal_forms),
    "suggester": suggest,
    "exact_editor": edit_task,
    "edit": edit,
}
