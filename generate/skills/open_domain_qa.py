"""Open-domain questions, and mathematical problems: the student sees the question alone, and answers from what it knows.

The paper (arXiv 2407.03502) names the skill, says that part of its mathematics comes from it, and calls refined
questions "complex"; taxonomy, transformations and prompts are ours. Each question comes from a document, so that its
answer can be held against the document; each problem carries an expression, so that its answer can be computed.
"""

from __future__ import annotations

from ..agent import Agent
from ..flow import IDENTITY, Entry, Match, Refinement, Skill
from ..formats import FREE, format_guide
from ..reply import Form, form
from ..teacher import Sampling
from ..verifiers import Reviewed, agreed, computed, formatted, quoted, reviewer

ALONE = (
    "Whoever answers does not see the document: the question names what it is about, with full names, places and dates "
    'where they matter, and never says "the text", "the passage" or "the author".'
)
EVIDENCE = "words copied from the document on which this rests, at least a clause; several quotations stand on a line each"
EXPRESSION = (
    "the answer as one arithmetic expression over numbers of the problem, with + - * / ( ) and nothing else: no names, no "
    "units, no equals sign, a percentage p of x as x*p/100, a square as x*x"
)
THREE = Sampling(max_tokens=4096)  # room for three items with their evidence

# --- transform: what a document says, put in the order in which somebody would ask for it ---


def extract(name: str, what: str, unsuitable: str) -> Agent:
    """The agent that collects what a document says in one order; it adds nothing from elsewhere."""
    return Agent(
        name,
        role="You prepare reference works: you collect what sources say, so that it can be looked up and asked about.",
        task=f"Task: from the document above, make {what}\n\n"
        "Each line or paragraph makes sense to somebody who reads it alone: it names what it is about in full, not "
        '"it" or "this method". Keep to what the document says, in its terms, with its names, dates and figures as they '
        "stand there; leave out its exercises, its references to figures and chapters, and what only concerns its own "
        "make. Add nothing that you know from elsewhere, and smooth no contradiction. Between 120 and 700 words, "
        f"as the document allows. A document is unsuitable when it {unsuitable}.",
        about="document",
        form=form(passage="what you made of it, and nothing else"),
        sampling=Sampling(temperature=0.2, max_tokens=2048),
    )


QUANTITIES = Agent(
    "quantities",
    role="You collect material for problems in mathematics.",
    task="Task: list the quantities in the document above, so that problems can be built around them: each with its "
    "number and unit exactly as the document gives them, what it measures, and how it is related to others (part of, rate "
    "of, before and after). One to a line, in whole sentences taken from the document with as little change as "
    "possible. A document is unsuitable when it holds no quantity, or only numbers of pages, sections and versions.",
    about="document",
    form=form(passage="the list, and nothing else"),
    sampling=Sampling(temperature=0.2, max_tokens=2048),
)
TRANSFORM = [
    IDENTITY,
    QUANTITIES,
    extract(
        "fact_sheet",
        "a fact sheet: one whole sentence to a line, each with one fact about a person, a thing, a place, an institution "
        "or a number that somebody could want to look up, the weightiest first.",
        "argues, tells or instructs without stating a handful of facts that hold outside of it",
    ),
    extract(
        "timeline",
        'a timeline: a line for each event, "DATE: what happened, to whom, where, and with what result", in the order of '
        "time; where the document gives no date but an order, say what came before.",
        "gives fewer than three events that are dated, or ordered in time",
    ),
    extract(
        "glossary",
        "a glossary: the terms that the document explains or uses with a definite sense, a paragraph each: the term, the "
        "field, what it means, what it is told apart from, and an example where the document gives one.",
        "explains fewer than three terms",
    ),
    extract(
        "causal_chains",
        "an account of causes: a paragraph for each chain, from what sets it off over every link to what comes of it, "
        "with the condition under which each link holds and what can break it.",
        "only describes or lists, without saying why or how anything comes about",
    ),
    extract(
        "contrasts",
        "a survey of kinds and contrasts: which kinds of a thing there are and by what they are told apart, and for each "
        "pair that is easily confused the respects in which the two agree and differ.",
        "does not set two things of one kind beside each other",
    ),
    extract(
        "examination_topics",
        "the topics of an examination on the document's subject: for each of four to eight topics the statement that a "
        "candidate must be able to make and explain, the error that candidates commonly make where the document "
        "shows or warns of one, and a case to which the statement applies.",
        "teaches nothing that an examiner outside of it would examine",
    ),
    extract(
        "historical_survey",
        "a historical survey in connected prose: who did or thought what, when and where, what it answered to, and what "
        "changed through it, so that the development can be followed from its first stage to its last.",
        "says nothing of how its subject came about or changed",
    ),
    extract(
        "practical_guide",
        "a guide for practice: situations in which somebody needs what the document says, and for each what to look at, "
        "what to do or decide, for which reason, and what to avoid.",
        "holds nothing by which anybody could act or decide",
    ),
]

