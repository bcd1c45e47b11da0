"""A skill as data, as a teacher drafts it from a specification: what it may hold, and what is said of a wrong one."""

from __future__ import annotations

from string import Template
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError, model_validator

from ...config import Strict
from ..formats import FORMS
from ..habits import spoken
from ..reply import LENIENT
from ..skills import NAMES

Name = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$", min_length=3, max_length=40)
]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=8, max_length=300)]
Prose = Annotated[str, StringConstraints(strip_whitespace=True, min_length=40, max_length=2000)]
Verifier = Literal["quoted", "computed", "agreed", "voted", "reviewed"]
FIELDS: dict[
    Verifier, tuple[str, str]
] = {  # what the author of an instruction writes for a verifier to hold on to
    "quoted": (
        "evidence",
        "words copied from the passage on which the answer rests, at least a clause; several quotations stand on a line each",
    ),
    "computed": (
        "expression",
        "the answer as one arithmetic expression over numbers of the question, with + - * / ( ) and nothing else",
    ),
}


class Transformation(Strict):
    name: Name = Field(description="what the passage becomes, such as debate_passage")
    task: Prose = Field(description="the passage to write, and what makes a good one, after 'write'")


class EntryDraft(Strict):
    name: Name = Field(description="the kind of instruction")
    definition: Prose = Field(
        description="what is asked in this kind, so that a writer can tell it from the others"
    )
    answer: Line = Field(description="what a right answer looks like")
    match: Literal["exact", "number", "text", "judge"] = Field(
        description="how an answer is compared with the right one; judge where there are many right ones"
    )
    after: tuple[Name, ...] = Field(
        (), description="the transformations after which it may come; none means any"
    )


class RefinementDraft(Strict):
    goal: Name = Field(description="what becomes of the instruction, such as more_complex")
    suggest: Prose = Field(description="what the suggestions should do to an instruction to reach the goal")
    entries: tuple[Name, ...] = Field((), description="the entries that it suits; none means any")


class Draft(Strict):
    """A skill without a line of code: every text stands in a prompt of ours, or is one."""

    name: Name = Field(description="the skill, in small letters and underscores")
    summary: Line = Field(description="what the student learns to do, in one sentence")
    kinds: tuple[Literal["text", "code", "api"], ...] = Field(
        min_length=1, description="the documents that it takes"
    )
    writer: Line = Field(
        description="the role of whoever writes the passages, a sentence that begins with 'You'"
    )
    unsuitable: Line = Field(
        description="the documents that do not suit, after 'A document is unsuitable when'"
    )
    transformations: tuple[Transformation, ...] = Field(min_length=4, max_length=9)
    setter: Line = Field(
        description="the role of whoever writes the instructions, a sentence that begins with 'You'"
    )
    demands: Prose = Field(description="what every instruction has to be, whatever its kind")
    entries: tuple[EntryDraft, ...] = Field(min_length=7, max_length=43)
    refinements: tuple[RefinementDraft, ...] = Field(min_length=1, max_length=6)
    student_sees: Literal["passage_and_instruction", "instruction"]
    responder: Line = Field(description="the role of whoever answers, a sentence that begins with 'You'")
    respond: Prose = Field(description="what an exemplary answer does, step by step")
    forms: tuple[str, ...] = Field(
        min_length=3, description=f"of {', '.join(FORMS)}: those that make sense here"
    )
    verifiers: tuple[Verifier, ...] = Field(min_length=1)
    holds: Prose = Field(description="when a reviewer lets an answer pass, and when it fails")

    @model_validator(mode="after")
    def _consistent(self) -> Draft:
        if self.name in NAMES:
            raise ValueError(f"name: there is a skill {self.name!r} already")
        if strange := set(self.forms) - FORMS.keys():
            raise ValueError(f"forms: {', '.join(sorted(strange))} is none of {', '.join(FORMS)}")
        judged = [entry.name for entry in self.entries if entry.match == "judge"]
        if judged and "reviewed" not in self.verifiers:
            raise ValueError(f"verifiers: nobody judges the answers of {', '.join(judged)}; add reviewed")
        if len(judged) < len(self.entries) and not {"agreed", "voted"} & set(self.verifiers):
            raise ValueError(
                "verifiers: nobody compares the answers of the entries that are not judged; add agreed"
            )
        return self


class Invalid(Exception):
    """A draft that is none; the faults name its fields, a line each."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


def read(reply: str) -> Draft:
    """The draft in a reply; raises Invalid."""
    body = spoken(reply) or ""
    try:
        value, _ = LENIENT.raw_decode(body, max(body.find("{"), 0))
    except (ValueError, RecursionError) as error:
        raise Invalid([f"not valid JSON: {error}"]) from error
    return validate(value)


def validate(value: Any) -> Draft:
    """The draft that this value is; raises Invalid with every field that is wrong."""
    try:
        return Draft.model_validate(value)
    except ValidationError as error:
        raise Invalid([_fault(each) for each in error.errors(include_url=False)]) from error


def _fault(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"])
    return f"{where}: {error['msg']}" if where else error["msg"].removeprefix("Value error, ")


ASKED = Template("""\
A skill is something that a small language model is to be taught. It is taught by pairs of an instruction and an exemplary \
answer, which are made from documents in five steps, each by a writer of its own:
1. transform: a document becomes a passage of another kind, so that there is something to ask about;
2. instruct: from the passage, instructions of one kind are written, each with the right answer where there is one;
3. refine: an instruction is made more demanding, by a suggestion and an edit;
4. respond: somebody answers who has not seen the right answer;
5. verify: the answer is held against a second path to it.

Task: design the skill of this specification.

$specification

Write it as one JSON object by the schema below, and nothing else. Every text goes into a prompt word for word, so write it \
as one writes to a skilled person: concrete, in full sentences, with what makes a result good and what to avoid. You write \
the parts that are this skill's own; markers, formats and the order of the parts are added.

- transformations: 4 to 9, which give passages that differ in genre, point of view or structure; copying the document is \
added. Use facts of the document; never make up figures.
- entries: 7 to 43 kinds of instruction that differ in what they demand of the student and not in words alone; no two may \
overlap. The definition says what is asked, what makes it hard, and what does not belong here. Prefer kinds whose answer can \
be compared (match number, text or exact) to those that have to be judged.
- verifiers: quoted (the answer rests on words copied from the passage), computed (the answer is the value of an arithmetic \
expression), agreed (the answer is the one that the writer of the instruction gave), voted (most of three answers agree), \
reviewed (a reviewer judges; only for match judge).
- student_sees: whether the student gets the passage with the instruction.

The schema:
$schema""")
AGAIN = "That is not a skill yet:\n{faults}\nReply with the whole JSON object again, with this put right."
