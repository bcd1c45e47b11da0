"""Planted failures are turned away by the rule made for them, and good pairs that look like them are kept."""

from typing import Any

import pytest
from genteach.generate.agent import SYSTEM
from genteach.generate.curate.screen import RULES, screen

PASSAGE = (
    'The ferry left at noon. "I am sorry," said the captain, "but I cannot help with the storm." As an AI '
    "researcher, Dr. Ito had seen worse. The crew counted 14 boxes (three of them open and the harbour went on"
)
TURN = f"{PASSAGE}\n\nWhat did the captain say?"


def pair(reply: str, prompt: str = TURN, **values: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": reply}]
    return {"id": "p", "messages": messages, "answer": None, **values}


SENTENCE = "The ferry crosses the bay twice a day, and on Sundays it waits for the last train from the city. "
GOOD = {
    "one word": pair("noon"),
    "a number": pair("14"),
    "an option": pair("(B)"),
    "not stated": pair("The passage does not have the word sail. The answer is not stated in the passage."),
    "an honest I cannot": pair("I cannot tell from the passage; it does not say."),
    "a quoted apology": pair('"I am sorry," said the captain, "but I cannot help with the storm."'),
    "an apology that is the answer": pair("Sorry is the word that he used."),
    "a quoted AI": pair("As an AI researcher, Dr. Ito had seen worse."),
    "a worked answer": pair("14 boxes were counted.\n3 of them were open.\n14 - 3 = 11.\nThe answer is 11."),
    "a list without full stops": pair("Here they are in order:\n- " + "\n- ".join(["the ferry", "the captain"] * 9)),
    "code in a fence": pair("```python\nprint('x')\n```"),
    "an edit that ends as the passage does": pair(PASSAGE.replace("ferry", "FERRY"), f"Shout ferry.\n\n{PASSAGE}"),
    "verse": pair("The ferry left at noon,\nand no one saw it go,\nthe gulls went with it\nall the way below " * 3),
    "a table": pair("| a | b |\n|---|---|\n| 1 | 2 |\n" * 2),
    "an edit of a repetitive text": pair("ho " * 400 + "end.", "Add an end.\n\n" + "ho " * 400),
    "a question with its passage on one line": pair("noon", "When did it leave? The text: The ferry left at noon."),
    "a question about a text that it names": pair("Melville.", 'Who wrote the text "Moby Dick"?'),
    "a conversation": pair("noon")
    | {"messages": [{"role": role, "content": "Well."} for role in ("system", "user", "assistant") + ("user",)]
       + [{"role": "assistant", "content": "Good."}]},
}  # fmt: skip
BAD = {
    "refusal": [
        pair("I'm sorry, but I can't assist with that request."),
        pair("I cannot provide an answer to this question."),
        pair("Unfortunately, I am unable to help with this."),
        pair("As an AI language model, I do not have opinions."),
    ],
    "self identification": [
        pair("The sky is blue. My knowledge cutoff is in 2023."),
        pair("I am ChatGPT, and I can tell you it was noon."),
        pair("I was trained by OpenAI, so it must be noon."),
    ],
    "truncated": [
        pair("```python\nprint('x')"),
        pair("<think>The captain said that"),
        pair(SENTENCE * 3 + "After that it waits for the"),
        pair("The captain said (in his own"),
        pair('{"answer": "noon", "why": ['),
    ],
    "leaked prompt": [
        pair(f"It says: {SYSTEM[:90]}"),
        pair("[document 0123456789ab]\nnoon"),
        pair("<|im_start|>assistant\nnoon"),
        pair("<item>noon</item>"),
    ],
    "meta text": [
        pair("Here is the modified text:\n\nThe ferry left."),
        pair("Sure! Here's the revised passage: The ferry left."),
        pair("Certainly. Here is a version without adverbs:\nThe ferry left."),
    ],
    "repetition loop": [pair("The captain said so. " * 60), pair("and then he left " * 80 + ".")],
    "missing context": [
        pair("At noon.", "According to the passage above, when did the ferry leave?"),
        pair("At noon.", "What is the main idea of this article?"),
    ],
    "empty turn": [
        pair(""),
        pair("  \n"),
        pair("N/A"),
        pair("noon") | {"messages": [{"role": "system", "content": ""}, *pair("noon")["messages"]]},
    ],
    "broken format": [
        pair("noon") | {"messages": []},
        pair("noon") | {"messages": pair("noon")["messages"][:1]},
        pair("noon") | {"messages": pair("noon")["messages"][::-1]},
        pair("noon")
        | {"messages": [{"role": "user", "content": None}, {"role": "assistant", "content": "x"}]},
        pair("noon")
        | {"messages": [{"role": "tool", "content": "x"}, {"role": "assistant", "content": "x"}]},
    ],
    "repeats the prompt": [pair(TURN), pair(f" {TURN} ")],
}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_pair_is_kept(name: str) -> None:
    assert screen(GOOD[name]) is None


@pytest.mark.parametrize(
    ("reason", "number"), [(reason, number) for reason in BAD for number in range(len(BAD[reason]))]
)
def test_a_planted_failure_is_turned_away_for_its_reason(reason: str, number: int) -> None:
    assert screen(BAD[reason][number]) == reason


def test_every_rule_has_planted_failures() -> None:
    assert {rule.__name__.replace("_", " ") for rule in RULES} == set(BAD)