# Which order serves which questions; a copy of the document serves any.
NAMED = frozenset({"identity", "fact_sheet", "timeline", "historical_survey"})
EXPLAINED = frozenset({"identity", "causal_chains", "examination_topics"})
SORTED = frozenset({"identity", "glossary", "contrasts"})
COUNTED = frozenset({"identity", "quantities"})

# --- instruct: questions ---


def question(name: str, definition: str, answer: str, after: frozenset[str], match: Match = "judge") -> Entry:
    """A kind of question about the world."""
    agent = Agent(
        name,
        role="You write questions for people who want to know, and for tests of what they know.",
        task="Task: write questions of one kind to which the document above gives the answer.\n\n"
        f"The kind: {name.replace('_', ' ')}. {definition}\n\nThe answer: {answer}\n\n{ALONE} Ask what somebody outside "
        "this document could want to know and an expert could answer without it; never about the document's own "
        "examples, exercises, figures or make. The question has one right answer today. The document is "
        "unsuitable when it holds no knowledge of this kind: decline then, and do not bend the kind.",
        form=form(
            many=3,
            question="the question",
            evidence=EVIDENCE,
            answer="the answer in the form described above",
        ),
        sampling=THREE,
    )
    return Entry(name, agent, definition, after, match)


SHORT = "one name, term or short phrase, in the form in which it is best known."
PARAGRAPH = "two to four sentences that say what the document says of it."

QUESTIONS = [
    question(
        "who",
        "Ask which person, group or institution did, found, wrote or held something.",
        SHORT,
        NAMED,
        "text",
    ),
    question(
        "when",
        "Ask in which year, century or period something happened or began.",
        "the year or period alone.",
        NAMED,
        "text",
    ),
    question(
        "where",
        "Ask in which place, organ, layer, country or body of law something is found.",
        SHORT,
        NAMED,
        "text",
    ),
    question(
        "name_the_term",
        "Describe a thing, process or idea without naming it, and ask for its name.",
        SHORT,
        SORTED | EXPLAINED | {"fact_sheet"},
        "text",
    ),
    question(
        "how_many",
        "Ask for a number that is a fixed fact.",
        "the number in digits, without its unit.",
        COUNTED | {"fact_sheet"},
        "number",
    ),
    question("definition", "Ask what a term means, in a named field.", PARAGRAPH, SORTED),
    question(
        "mechanism",
        "Ask how something works or comes about, step by step.",
        PARAGRAPH,
        EXPLAINED,
    ),
    question(
        "reason",
        "Ask why something is so, or is done so.",
        PARAGRAPH,
        EXPLAINED | {"historical_survey", "practical_guide"},
    ),
    question(
        "effect",
        "Ask what follows from something, for whom or for what.",
        PARAGRAPH,
        EXPLAINED | {"timeline", "historical_survey"},
    ),
    question(
        "comparison",
        "Ask in what two related things differ, or what they share; name the respects.",
        PARAGRAPH,
        SORTED | {"historical_survey"},
    ),
    question(
        "classification",
        "Ask which kinds of a thing there are, and by what they are told apart.",
        PARAGRAPH,
        SORTED,
    ),
    question(
        "function",
        "Ask what a part, institution, tool or rule is for.",
        PARAGRAPH,
        SORTED | {"fact_sheet", "practical_guide"},
    ),
    question(
        "example",
        "Ask for an example of a concept, and why it is one.",
        PARAGRAPH,
        SORTED | {"examination_topics", "practical_guide"},
    ),
    question(
        "misconception",
        "Put a common error about the subject as a question, for the answer to correct.",
        PARAGRAPH,
        EXPLAINED | {"contrasts"},
    ),
    question(
        "advice",
        "Describe a situation in the first person, and ask what to do by the state of knowledge.",
        PARAGRAPH,
        frozenset({"identity", "practical_guide", "examination_topics"}),
    ),
]

