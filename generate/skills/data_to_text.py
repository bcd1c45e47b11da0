"""Data to text: what a small table, log or record says, told for somebody who needs it.

The paper (arXiv 2407.03502) names the skill, whose public data is called struct2text; taxonomy, transformations and
prompts are ours. A document becomes data in one of ten notations. Code reads the data and holds every figure of a
reply against them; what the figures are said to mean, a reviewer judges.
"""

from __future__ import annotations

from ..agent import Agent
from ..flow import Entry, Match, Refinement, Skill
from ..formats import format_guide
from ..reply import Form, form
from ..teacher import Sampling
from ..verifiers import Reviewed, agreed, computed, formatted, from_data, mentioned, quoted, reviewer

LONG = Sampling(max_tokens=4096)
EXACT = Sampling(temperature=0.2, max_tokens=4096)
STEPS = (
    "the sum or mean of a column, the sum, difference or ratio of two figures of one column or row, a share or a change in per "
    "cent, a count or rank of rows"
)
MENTION = (
    "the values of the data that any right reply has to name, one to a line, each copied as it stands there (a figure in digits, "
    'or a name), 1 to 5; "none" where no value has to occur'
)
EVIDENCE = "the rows or lines of the data on which the answer rests, copied whole, a line each"
EXPRESSION = (
    "the answer as one arithmetic expression over figures of the data, with + - * / ( ) and nothing else: no names, no units, no "
    "equals sign, a share as a*100/b, a count as a sum of ones"
)

# --- transform: a document becomes data ---


def data(name: str, notation: str) -> Agent:
    """The agent that writes what a document tells as data in that notation."""
    return Agent(
        name,
        role="You keep the records and data sheets of an institution.",
        task=f"Task: from the matter of the document above, write {notation}\n\n"
        "Where the document holds figures, names, dates or properties that belong together, take those, as it gives them. "
        "Where it holds too few, describe a made-up case of what it is about (a named clinic, class, shop, field station, "
        "week) with figures that are plausible in that field; never give made-up figures for real institutions, "
        "persons or measurements. Make data about which there is something to say: a leader and a laggard, a change of "
        "direction, one value that does not fit, one that is missing, two that are close. Figures are in digits and have "
        "their unit in the head or beside them, sums and shares are right, and the data can be understood without the "
        "document. No comment, no title, no Markdown fence, no conclusion. A document is unsuitable when its matter cannot "
        "be put into records: pure argument, a poem, a list of links.",
        about="document",
        form=form(passage="the data, and nothing else"),
        sampling=LONG,
    )


TRANSFORM = [
    data(
        "csv_table",
        "a table as CSV: a line with the names of three to six columns, then five to fifteen rows with as many values; a value "
        "that holds a comma stands in double quotation marks.",
    ),
    data(
        "markdown_table",
        "a table in Markdown: a head with three to six columns, the line of dashes, and four to twelve rows with as many cells.",
    ),
    data(
        "json_records",
        "a JSON array of four to ten objects with the same four to seven keys; figures are JSON numbers with the unit in "
        "the key, a missing value is null.",
    ),
    data(
        "key_value_sheet",
        'the record of one thing or case (a patient, a species, a site, a member), 10 to 20 lines "key: value" with the '
        "unit after each figure.",
    ),
    data(
        "spec_sheet",
        "the data sheet of one product, instrument or material: three or four groups with a heading line each and under it lines "
        '"- property: value unit", among them limits, options and what comes with it.',
    ),
    data(
        "timeline",
        'a timeline of 6 to 14 lines "year or date: what happened", in order, some with a figure that can be compared over time.',
    ),
    data(
        "triples",
        'triples "subject | predicate | object", one to a line, 12 to 24 of them about three to five things, with few predicates '
        "that come back and figures among the objects.",
    ),
    data(
        "event_log",
        'a log of 10 to 20 lines "YYYY-MM-DD HH:MM source LEVEL message figure unit" over some hours, with a failure or '
        "alarm, what leads up to it and what follows.",
    ),
    data(
        "survey_results",
        "the results of a survey: on the first line who was asked, when, and how many answered; then three to five "
        "questions, each "
        'a line, followed by lines "- option: N answers (P %)" whose shares fit the counts.',
    ),
    data(
        "financial_statement",
        "a statement of income and expenses, or of a budget, as a Markdown table with the columns Item and two or three periods, "
        "six to twelve lines, subtotals and totals that add up, and the currency in the head.",
    ),
]
TABLES = frozenset({"csv_table", "markdown_table", "json_records", "financial_statement", "survey_results"})
IN_TIME = frozenset(
    {"timeline", "event_log", "financial_statement", "csv_table", "markdown_table", "json_records"}
)
COMPARED = TABLES | {"triples", "timeline"}
THINGS = frozenset({"key_value_sheet", "spec_sheet", "triples", "json_records"})
ANY: frozenset[str] = frozenset()

