"""Text extraction: what a passage says, as a list of items with named fields.

The paper (arXiv 2407.03502) names the skill; taxonomy, transformations and prompts are ours. The task states a schema:
which fields an item has, and whether a value is copied from the passage, put in a normal form, or one of a few. The
author lists the items in one call, the reply in another; code finds every copied value in the passage, and both lists
must agree.
"""

from __future__ import annotations

from ..agent import Agent
from ..flow import IDENTITY, Entry, Refinement, Skill
from ..formats import format_guide
from ..reply import Form, form
from ..teacher import Sampling
from ..verifiers import Extracted, formatted

LONG = Sampling(max_tokens=4096)
EXACT = Sampling(temperature=0.2, max_tokens=4096)
SCHEMA = (
    'the fields of an item, one to a line, written "name (how): meaning", where name is one word and how is "copied" (the '
    'value stands in the passage word for word), "normalised" (its meaning says in which form), or "one of: a | b | c"'
)
ITEMS = (
    'all the items, as one JSON object {"items": [{"field": "value"}]} whose items have exactly the fields of the schema; '
    'every value is a string, and "" where the passage does not give it'
)

# --- transform: a document becomes a text of which people take things out ---


def passage(name: str, genre: str) -> Agent:
    """The agent that turns a document into a passage of that genre."""
    return Agent(
        name,
        role="You write the documents with which offices, laboratories and newsrooms work.",
        task=f"Task: from the document above, write {genre}\n\n"
        "Take subject, facts and names from the document, and put them so that a reader who has not seen it can follow. "
        "Where the genre needs what the document lacks (speakers, a place, a firm, a date of issue), make it up; never make "
        "up facts about the world. The things that one would look for stand scattered in running text, in varied "
        "wording, some mentioned twice, some only seeming to be of the kind. Finished text of 200 to 700 words: no notes, "
        "nothing about the task or the document. A document is unsuitable when it holds too little of a subject to "
        "write on: a list of links, a table of contents, debris of a web page.",
        about="document",
        form=form(passage="the text, and nothing else"),
        sampling=LONG,
    )


TRANSFORM = [
    passage(
        "news_report",
        "a news report about an event that has to do with the subject: who, what, when, where, with figures and with two "
        "or three people who are quoted, directly and indirectly.",
    ),
    passage(
        "circular",
        "a circular of an institution to its members: an occasion, dates and deadlines, rooms, prices, who may take part, and "
        "whom to ask, with made-up names, telephone numbers and addresses at example.org.",
    ),
    passage(
        "minutes",
        "the minutes of a meeting about the subject: who reports what, which figures, what is decided with which reasons, "
        "who does what by when, what is put off. Paragraphs, not a list.",
    ),
    passage(
        "manual",
        "a chapter of a manual: what is needed with its amounts, what to do in which order, under which conditions, with "
        "warnings and what happens where they are ignored. Paragraphs, not a list.",
    ),
    passage(
        "regulation",
        "a regulation in paragraphs: terms and what they mean, who must, may and must not do what, exceptions, time limits, "
        "what follows from a breach.",
    ),
    passage(
        "research_summary",
        "a summary of several studies on the subject: what was done with how many, what was measured and found, who "
        "explains it how, which earlier work is cited with author and year, what is left open. Studies and their figures are "
        "taken from the document, or from invented groups that are plainly said to be an example.",
    ),
    passage(
        "chronicle",
        "a chronicle: what happened in which year or period, who took part, what led to what, told with leaps forward and "
        "backward in time.",
    ),
    IDENTITY,
]
DATED = frozenset({"news_report", "circular", "minutes", "chronicle", "research_summary", "identity"})
SPOKEN = frozenset({"news_report", "minutes"})
BINDING = frozenset({"circular", "regulation", "manual", "minutes"})
LEARNED = frozenset({"research_summary", "identity", "chronicle", "news_report"})

# --- instruct: what is looked for ---

CLOSED = (
    "It is a closed kind: two careful readers find the same items with the same bounds. Say in the instruction what counts and "
    "what does not, where a span begins and ends (with or without titles, articles, units), and whether what occurs "
    "twice is listed once; the list is compared word for word."
)
OPEN = (
    "It is an open kind: readers may cut the spans a little differently. Say in the instruction what makes an item and how "
    "much of the sentence belongs to each field, so that two careful readers list the same items."
)


