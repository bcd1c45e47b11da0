"""A draft as a skill file. The code is ours; every text of the draft stands in it as a literal, whatever it says."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .draft import FIELDS, Draft

WIDTH = 100  # characters of a literal on one line
HEAD = '''\
"""A skill that a teacher drafted from a specification, checked as the built-in ones are. Read its prompts before you
trust it; genteach try shows it at work."""

from __future__ import annotations

from genteach.generate.agent import Agent
from genteach.generate.flow import IDENTITY, Entry, Match, Refinement, Skill
from genteach.generate.formats import format_guide
from genteach.generate.reply import Form, form
from genteach.generate.teacher import Sampling
from genteach.generate.verifiers import {verifiers}

LONG = Sampling(max_tokens=4096)
'''
FUNCTIONS = '''

def shown(text: str) -> str:
    """A text as it stands in a prompt: a dollar sign is one."""
    return text.replace("$", "$$")


def passage(name: str, task: str) -> Agent:
    """The agent that turns a document into a passage."""
    return Agent(
        name,
        role=WRITER,
        task=f"Task: from the document above, write {shown(task)}\\n\\n"
        "Take subject, facts and names from the document, and put them so that a reader who has not seen it can follow. "
        "Write finished text of 200 to 900 words: no title, no notes, nothing about the task or the document itself. "
        f"A document is unsuitable when {shown(UNSUITABLE)}",
        about="document",
        form=form(passage="the passage, and nothing else"),
        sampling=LONG,
    )


def entry(name: str, definition: str, answer: str, match: Match, after: frozenset[str] = frozenset()) -> Entry:
    """The entry, and the agent behind it, that writes instructions of one kind."""
    agent = Agent(
        name,
        role=SETTER,
        task="Task: write instructions of one kind from the passage above.\\n\\n"
        f"The kind: {name.replace('_', ' ')}. {shown(definition)}\\n\\nThe answer: {shown(answer)}\\n\\n"
        f"{shown(DEMANDS)} {SEEN} Decline when the passage does not hold what this kind is about, and do not bend the kind.",
        form=Form((("question", "the instruction, complete in itself"), *KEPT), many=3),
        sampling=LONG,
    )
    return Entry(name, agent, definition, after, match)


def refinement(goal: str, suggest: str, entries: frozenset[str] = frozenset()) -> Refinement:
    """The pair of agents that pursues a goal."""
    given = "The instruction: $question\\n\\nIts answer: $answer"
    suggester = Agent(
        f"suggest_{goal}",
        role=SETTER,
        task=f"Task: suggest changes to an instruction about the passage above.\\n\\n{given}\\n\\nThe goal: "
        f"{shown(suggest)}\\n\\nGive three suggestions of different kinds. Each says in one or two sentences what to "
        "change, so that an editor can do it without asking back; it does not do it.",
        form=form(many=3, suggestion="one change, in one or two sentences"),
    )
    editor = Agent(
        f"edit_{goal}",
        role=SETTER,
        task=f"Task: rewrite an instruction about the passage above by a suggestion.\\n\\n{given}\\n\\nThe suggestion: "
        f"$suggestion\\n\\nThe new instruction is complete in itself and still of its kind. {SEEN} Decline when the "
        "suggestion makes it impossible.",
        form=Form((("question", "the whole new instruction"), *KEPT)),
        sampling=LONG,
    )
    return Refinement(goal, suggester, editor, entries)

'''
RESPOND = """\
RESPOND = Agent(
    "answer",
    role=RESPONDER,
    task=f"Task: {CARRY_OUT}\\n\\nThe form that they ask for: $format\\n\\n{shown(HOW_TO_RESPOND)} A form that is asked for is "
    'kept to the letter. Where there is one short answer, end with the sentence "The answer is X.", X being the answer '
    'alone; in JSON, X is the value of the key "answer" instead, and where only the answer is wanted, X stands alone. '
    "Write the answer only.",
    about=ABOUT,
    writes_text="response",
    sampling=LONG,
)
"""
REVIEWER = """\
REVIEWER = reviewer(
    "Task: judge a reply to an instruction about the passage above.\\n\\nThe instruction: $question\\n\\n"
    f"Reply:\\n$response\\n\\n{shown(HOLDS)} Look first for the words of the passage that speak most strongly for or "
    "against it.",
    quote="those words, copied from the passage: at least a clause",
)
"""
# What depends on whether the student sees the passage; all of it is ours.
SEES = {
    "passage_and_instruction": {
        "SEEN": "The student sees the passage, and the instruction below it.",
        "CARRY_OUT": "carry out an instruction on the passage above.\n\nThe instruction: $question",
        "ABOUT": "passage",
        "TURN": "$passage\n\n$question",
    },
    "instruction": {
        "SEEN": "The student does not see the passage: the instruction names all that it is about, and never says "
        '"the text" or "the passage".',
        "CARRY_OUT": "carry out the instruction above.",
        "ABOUT": "question",
        "TURN": "$question",
    },
}


CLASSES = {"voted": ("Voted",), "reviewed": ("Reviewed", "reviewer")}
OBJECTS = {"voted": "Voted(RESPOND)", "reviewed": "Reviewed(REVIEWER)"}


def render(draft: Draft) -> str:
    """The source of the skill file."""
    passages = (_call("passage", each.name, each.task) for each in draft.transformations)
    entries = (
        _call("entry", each.name, each.definition, each.answer, each.match, names=each.after)
        for each in draft.entries
    )
    refinements = (
        _call("refinement", each.goal, each.suggest, names=each.entries) for each in draft.refinements
    )
    parts = [
        HEAD.format(verifiers=", ".join(_imported(draft))),
        "".join(f"{name} = {_literal(text)}\n" for name, text in _texts(draft).items()),
        _list("KEPT", [f"({_quoted(name)}, {_quoted(meaning)})" for name, meaning in _kept(draft)]),
        FUNCTIONS,
        _list("TRANSFORM", ["IDENTITY", *passages]),
        _list("INSTRUCT", entries),
        _list("REFINE", refinements),
        RESPOND,
        REVIEWER if "reviewed" in draft.verifiers else "",
        _skill(draft),
    ]
    return "\n".join(filter(None, parts))


def _texts(draft: Draft) -> dict[str, str]:
    """The texts that the prompts share."""
    written = {
        "WRITER": draft.writer,
        "UNSUITABLE": draft.unsuitable,
        "SETTER": draft.setter,
        "DEMANDS": draft.demands,
    }
    answered = {"RESPONDER": draft.responder, "HOW_TO_RESPOND": draft.respond, "HOLDS": draft.holds}
    return written | answered | SEES[draft.student_sees]


def _kept(draft: Draft) -> list[tuple[str, str]]:
    """What the author of an instruction writes besides it: for the verifiers to hold on to, and the answer."""
    fields = [FIELDS[each] for each in draft.verifiers if each in FIELDS]
    return [*fields, ("answer", "the right answer in the form described above, and nothing else")]


def _imported(draft: Draft) -> list[str]:
    names = {"formatted", *(name for each in draft.verifiers for name in CLASSES.get(each, (each,)))}
    return sorted(names, key=lambda name: (name.islower(), name))


def _skill(draft: Draft) -> str:
    forms = ", ".join(map(_quoted, dict.fromkeys(draft.forms)))
    kinds = ", ".join(map(_quoted, sorted(set(draft.kinds))))
    verify = dict.fromkeys(["formatted", *(OBJECTS.get(each, each) for each in draft.verifiers)])
    return f"""\
