"""Open-domain questions, and mathematical problems: the student sees the question alone, and answers from what it knows.

The paper (arXiv 2407.03502) names the skill, says that part of its mathematics comes from it, and calls refined
questions "complex"; taxonomy, transformations and prompts are ours. Each question comes from a document, so that its
answer can be held against the document; each problem carries an expression, so that its answer can be computed.
"""

from __future__ import annotations

from ..agent import Agent
from ..flow import IDENTITY, Entry, Match, Refinement, Skill
from ..reply import Form, form
from ..teacher import Sampling
from ..verifiers import Reviewed, agreed, computed, quoted, reviewer

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
TOLD = frozenset({"identity"})  # a question of fact is held against the document's own words
COUNTED = frozenset({"identity", "quantities"})

# --- instruct: questions ---


def question(name: str, definition: str, answer: str, match: Match = "judge") -> Entry:
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
    return Entry(name, agent, definition, TOLD, match)


SHORT = "one name, term or short phrase, in the form in which it is best known."
PARAGRAPH = "two to four sentences that say what the document says of it."

QUESTIONS = [
    question(
        "who", "Ask which person, group or institution did, found, wrote or held something.", SHORT, "text"
    ),
    question(
        "when",
        "Ask in which year, century or period something happened or began.",
        "the year or period alone.",
        "text",
    ),
    question(
        "where", "Ask in which place, organ, layer, country or body of law something is found.", SHORT, "text"
    ),
    question(
        "name_the_term",
        "Describe a thing, process or idea without naming it, and ask for its name.",
        SHORT,
        "text",
    ),
    question(
        "how_many",
        "Ask for a number that is a fixed fact.",
        "the number in digits, without its unit.",
        "number",
    ),
    question("definition", "Ask what a term means, in a named field.", PARAGRAPH),
    question("mechanism", "Ask how something works or comes about, step by step.", PARAGRAPH),
    question("reason", "Ask why something is so, or is done so.", PARAGRAPH),
    question("effect", "Ask what follows from something, for whom or for what.", PARAGRAPH),
    question(
        "comparison",
        "Ask in what two related things differ, or what they share; name the respects.",
        PARAGRAPH,
    ),
    question(
        "classification", "Ask which kinds of a thing there are, and by what they are told apart.", PARAGRAPH
    ),
    question("function", "Ask what a part, institution, tool or rule is for.", PARAGRAPH),
    question("example", "Ask for an example of a concept, and why it is one.", PARAGRAPH),
    question(
        "misconception",
        "Put a common error about the subject as a question, for the answer to correct.",
        PARAGRAPH,
    ),
    question(
        "advice",
        "Describe a situation in the first person, and ask what to do by the state of knowledge.",
        PARAGRAPH,
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
    transform=[IDENTITY, QUANTITIES],
    instruct=[*QUESTIONS, *PROBLEMS],
    refine=REFINE,
    respond=Agent(
        "answer",
        role="You answer questions so that the reader understands, and can check.",
        task="Task: the text above is a question from somebody who has nothing else before them. Answer it.\n\n"
        "A problem with numbers is solved step by step: say what each step is for, and write its arithmetic as an equation "
        'such as "3 + 4 = 7". A question of fact is answered first and explained after that, as far as it helps; say '
        "so where something is uncertain. Where there is one short answer (a number, a name, a term, a year), end with "
        'the sentence "The answer is X.", X being the answer alone, a number in digits and without its unit. '
        "Write the answer only.",
        about="question",
        writes_text="response",
        sampling=Sampling(max_tokens=2048),
    ),
    verify=[
        quoted,
        computed,
        agreed,
        Reviewed(
            reviewer(
                "Task: judge an answer to a question, by the document above.\n\nQuestion: $question\n\nExpected: $answer\n\n"
                "Answer:\n$response\n\nIt holds when it answers the question that was asked, says in substance what "
                "is expected, and says nothing that the document contradicts; what it adds from elsewhere must be common "
                "knowledge. It fails when its main point is not borne out by the document.",
                quote="the words of the document that speak most strongly for or against it, copied: at least a clause",
            )
        ),
    ],
    turn="$question",
)
