"""Rules that have one word of a text edited, or kept, and carry out such an instruction from the text alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from ...reply import Declined, Fields
from ._prose import asked, clauses, listed, once, one_of, phrase, sentences, some, tells

KEEP = "Keep only word {} of the text."
LONGEST = 160  # characters of a sentence that is edited
WORD = r"(?<![\w’'*#-])[a-z]{4,}(?![\w’'*#-])"
# The entry, its instruction, and what becomes of the word.
EDITS: dict[str, tuple[str, Callable[[str], str]]] = {
    "keyword_replacement": ('Replace the word {} with the gap "___".', lambda _: "___"),
    "text_capitalization": ("Write the word {} in capital letters.", str.upper),
    "text_styling": ("Set the word {} in bold, with two asterisks on either side.", "**{}**".format),
    "text_obfuscation": ("Mask the word {} with one # for each letter.", lambda word: "#" * len(word)),
}


def removing(fields: Fields, draw: Random) -> list[Fields]:
    """What a beginner can be asked: a word of a short clause, told by its number."""
    found = []
    for text in clauses(fields["passage"]):
        words = text.split()
        for place in draw.sample(range(2, len(words) + 1), 2):
            found.append({"text": text, "instruction": KEEP.format(place), "answer": words[place - 1]})
    return some(found, draw, "there is no clause of a few words")


def _tasks(template: str) -> Callable[[Fields, Random], list[Fields]]:
    def rule(fields: Fields, draw: Random) -> list[Fields]:
        texts = [sentence for sentence in sentences(fields["passage"]) if len(sentence) <= LONGEST]
        steps = [(text, template.format(word)) for text in texts for word in one_of(_words(text), draw)]
        found = [{"text": text, "instruction": step, "answer": edited(text, step)} for text, step in steps]
        return some(found, draw, "no sentence of the passage has a word to edit")

    return rule


def _words(text: str) -> list[str]:
    return [word for word in re.findall(WORD, text) if tells(word) and once(word, text)]


def edited(text: str, instruction: str) -> str:
    """The text after every step of the instruction."""
    for step in re.split(r"(?<=\.) ", instruction):
        text = _step(text, step)
    return text


def _step(text: str, step: str) -> str:
    for template, change in EDITS.values():
        if (parts := asked(template, step)) and once(parts[0], text):
            return change(parts[0]).join(phrase(parts[0]).split(text))
    raise Declined("this instruction was not written by these rules")


def suggest(fields: Fields, draw: Random) -> list[Fields]:
    words = _words(edited(fields["text"], fields["instruction"]))
    steps = [template.format(word) for template, _ in EDITS.values() for word in one_of(words, draw)]
    return [{"suggestion": step} for step in some(steps, draw, "nothing is left to edit")]


def edit_task(fields: Fields, draw: Random) -> Fields:
    instruction = f"{fields['instruction']} {fields['suggestion']}"
    return {"instruction": instruction, "answer": edited(fields["text"], instruction)}


def edit(fields: Fields, draw: Random) -> str:
    """The edited text alone; where a word is told by its number, the words are numbered first."""
    if parts := asked(KEEP, fields["instruction"]):
        words = fields["text"].split()[: int(parts[0])]
        return f"{listed(words)}. The answer is {words[-1]}."
    return edited(fields["text"], fields["instruction"])


RULES = {
    "text_removing": removing,
    **{entry: _tasks(template) for entry, (template, _) in EDITS.items()},
    "suggester": suggest,
    "exact_editor": edit_task,
    "edit": edit,
}