SKILL = Skill(
    name={_quoted(draft.name)},
    summary={_literal(draft.summary, 4)},
    transform=TRANSFORM,
    instruct=INSTRUCT,
    refine=REFINE,
    respond=RESPOND,
    verify=[{", ".join(verify)}],
    turn=TURN,
    kinds=frozenset([{kinds}]),
    format=format_guide(f"It is the reply to this: {{CARRY_OUT}}", ABOUT, ({forms})),
)
"""


def _list(name: str, items: Iterable[str]) -> str:
    lines = "".join(f"    {item},\n" for item in items)
    return f"{name} = [\n{lines}]\n"


def _call(function: str, *texts: str, names: Iterable[str] = ()) -> str:
    """A call of one of the functions above, a text on each line."""
    lines = [_literal(text, 8) for text in texts]
    if names := sorted(set(names)):
        lines.append(f"frozenset([{', '.join(map(_quoted, names))}])")
    return f"{function}(\n" + "".join(f"        {line},\n" for line in lines) + "    )"


def _literal(text: str, indent: int = 0) -> str:
    """The text as Python writes it, in pieces that fit on a line."""
    pieces = re.findall(rf"(?s).{{1,{WIDTH}}}(?:(?<=\s)|\Z)|.{{1,{WIDTH}}}", text) or [""]
    if len(pieces) == 1:
        return _quoted(text)
    margin = " " * indent
    return "(\n" + "".join(f"{margin}    {_quoted(piece)}\n" for piece in pieces) + f"{margin})"


def _quoted(text: str) -> str:
    """In double quotation marks where nothing has to be escaped, else as Python itself writes it."""
    return f'"{text}"' if text.isprintable() and not {'"', "\\"} & set(text) else repr(text)