def kind(
    name: str, definition: str, fields: str, after: frozenset[str] = frozenset(), is_open: bool = False
) -> Entry:
    """A kind of extraction; `fields` are those from which its schema starts."""
    agent = Agent(
        name,
        role="You set extraction tasks for people and programs that have to read closely and completely.",
        task="Task: set tasks of one kind on the passage above, and solve them.\n\n"
        f"The kind: {name.replace('_', ' ')}. {definition}\n\nFields to start from: {fields} Rename, add or leave out "
        f"fields as the purpose demands: 1 to 6, at least one of them copied.\n\n{OPEN if is_open else CLOSED}\n\n"
        "Write the instruction as somebody would who needs the list for a purpose, in two to five sentences that speak of "
        '"the text". Choose what occurs 2 to 12 times. Then go through the passage sentence by sentence and list every '
        "item that meets the instruction, none that does not, each value copied where the schema says so: same case, "
        "same spelling, nothing left out in between. The tasks differ in what they look for. The passage is unsuitable "
        "when it has fewer than two such items.",
        form=form(
            many=2,
            instruction="the instruction, without schema and list",
            schema=SCHEMA,
            answer=ITEMS,
        ),
        sampling=LONG,
    )
    return Entry(name, agent, definition, after)


CLOSED_KINDS = [
    kind(
        "named_entities",
        "Names of persons, organisations, places, works, species or products; not what merely describes them.",
        "name (copied), type (one of the types that the instruction defines).",
    ),
    kind(
        "dates",
        "Points and periods of time that the text states, each with the kind of thing that the text dates by it.",
        "date (copied), iso (normalised to YYYY, YYYY-MM or YYYY-MM-DD, whichever the text gives), dated (one of a few kinds of "
        "thing that the instruction defines, such as deadline | meeting | publication).",
        DATED,
    ),
    kind(
        "quantities",
        "Figures with their unit: measures, amounts, prices, shares; not years, numbers of pages or of steps.",
        "quantity (copied: figure and unit), value (normalised: the figure in digits), unit (normalised), "
        "of (copied: what is measured).",
    ),
    kind(
        "abbreviations",
        "Short forms that the text introduces, with what they stand for.",
        "short (copied), long (copied), kind (one of a few that the instruction defines).",
    ),
    kind(
        "contact_data",
        "Where somebody can be reached or found: names with telephone numbers, addresses, rooms, opening hours.",
        "person (copied), role (copied), telephone (normalised to digits), mail (copied), place (copied).",
        frozenset({"circular", "news_report"}),
    ),
    kind(
        "citations",
        "Works, studies, laws or authors to which the text refers as a source.",
        "author (copied), year (copied), work (copied), used_as (one of: support | contrast | background).",
        LEARNED | {"regulation"},
    ),
    kind(
        "classes_and_members",
        "The classes into which the text divides a thing, and what it names as a member or example of each.",
        "class (copied), member (copied), a line of the list to each pair.",
    ),
    kind(
        "quotations_and_speakers",
        "What is quoted word for word, who said it, and with which verb it is introduced.",
        "words (copied, without quotation marks), speaker (copied: the fullest form of the name), verb (copied).",
        SPOKEN | {"research_summary", "identity"},
    ),
    kind(
        "table_from_prose",
        "Things that the text compares in the same respects: a row each, with one field to each respect.",
        "the thing (copied), then a field for each respect with its value (copied, with unit), empty where it is not given.",
    ),
]
OPEN_KINDS = [
    kind(
        "key_terms",
        "Technical terms of the field that the text explains or on which its explanation rests; not every noun.",
        "term (copied), status (one of: defined | explained by example | presupposed).",
        is_open=True,
    ),
    kind(
        "definitions",
        "Terms with the words that say what they mean, whether by is, means, refers to, in brackets or in apposition.",
        "term (copied), definition (copied).",
        is_open=True,
    ),
    kind(
        "claims_with_support",
        "Claims that the text supports, with the words that support them: data, example, reason, authority.",
        "claim (copied), support (copied), type (one of: data | example | reason | authority).",
        is_open=True,
    ),
    kind(
        "relations",
        "Triples: two things that the text names and how it relates them (part of, made of, owns, founded …; not cause and "
        "effect), for the relations that the instruction lists.",
        "subject (copied), relation (one of three to six), object (copied).",
        is_open=True,
    ),
    kind(
        "causes_and_effects",
        "Pairs of which the text says that one brings about, prevents or enables the other; mere sequence is none.",
        "cause (copied), effect (copied), link (one of: causes | prevents | enables).",
        is_open=True,
    ),
    kind(
        "events",
        "What happened, once, to or by somebody: who, what, when, where; habits and general truths are none.",
        "trigger (copied: the verb or noun), who (copied), when (copied), where (copied).",
        DATED,
        is_open=True,
    ),
    kind(
        "steps",
        "Actions of a procedure in the order in which they are to be done, with what they act on and their condition.",
        "order (normalised: 1, 2, 3 …), action (copied), object (copied), condition (copied).",
        frozenset({"manual", "regulation", "identity", "circular"}),
        is_open=True,
    ),
    kind(
        "requirements",
        "Duties, permissions and bans: who must, may or must not do what, and when that holds; advice is none.",
        "who (copied), force (one of: must | may | must not), act (copied), condition (copied).",
        BINDING,
        is_open=True,
    ),
    kind(
        "decisions_and_tasks",
        "What was decided or handed to somebody: who does what by when; what was only proposed is none.",
        "who (copied), task (copied), by (copied: the deadline), status (one of: decided | put off).",
        frozenset({"minutes", "news_report"}),
        is_open=True,
    ),
]