# --- instruct: texts that people need written from data ---


def text(name: str, definition: str, after: frozenset[str] = ANY) -> Entry:
    """A kind of text, of which many are right."""
    agent = Agent(
        name,
        role="You commission texts from data, for readers who will never see the data.",
        task="Task: write assignments of one kind for the data above.\n\n"
        f"The kind: {name.replace('_', ' ')}. {definition}\n\n"
        "Each says in one to four sentences, as the person who needs the text would: what the data are, if they do not say so, "
        "who reads the text and for what, what it has to cover, and how long it is. It can be done from the data alone, "
        "gives away no result, and leaves the writer to find what matters. The assignments differ in reader, purpose and in the "
        "part of the data that counts. The data are unsuitable when they hold nothing for a text of this kind.",
        form=form(many=3, instruction="the assignment, without the data", must_mention=MENTION),
    )
    return Entry(name, agent, definition, after)


TEXTS = [
    text(
        "description",
        "A description that lets a reader who cannot see the data picture them: what is recorded, range, extremes, what is "
        "typical.",
    ),
    text(
        "trend",
        "A summary of how one or two quantities develop: direction, pace, turning points, the stretch that breaks the pattern.",
        IN_TIME,
    ),
    text(
        "comparison",
        "A comparison of two rows, things or periods that the assignment names, in the respects that it names, with a verdict.",
        COMPARED,
    ),
    text(
        "report",
        "A report for a reader who has to decide something: findings in the order of their weight, each with its figure, "
        "what the data leave open.",
    ),
    text(
        "headline",
        "A headline of at most fifteen words and one sentence under it, on the one thing in the data that is news to the reader.",
    ),
    text(
        "exception_report",
        "Only what falls out of line: values outside a limit, gaps, contradictions, jumps, by the rule that the assignment "
        "states.",
    ),
    text(
        "caption",
        "The caption of a chart that shows part of the data: what is shown in which units, and what to see in it.",
        COMPARED | {"event_log"},
    ),
    text(
        "narrative",
        "What happened, as a story in running text for a general reader, in an order that makes sense, without a list.",
        frozenset({"timeline", "event_log", "key_value_sheet", "triples", "json_records"}),
    ),
    text(
        "product_description",
        "A text that helps a certain buyer or user to see whether this is for them: properties turned into uses, limits "
        "included, no praise that the data do not bear out.",
        THINGS,
    ),
    text(
        "status_mail",
        "A short e-mail to a colleague or superior: where things stand, what has changed, what needs attention now.",
        frozenset({"event_log", "financial_statement", "csv_table", "markdown_table", "json_records"}),
    ),
    text(
        "spoken_summary",
        "What somebody says in half a minute, on the radio, by telephone or to a committee: few figures, rounded where they "
        "have decimals, sentences that are understood at once.",
    ),
    text(
        "plain_explanation",
        "An explanation for a reader who is not used to such data (a child, a patient, a new member): what the columns or "
        "keys mean, how to read one row, what follows from it for them.",
    ),
]