# --- instruct: problems; from what is taught at ten to what is taught at college ---


def problem(name: str, level: str, definition: str) -> Entry:
    """A kind of mathematical problem with one number as its answer."""
    agent = Agent(
        name,
        role="You write problems for a mathematics course.",
        task="Task: write problems of one kind around quantities of the document above.\n\n"
        f"The kind: {name.replace('_', ' ')} ({level}). {definition}\n\n{ALONE} "
        "Take at least one quantity from the document with its number, unit and meaning, and build a situation around it; "
        "other numbers may be made up so that they are plausible beside it. All that is needed is given, "
        "nothing is given that contradicts itself, and the answer is one number: exact, or rounded as the problem says. "
        "Solve it yourself before you write down the answer. The document is unsuitable when it holds no quantity that can be "
        "reckoned with.",
        form=form(
            many=3,
            question="the problem; its last sentence asks for one number and names the unit",
            evidence="the words with the quantity, copied from the document",
            expression=EXPRESSION,
            answer="the number in digits, without unit",
        ),
        sampling=THREE,
    )
    return Entry(name, agent, definition, COUNTED, "number")


ELEMENTARY, MIDDLE, HIGH, COLLEGE = "elementary school", "middle school", "high school", "college"

PROBLEMS = [
    problem("addition", ELEMENTARY, "Quantities of one kind come together; the sum is wanted."),
    problem(
        "subtraction",
        ELEMENTARY,
        "Something is taken from a quantity, or two are compared; the difference is wanted.",
    ),
    problem(
        "multiplication",
        ELEMENTARY,
        "Equal groups, or a quantity taken several times; the product is wanted.",
    ),
    problem(
        "division",
        ELEMENTARY,
        "A quantity is shared out or measured by another; the quotient is wanted, and is whole.",
    ),
    problem(
        "several_steps",
        ELEMENTARY,
        "Two to four operations one after another, each with a meaning in the story.",
    ),
    problem("fractions", MIDDLE, "Parts of a whole, parts of parts, or a whole from its part."),
    problem("percentages", MIDDLE, "A share, an increase or a decrease in per cent, or the base of one."),
    problem("ratio_and_proportion", MIDDLE, "Mixtures, scales, recipes, direct or inverse proportion."),
    problem(
        "rates_and_units",
        MIDDLE,
        "Speed, flow, density, price per unit, with a conversion of units on the way.",
    ),
    problem("average", MIDDLE, "A mean, weighted or not, or a value that brings the mean to a given number."),
    problem(
        "geometry",
        HIGH,
        "A length, area or volume of a shape that the thing has or nearly has; give pi as 3.14 if needed.",
    ),
    problem(
        "linear_equation",
        HIGH,
        "An unknown that conditions fix; solving them by hand leads to the expression.",
    ),
    problem("growth", HIGH, "A quantity that grows or decays by the same factor over two to four periods."),
    problem(
        "probability",
        COLLEGE,
        "Drawing with or without replacement, independence, conditional or expected values.",
    ),
    problem(
        "statistics",
        COLLEGE,
        "A variance, a z-score, a standard error whose root is whole, an estimate from a sample.",
    ),
]

# --- refine: the complex form ---