# --- refine: a schema that asks for more, a condition that leaves less, a passage that tempts ---

TASK = "Instruction: $instruction\n\nFields of an item:\n$schema\n\nItems:\n$answer"


def suggester(name: str, goal: str) -> Agent:
    """The agent that gives three ideas towards a goal, without carrying them out."""
    return Agent(
        name,
        role="You advise the authors of extraction tasks on what makes close reading necessary.",
        task=f"Task: suggest changes to a task on the passage above.\n\n{TASK}\n\nThe goal: {goal}\n\n"
        "Give three suggestions of different kinds. Each says in one or two sentences what to change and where, so that "
        "an author can do it without asking back; it does not do it.",
        form=form(many=3, suggestion="one change, in one or two sentences"),
    )


def editor(name: str, task: str, **fields: str) -> Agent:
    """The agent that carries out one suggestion, and writes anew the fields that it changes."""
    return Agent(
        name,
        role="You edit extraction tasks, and solve them completely.",
        task=f"Task: {task}\n\n{TASK}\n\nThe suggestion: $suggestion\n\n"
        "Carry out the suggestion and nothing besides. Then go through the passage again and list the items anew: every "
        "one that meets the instruction, none that does not, copied values word for word. Decline when two careful "
        "readers could then come to different lists.",
        form=Form(tuple(fields.items())),
        sampling=EXACT,
    )


REFINE = [
    Refinement(
        "richer_schema",
        suggester(
            "suggest_richer_schema",
            "an item tells more: a field that stands elsewhere in the passage than the rest, a normal form that has to be worked "
            "out, a choice that needs a judgement which the instruction defines.",
        ),
        editor(
            "edit_richer_schema",
            "extend the schema of a task on the passage above.",
            instruction="the whole instruction, edited",
            schema=SCHEMA,
            answer=ITEMS,
        ),
    ),
    Refinement(
        "narrower_condition",
        suggester(
            "suggest_narrower_condition",
            "only some of the items are wanted, by a condition that cannot be seen on the item itself: who says it, whether it "
            "is denied, what came before, how it compares with another item.",
        ),
        editor(
            "edit_narrower_condition",
            "narrow the instruction of a task on the passage above.",
            instruction="the whole instruction, edited",
            answer=ITEMS,
        ),
    ),
    Refinement(
        "tempting_passage",
        suggester(
            "suggest_tempting_passage",
            "the passage holds what looks like an item and is none (a plan that came to nothing, a figure that is corrected "
            "later, a namesake), or no longer gives a value that the schema asks for. The instruction stays.",
        ),
        editor(
            "edit_tempting_passage",
            "edit the passage above so that the task on it, which stays, needs closer reading.",
            passage="the whole passage, edited",
            answer=ITEMS,
        ),
    ),
]

SKILL = Skill(
    name="text_extraction",
    summary="List what a passage says, by a schema, completely and in its own words.",
    transform=TRANSFORM,
    instruct=[*CLOSED_KINDS, *OPEN_KINDS],
    refine=REFINE,
    format=format_guide(
        "$instruction\n\nFields of an item:\n$schema\n\nThe reply is the list of all such items, and no item is a short answer. "
        'In JSON the object has the one key "items", whose list holds an object with these fields for each item; in a table the '
        "head holds the names of the fields, as they are, and each item is a row.",
        forms=("json", "table"),
    ),
    respond=Agent(
        "extract",
        role="You read closely and list what a text says, completely and without adding to it.",
        task="Task: extract items from the passage above.\n\n$instruction\n\nFields of an item:\n$schema\n\n"
        "The form that they ask for: $format\n\n"
        'Where no form is asked for, the reply is one JSON object {"items": [{"field": "value"}]}; in a table the head holds the '
        "names of the fields. Go through the passage sentence by sentence, and list every item that meets the "
        "instruction and none that does not, in the order of the passage. A copied value has the case, spelling and marks "
        'of the passage, with nothing left out in between; a value that the passage does not give is "", in a table an '
        "empty cell. Every item has exactly the fields above, and every value is text. Without such items the list is "
        "empty. Write the list only, without a word before or after it.",
        writes_text="response",
        sampling=EXACT,
    ),
    verify=[formatted, Extracted(frozenset(entry.name for entry in OPEN_KINDS))],
    turn="$passage\n\n$instruction\n\nFields of an item:\n$schema\n\nA copied value stands in the text word for word; a value "
    'that the text does not give is "". Unless another form is asked for below, reply with one JSON object whose one key '
    '"items" holds the list of items.',
)