def question(name: str, definition: str, answer: str, match: Match, after: frozenset[str] = ANY) -> Entry:
    """A kind of question about data with one answer."""
    expression = {"expression": EXPRESSION} if match == "number" else {}
    agent = Agent(
        name,
        role="You examine whether people can read data.",
        task=f"Task: write questions of one kind about the data above.\n\nThe kind: {name.replace('_', ' ')}. {definition}\n\n"
        f"The answer: {answer}\n\n"
        "Each question is one that somebody with a purpose would ask, names what it is about as the data do, and has one "
        "right answer, which needs more than finding a cell: a condition, a comparison, a step of reckoning. Say how ties, "
        "missing values and rounding are to be treated where they matter, and leave out questions that they leave open. "
        "The data are unsuitable when they hold nothing for questions of this kind.",
        form=Form(
            (
                ("instruction", "the question, without the data"),
                ("evidence", EVIDENCE),
                *expression.items(),
                ("answer", "the answer in the form described above, and nothing else"),
            ),
            many=3,
        ),
    )
    return Entry(name, agent, definition, after, match)


NUMBER = (
    "the number in digits, without its unit; the question names the unit and, where it matters, the rounding."
)
QUESTIONS = [
    question(
        "which_one",
        "Ask which row, thing, event or period is the one that meets two conditions, or comes first, last or at a given rank.",
        "its name or label, as the data spell it.",
        "text",
    ),
    question(
        "value_by_way_of_another",
        "Ask for a value of the row that is found through another value: by what it has, what it follows, what it belongs to.",
        "the value, as the data spell it, without its unit where it is a figure.",
        "text",
        THINGS | {"csv_table", "markdown_table", "timeline", "event_log"},
    ),
    question(
        "count",
        "Ask how many rows, events or things meet one or two conditions that have to be checked one by one.",
        NUMBER,
        "number",
    ),
    question(
        "total_or_mean",
        "Ask for a sum or a mean over the rows that a condition selects.",
        NUMBER,
        "number",
        TABLES | IN_TIME,
    ),
    question(
        "difference_or_share",
        "Ask by how much, how many times or by how many per cent two figures differ, or what share one is of a whole.",
        NUMBER,
        "number",
    ),
]

# --- refine: more conditions on a text, data with a gap, more steps to an answer ---

ASSIGNED = "The assignment: $instruction\n\nValues that the text has to name:\n$must_mention"
ASKED = "The question: $instruction\n\nIts answer: $answer\n\nEvidence:\n$evidence"
OF_TEXTS = frozenset(entry.name for entry in TEXTS)
TO_NAMES = frozenset(entry.name for entry in QUESTIONS if entry.match == "text")
TO_NUMBERS = frozenset(entry.name for entry in QUESTIONS if entry.match == "number")


def suggester(name: str, what: str, goal: str) -> Agent:
    """The agent that gives three ideas towards a goal, without carrying them out."""
    return Agent(
        name,
        role="You advise the authors of tasks on data on what makes them hard to do well.",
        task=f"Task: suggest changes to a task on the data above.\n\n{what}\n\nThe goal: {goal}\n\n"
        "Give three suggestions of different kinds. Each says in one or two sentences what to change and where, so that "
        "an author can do it without asking back; it does not do it.",
        form=form(many=3, suggestion="one change, in one or two sentences"),
    )


def editor(name: str, what: str, task: str, **fields: str) -> Agent:
    """The agent that carries out one suggestion, and writes anew the fields that it changes."""
    return Agent(
        name,
        role="You edit tasks on data with a light hand.",
        task=f"Task: {task}\n\n{what}\n\nThe suggestion: $suggestion\n\n"
        "Carry out the suggestion and nothing besides. Afterwards the task can still be done from the data alone. Decline "
        "when the suggestion does not lead to the goal.",
        form=Form(tuple(fields.items())),
        sampling=EXACT,
    )