def suggester(name: str, what: str, ways: str) -> Agent:
    """The agent that gives three ways to make a question or problem complex."""
    return Agent(
        name,
        role="You advise the authors of a hard examination.",
        task=f"Task: suggest how to make a {what} complex.\n\nThe {what}: $question\n\nIts answer: $answer\n\nWays: {ways}\n\n"
        "Give three suggestions of different kinds. Each says in one or two sentences what to add or change, so that an "
        "author can write it without asking back; it does not write it.",
        form=form(many=3, suggestion="one change, in one or two sentences"),
    )


def editor(name: str, what: str, **fields: str) -> Agent:
    """The agent that writes the complex form by one suggestion."""
    return Agent(
        name,
        role="You write hard examinations with a light hand.",
        task=f"Task: write the complex form of a {what} by a suggestion.\n\nThe {what}: $question\n\nIts answer: $answer\n\n"
        f"The suggestion: $suggestion\n\n{ALONE} The answer must rest on the document above, or follow from what is given. "
        "Decline when the suggestion leads beyond both.",
        form=Form((("question", f"the new {what}, complete in itself"), *fields.items())),
    )


REFINE = [
    Refinement(
        "complex",
        suggester(
            "suggest_complex_question",
            "question",
            "ask for two things that depend on each other; put a condition or an exception; describe a thing instead of "
            "naming it; ask for a reason beside the fact.",
        ),
        editor(
            "edit_complex_question",
            "question",
            evidence=EVIDENCE,
            answer="the answer, in the form of the old one: one short phrase stays one short phrase",
        ),
        frozenset(entry.name for entry in QUESTIONS),
    ),
    Refinement(
        "complex",
        suggester(
            "suggest_complex_problem",
            "problem",
            "another step before or after; a number that has to be found first; a number that is not needed; a condition that "
            "changes half-way; another unit.",
        ),
        editor(
            "edit_complex_problem",
            "problem",
            expression=EXPRESSION,
            answer="the number in digits, without unit",
        ),
        frozenset(entry.name for entry in PROBLEMS),
    ),
]

SKILL = Skill(
    name="open_domain_qa",
    summary="Answer questions about the world, and solve problems, without a text at hand.",
    transform=TRANSFORM,
    instruct=[*QUESTIONS, *PROBLEMS],
    refine=REFINE,
    respond=Agent(
        "answer",
        role="You answer questions so that the reader understands, and can check.",
        task="Task: the text above is a question from somebody who has nothing else before them. Answer it.\n\n"
        "The form that they ask for: $format\n\n"
        "A problem with numbers is solved step by step: say what each step is for, and write its arithmetic as an equation "
        'such as "3 + 4 = 7". A question of fact is answered first and explained after that, as far as it helps; say '
        "so where something is uncertain. A form that is asked for is kept to the letter, and holds of this what it has room "
        "for. Where there is one short answer (a number, a name, a term, a year), end with "
        'the sentence "The answer is X.", X being the answer alone, a number in digits and without its unit; in JSON, X is '
        'the value of the key "answer" instead, and where only the answer is wanted, X stands alone. '
        "Write the answer only.",
        about="question",
        writes_text="response",
        sampling=Sampling(max_tokens=2048),
    ),
    # No votes: whoever answers has not seen the document, nor the expression, so that one answer is a second path already.
    verify=[
        quoted,
        computed,
        agreed,
        formatted,
        Reviewed(
            reviewer(
                "Task: judge an answer to a question, by the document above.\n\nQuestion: $question\n\nExpected: $answer\n\n"
                "Answer:\n$response\n\nIt holds when it answers the question that was asked, says in substance what "
                "is expected, and says nothing that the document contradicts; what it adds from elsewhere must be common "
                "knowledge. It fails when its main point is not borne out by the document.",
                quote="the words of the document that speak most strongly for or against it, copied: at least a clause",
                about="document",  # its own words, whatever a transformation made of them
            ),
            source="document",
        ),
    ],
    turn="$question",
    format=format_guide(
        "The text above is the question or problem, from somebody who has nothing else before them.",
        about="question",
        forms=(FREE, "answer_only", "json", "table", "steps", "bullets", "essay", "letter"),
    ),
)
