"""A draft of a skill, as a teacher would write one, for tests."""

from __future__ import annotations

from typing import Any

KINDS = ["claim", "reason", "example", "contrast", "consequence", "definition", "order", "limit"]
PASSAGES = ["lecture", "letter", "interview", "diary"]


def draft(**other: Any) -> dict[str, Any]:
    """A sound draft of a skill about explanations, with some keys laid over it."""
    return {
        "name": "explanation",
        "summary": "Find and give explanations in a text.",
        "kinds": ["text"],
        "writer": "You write passages from which students learn to explain.",
        "unsuitable": "it explains nothing: a list of links, a legal notice.",
        "transformations": [
            {"name": f"{name}_passage", "task": f"a {name} in which somebody explains the subject to a newcomer."}
            for name in PASSAGES
        ],
        "setter": "You write exercises for students who learn to explain.",
        "demands": "Each exercise has one right answer, which a reader can defend with words of the passage.",
        "entries": [
            {
                "name": f"find_the_{kind}",
                "definition": f"The student names the {kind} that the passage gives, number {number} of its {kind}s, "
                f"and nothing that is only near to a {kind} {'x' * number}.",
                "answer": f"the {kind} in a few words of the passage",
                "match": "text" if number % 2 else "judge",
                "after": ["lecture_passage", "identity"] if number == 3 else [],
            }
            for number, kind in enumerate(KINDS)
        ],
        "refinements": [
            {"goal": "more_steps", "suggest": "The exercise takes one step of reasoning more than it did before."}
        ],
        "student_sees": "passage_and_instruction",
        "responder": "You explain how an answer is found.",
        "respond": "Quote the words of the passage that decide the matter, then say in a sentence why they do.",
        "forms": ["free", "answer_only", "json"],
        "verifiers": ["quoted", "agreed", "reviewed"],
        "holds": "It holds when it says what the exercise asks for, and nothing that the passage contradicts.",
        **other,
    }  # fmt: skip