REFINE = [
    Refinement(
        "more_conditions",
        suggester(
            "suggest_more_conditions",
            ASSIGNED,
            "the text is harder to write: a second reader with another interest, what it must not say, an order, a limit "
            "of words, a derived figure that it has to give, a comparison with a part of the data that nobody mentioned.",
        ),
        editor(
            "edit_more_conditions",
            ASSIGNED,
            "edit the assignment of a text on the data above so that it is harder to write.",
            instruction="the whole assignment, edited",
            must_mention=MENTION,
        ),
        OF_TEXTS,
    ),
    Refinement(
        "gap_in_data",
        suggester(
            "suggest_gap_in_data",
            ASSIGNED,
            "the data no longer give all that the assignment calls for (a value that matters is missing, or two contradict each "
            "other), so that a good text says what cannot be said. The assignment stays.",
        ),
        editor(
            "edit_gap_in_data",
            ASSIGNED,
            "edit the data above so that they no longer give all that the assignment below, which stays, calls for. The notation "
            "stays as well.",
            passage="the whole data, edited",
            must_mention=MENTION,
        ),
        OF_TEXTS,
    ),
    Refinement(
        "more_steps",
        suggester(
            "suggest_more_steps",
            ASKED,
            "one more step leads to the answer, which stays a number: a row has to be found first, rows are left out by a "
            "condition, the result is compared with another.",
        ),
        editor(
            "edit_more_steps",
            ASKED,
            "edit a question on the data above so that its answer takes one more step.",
            instruction="the whole question, edited",
            evidence=EVIDENCE,
            expression=EXPRESSION,
            answer="the number in digits, without unit",
        ),
        TO_NUMBERS,
    ),
    Refinement(
        "more_steps",
        suggester(
            "suggest_longer_way",
            ASKED,
            "one more step leads to the answer, which stays a name or value: another condition, a second thing through "
            "which the first is found, a rank instead of an extreme.",
        ),
        editor(
            "edit_longer_way",
            ASKED,
            "edit a question on the data above so that the way to its answer is longer.",
            instruction="the whole question, edited",
            evidence=EVIDENCE,
            answer="the answer, in the form of the old one",
        ),
        TO_NAMES,
    ),
]

SKILL = Skill(
    name="data_to_text",
    summary="Tell what data say, and answer questions about them, without a figure that they do not bear out.",
    transform=TRANSFORM,
    instruct=[*TEXTS, *QUESTIONS],
    refine=REFINE,
    format=format_guide(
        "$instruction\n\nWhere this names a form of its own (a headline, an e-mail, words that are spoken), keep to that "
        "and say only what it leaves open.",
        forms=("free", "answer_only", "json", "table", "bullets", "essay", "letter"),
    ),
    respond=Agent(
        "write",
        role="You write from data for people who act on what they read.",
        task="Task: do what is asked, from the data above.\n\n$instruction\n\nThe form that they ask for: $format\n\n"
        "Say first what matters most to the reader, and choose: a text that repeats every row is no text. Write every figure in "
        f"digits and with its unit, as the data have it, or as it follows from them in one step ({STEPS}); round only what you "
        "have reckoned, or what is asked to be round. Give no cause, forecast or judgement that the data do not bear "
        "out, and say what is missing or does not fit where it touches the matter. A question is answered by naming "
        'the rows that decide, with any reckoning as an equation such as "3 + 4 = 7"; it ends with the sentence "The answer is '
        'X.", X being the answer alone, a number in digits without its unit, unless the form puts the answer elsewhere. '
        "Other texts end as they end. Write the text only.",
        writes_text="response",
        sampling=Sampling(max_tokens=2048),
    ),
    verify=[
        formatted,
        quoted,
        from_data,
        mentioned,
        computed,
        agreed,
        Reviewed(
            reviewer(
                "Task: judge a text that was written from the data above.\n\nThe assignment: $instruction\n\nThe "
                "text:\n$response\n\nIt holds when it does what was asked for the reader that was named, when every "
                "statement is borne out by the data, each figure with the row, period and unit to which it belongs, and "
                "when it leaves out nothing that changes the picture. It fails when it gives a cause, a trend or a "
                "judgement that the data do not show, takes a missing value for a known one, or only lists the rows. Look "
                "first for the row that speaks most strongly against it.",
                quote="that row or line of the data, or the part of it that decides, copied as it stands there",
            )
        ),
    ],
    turn="$passage\n\n$instruction",
)
