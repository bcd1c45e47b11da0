"""Text classification: which of the defined labels a text has, with the words of it that decide.

The paper (arXiv 2407.03502) names the skill; taxonomy, transformations and prompts are ours. The label set stands in
the task with a definition to each label, so that the student learns to apply what it is told, not to guess what is
meant. The author labels its texts in one call, the reply and further samples of it label them in others.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..agent import Agent
from ..flow import IDENTITY, Context, Entry, Refinement, Skill
from ..formats import format_guide
from ..record import Record
from ..reply import Form, form
from ..teacher import Sampling
from ..tools.answers import plain_text
from ..verifiers import Voted, agreed, cited, excerpt_of, formatted, labelled

LONG = Sampling(max_tokens=4096)
LABELS = 'the label set, one "label: definition" a line, the same in every item; a label is one to four words without a comma'
EVIDENCE = "the words of the text that decide, copied from it; where something is absent, the words that come closest"

# --- transform: a textbook becomes the kinds of text that people have to sort ---


def passage(name: str, collection: str) -> Agent:
    """The agent that turns a document into a passage of texts of one kind."""
    return Agent(
        name,
        role="You write the texts with which a workbook for readers, editors and clerks trains judgement.",
        task=f"Task: from the matter of the document above, write {collection}\n\n"
        "Take subject and facts from the document; people, places and occasions may be made up, figures and facts about "
        "the world may not. The texts differ in what they say, in tone and in length, as such texts do when different "
        "people wrote them; a few lie between two kinds. Finished text of 200 to 700 words, a blank line between "
        "texts, nothing about the task, the document or how they might be sorted. A document is unsuitable when it holds too "
        "little of a subject to write on: a list of links, a table of contents, a legal notice.",
        about="document",
        form=form(passage="the texts, and nothing else"),
        sampling=LONG,
    )


TRANSFORM = [
    passage(
        "desk_messages",
        "six to ten messages that reach one desk in a morning (a library, a clinic, a school office, a support team; "
        "choose one that has to do with the subject): enquiries, complaints, requests, reports, thanks, each wanting "
        "something definite, and some that want more than they say.",
    ),
    passage(
        "letters_to_the_editor",
        "five to eight letters to the editor about one disputed question that the subject raises: for it, against it, "
        "undecided, beside the point; some argue, some assert, one is ironic.",
    ),
    passage(
        "reviews",
        "six to nine reviews of one thing that has to do with the subject (a course, a book, an exhibition, a tool): "
        "praise, blame, both in one review, plain report, faint praise.",
    ),
    passage(
        "news_items",
        "six to nine items of a news page around the subject: reports, an announcement, a forecast, a correction, a "
        "comment, a notice of an event.",
    ),
    passage(
        "forum_thread",
        "a thread of eight to twelve posts on a question about the subject: answers right and wrong, experience, "
        "evidence, doubt, a rule of the forum, somebody who changes their mind.",
    ),
    passage(
        "research_notes",
        "eight to twelve notes from the reading of a student: each states in one to three sentences what some source "
        "found or claims about the subject and on what it rests (a trial, a survey, a case, an authority, an analogy, "
        "nothing), with different degrees of certainty.",
    ),
    passage(
        "one_matter_many_readers",
        "the same piece of the subject told five times: to a child, to a beginner, to a colleague of the field, in an "
        "official notice, to a friend. Only choice of words, sentences and what is taken for granted differ.",
    ),
    IDENTITY,
]
WANTING = frozenset({"desk_messages", "forum_thread"})
JUDGING = frozenset({"reviews", "letters_to_the_editor", "forum_thread"})
ARGUING = frozenset({"letters_to_the_editor", "forum_thread", "research_notes", "identity"})
TELLING = frozenset({"news_items", "research_notes", "identity"})

# --- instruct: what is asked of a text, and by which labels ---


@dataclass(frozen=True)
class Author(Agent):
    """An agent whose items all have another label: one that repeats a label is put aside, so that sets stay balanced."""

    async def __call__(self, record: Record, ctx: Context) -> list[Record]:
        by_label: dict[str, Record] = {}
        for item in await ctx.ask(self, record):
            label = plain_text(item.fields["answer"])
            if by_label.setdefault(label, item) is not item:
                ctx.reject(item, self.name, "label_repeated", f"another item has the label {label}")
        return list(by_label.values())


def kind(
    name: str, definition: str, labels: str, after: frozenset[str] = frozenset(), label: str = ""
) -> Entry:
    """A kind of classification; `labels` says which set is wanted, `label` what an answer is where it is not one label."""
    agent = Author(
        name,
        role="You design classification tasks and write the items that show whether somebody applies the definitions.",
        task=f"Task: write items of one kind of classification from the passage above.\n\n"
        f"The kind: {name.replace('_', ' ')}. {definition}\n\nThe label set: {labels}\n\n"
        "Write the set first, as the guideline of a real project would: a definition of one sentence to each label, which "
        "says what belongs there and, where two labels lie close, what decides between them. Then up to three items, "
        "classified by that same set. Each has a text of one sentence to one paragraph, from the passage word for "
        "word or written from its matter in the same manner, complete without it and free of any hint at the label. Each "
        "has another label than the others; at least one is a near miss: its wording, tone or subject suggests another "
        "label, and only the definition tells. Whoever applies the definitions to the text alone must come to your label and "
        "to no other; drop an item of which that is not so. The passage is unsuitable when it has nothing that this kind "
        "can sort.",
        form=form(
            many=3,
            instruction="what is to be classified and by what, in the words of somebody who needs it: one to three "
            "sentences, without the labels and without the text",
            labels=LABELS,
            text="the text to be classified",
            evidence=EVIDENCE,
            answer=label or "the label, spelled as in the set, and nothing else",
        ),
        sampling=LONG,
    )  # fmt: skip
    return Entry(name, agent, definition, after, "text")


INSTRUCT = [
    kind(
        "topic",
        "What the text is mainly about, among topics that lie side by side; a text may mention others.",
        "four to seven topics into which the passage's field divides, and none that takes in the rest.",
    ),
    kind(
        "several_topics",
        "All the topics on which the text says something of substance; a mere mention does not count.",
        "five to eight topics, of which a text may have one, two or three.",
        label="the labels, in the order in which the set lists them, with a comma between them",
    ),
    kind(
        "two_level_topic",
        "The topic in a scheme of two levels: the branch, and within it the narrower class.",
        'two or three branches with two or three classes each; a label is written "branch > class".',
    ),
    kind(
        "sentiment",
        "What the writer feels or judges about the thing that the instruction names, whatever the subject is like: bad "
        "news can be told without sentiment, praise can be ironic.",
        "positive, negative, mixed, neutral.",
        JUDGING | {"desk_messages"},
    ),
    kind(
        "stance",
        "Where the writer stands towards a claim that the instruction states in one sentence; agreeing with a reason for "
        "it is not yet agreeing with it.",
        "supports, opposes, conditional, takes no stand.",
        ARGUING | JUDGING,
    ),
    kind(
        "intent",
        "What the writer of a message wants the reader to do, which need not be what the message says first.",
        "four to seven intents that the desk or forum would route differently, one of them for whatever is left.",
        WANTING,
    ),
    kind(
        "priority",
        "How soon the message must be dealt with, by harm and deadline and not by tone; the labels are steps of a scale.",
        "three or four ordered steps, such as p1 to p4, each with the condition that sets it.",
        WANTING,
    ),
    kind(
        "genre",
        "What kind of text it is, by its form and purpose and not by its subject.",
        "four to seven genres, such as report, announcement, comment, instruction, definition entry, advertisement.",
    ),
    kind(
        "register",
        "For what relation between writer and reader the language is made: choice of words, address, syntax.",
        "three to five registers from intimate or casual to official, told apart by signs that can be pointed at.",
        frozenset({"one_matter_many_readers", "desk_messages", "forum_thread", "news_items"}),
    ),
    kind(
        "reading_level",
        "Which reader can follow the text without help, by vocabulary, sentences and what is taken for granted; the "
        "labels are steps of a scale.",
        "three or four ordered levels, each with what its reader knows and what kind of sentence it allows.",
        frozenset({"one_matter_many_readers", "research_notes", "identity"}),
    ),
    kind(
        "audience",
        "For whom the text was written, by what it explains, what it leaves out and what it wants of the reader.",
        "three to six readerships that differ in task and knowledge, such as patients, nurses, managers, lawmakers.",
        frozenset({"one_matter_many_readers", "news_items", "identity"}),
    ),
    kind(
        "claim_type",
        "What kind of statement the sentence makes, by what would show that it is wrong.",
        "fact, opinion, definition, prediction, recommendation, or those of them that the passage offers.",
    ),
    kind(
        "argument_role",
        "What one sentence does in a short argument; the text holds the argument, the sentence between [ and ].",
        "premise, conclusion, intermediate conclusion, objection, concession, illustration.",
        ARGUING,
    ),
    kind(
        "causal_claim",
        "Whether the text says that one thing brings about another, only that they go together, or neither.",
        "causal, correlational, no relation, with a rule for verbs such as is linked to, raises, depends on.",
        TELLING | ARGUING,
    ),
    kind(
        "evidence_type",
        "On what the text rests its main claim.",
        "five to seven kinds, such as experiment, observational data, single case, authority, analogy, reasoning, none.",
        ARGUING | TELLING,
    ),
    kind(
        "certainty",
        "How sure the text is of its main claim, by hedges, modal verbs and negation; the labels are steps of a scale.",
        "stated as certain, likely, possible, doubted, denied, or four of them.",
        TELLING | ARGUING,
    ),
    kind(
        "time_reference",
        "To which time the main statement of the text refers, by its sense and not by the tense of its verb.",
        "past, present, future, general truth, hypothetical.",
        TELLING | {"desk_messages"},
    ),
    kind(
        "entailment",
        'How a hypothesis relates to a premise; the text holds both, on lines that begin "Premise:" and "Hypothesis:". '
        "The premise comes from the passage, the hypothesis is yours.",
        "entailed, contradicted, undecided, by the premise alone and without knowledge of the world.",
    ),
]

# --- refine: items nearer the border, on either side of it, and sets that cut finer ---

ITEM = "$instruction\n\nLabels:\n$labels\n\nText:\n$text\n\nLabel: $answer\n\nDeciding words: $evidence"


def suggester(name: str, goal: str) -> Agent:
    """The agent that gives three ideas towards a goal, without carrying them out."""
    return Agent(
        name,
        role="You advise the authors of classification tasks on where readers go wrong.",
        task=f"Task: suggest changes to one item, which was written from the passage above.\n\n{ITEM}\n\nThe goal: {goal}\n\n"
        "Give three suggestions of different kinds. Each says in one or two sentences what to change and where, so that "
        "an author can do it without asking back; it does not do it.",
        form=form(many=3, suggestion="one change, in one or two sentences"),
    )


def editor(name: str, task: str, **fields: str) -> Agent:
    """The agent that carries out one suggestion, and writes anew the fields that it changes."""
    return Agent(
        name,
        role="You edit classification tasks with a light hand.",
        task=f"Task: {task} The item was written from the passage above.\n\n{ITEM}\n\nThe suggestion: $suggestion\n\n"
        "Carry out the suggestion and nothing besides. Afterwards exactly one answer is right by the definitions, the "
        "text is complete in itself and gives no hint at the label. Decline when the suggestion leaves two answers "
        "open, or does not lead to the goal.",
        form=Form(tuple(fields.items())),
    )


REFINE = [
    Refinement(
        "near_miss",
        suggester(
            "suggest_near_miss",
            "the text keeps its label, but wording, tone or subject now suggest another: irony, a quoted opposite view, a "
            "cue word used in another sense, a concession before the point.",
        ),
        editor(
            "edit_near_miss",
            "rewrite the text of an item so that it keeps its label and seems to have another.",
            text="the whole text, edited",
            evidence=EVIDENCE,
        ),
    ),
    Refinement(
        "label_changed",
        suggester(
            "suggest_label_changed",
            "the smallest possible change of the text gives it another label of the set: a word, a tense, a negation, a "
            "source, the order of two sentences.",
        ),
        editor(
            "edit_label_changed",
            "change as little of the text of an item as gives it another label.",
            text="the whole text, edited",
            evidence=EVIDENCE,
            answer="the new label, or labels, in the form of the old answer",
        ),
    ),
    Refinement(
        "finer_labels",
        suggester(
            "suggest_finer_labels",
            "the label set demands a closer reading: a label is split in two, an exception is added to a definition, or a rule "
            "says which label has precedence, so that the definitions and not habit decide. The text stays.",
        ),
        editor(
            "edit_finer_labels",
            "edit the label set of an item so that it demands a closer reading.",
            labels=LABELS.replace(", the same in every item", ", whole and edited"),
            evidence=EVIDENCE,
            answer="the label, or labels, that the text has by the edited set, in the form of the old answer",
        ),
    ),
]  # fmt: skip

CLASSIFY = Agent(
    "classify",
    role="You classify texts by given definitions, and show the words on which you decide.",
    task="Task: classify the text above.\n\n$instruction\n\nLabels:\n$labels\n\nThe form that they ask for: $format\n\n"
    "Apply the definitions as they are written, also where you would have drawn the line elsewhere. Where no form is "
    "asked for, quote in double quotation marks the words of the text that decide, say in a sentence or two which part of the "
    'definition they meet and why the nearest other label fails, and end with the sentence "The answer is X.", X being '
    "the label as the set spells it, or the labels with commas between them, in the order of the set, where several "
    "apply. In another form, keep to it, and end with that sentence too, unless the form leaves no place for it. Quote "
    "nothing that is not there. Write the answer only, to a reader who has text and labels in front of them.",
    about="text",
    writes_text="response",
    sampling=Sampling(max_tokens=1024),
)

SKILL = Skill(
    name="text_classification",
    summary="Say which of the defined labels a text has, and by which of its words.",
    transform=TRANSFORM,
    instruct=INSTRUCT,
    refine=REFINE,
    format=format_guide(
        "$instruction\n\nLabels:\n$labels\n\nWho asks has many such texts; the answer to each is a label, and what else "
        "they want with it (the deciding words, a reason) is theirs to say.",
        about="text",
        forms=("free", "answer_only", "json", "table", "bullets"),
    ),
    respond=CLASSIFY,
    verify=[
        formatted,
        labelled,
        cited,
        excerpt_of("text", "evidence", in_pieces=True),
        agreed,
        Voted(CLASSIFY),
    ],
    turn="$instruction\n\nLabels:\n$labels\n\nText:\n$text",
)
