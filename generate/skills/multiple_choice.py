"""Multiple-choice questions: the student sees a question with four or five options, and answers from what it knows.

The paper (arXiv 2407.03502) names the skill and says that part of its mathematics comes from it; taxonomy,
transformations and prompts are ours, in the manner of MMLU and AGIEval. Code draws the order of the options, so that
no letter is right more often than another, and asks again in other orders; a calculation carries an expression, of
which exactly one option has the value.
"""

from __future__ import annotations

from ..agent import Agent
from ..flow import IDENTITY, Entry, Refinement, Skill
from ..formats import format_guide
from ..reply import Form, form
from ..steps.shuffle import Shuffled
from ..teacher import Sampling
from ..verifiers import Permuted, chose, computed_option, formatted, quoted

LONG = Sampling(max_tokens=4096)  # three questions with five options each, or a passage
EXACT = Sampling(temperature=0.2, max_tokens=2048)

# --- transform: knowledge laid out so that one kind of question can be asked of it ---


def passage(name: str, what: str, unsuitable: str, sampling: Sampling = LONG) -> Agent:
    """The agent that lays out the knowledge of a document in one way."""
    return Agent(
        name,
        role="You prepare the material from which the questions of an examination are written.",
        task=f"Task: from the document above, write {what}\n\n"
        "Every item is a whole sentence or more that stands by itself: it names its subject, and an expert of the field "
        "would call it true anywhere, not only in this document. Take the content from the document; leave out its "
        "exercises, its references to figures and chapters, and whatever it says about itself. Write 150 to 600 words of "
        f"plain text. A document is unsuitable when {unsuitable}.",
        about="document",
        form=form(passage="the material, and nothing else"),
        sampling=sampling,
    )


TRANSFORM = [
    IDENTITY,
    passage(
        "key_facts",
        "the points of knowledge that a learner should keep: one fact or rule to an item, with the condition under which "
        "it holds, the weightiest first.",
        "it teaches nothing that is true outside it: a story, a notice, a list of links",
        EXACT,
    ),
    passage(
        "glossary",
        "a glossary: each term of the field with a definition by the kind of thing it is and what sets it apart from the "
        "others of that kind, and one example.",
        "it uses fewer than four terms of a field",
        EXACT,
    ),
    passage(
        "mechanisms",
        "an outline of how things come about: processes as numbered chains in which every link says what it brings about "
        "in the next, and what happens when a link is missing or changed.",
        "it describes no process, and gives no cause of anything",
    ),
    passage(
        "contrasts",
        "a comparison of things that learners confuse: for each pair or group the same respects one after another, in "
        "which they differ and in which they are alike.",
        "there are no two things in it that belong to one kind",
    ),
    passage(
        "cases",
        "three to five case reports: short accounts of a person, an organism, a firm, a device or a place, with the "
        "observations that matter and some that do not, followed by what an expert concludes by the document's "
        "principles, and why. People and places are made up; principles and orders of magnitude are not.",
        "its principles cannot be seen at work in a single case",
    ),
    passage(
        "misbeliefs",
        "a list of errors about the subject that are common or near at hand: what people believe, what makes it "
        "plausible, and what is the case instead.",
        "it says nothing that anybody could be wrong about",
    ),
    passage(
        "study",
        "the report of a small study on a question of the document, made up but realistic: question, hypothesis, design "
        "with groups and controls, a table of results in plain text (a line for each group, with numbers), and what the "
        "results show and do not show. Let the results be what the document's principles lead one to expect.",
        "nothing in it could be measured or observed",
    ),
    passage(
        "quantities",
        "the quantities of the document and how they hang together: each with number and unit as given there, what it "
        "measures, and by which formula, rate or proportion it leads to others.",
        "it holds no quantity, or only numbers of pages, sections and versions",
        EXACT,
    ),
]
TOLD = frozenset({"identity", "key_facts"})
TEXTS = frozenset({step.name for step in TRANSFORM} - {"quantities"})

# --- instruct: questions of knowledge ---

ALONE = (
    "Whoever answers sees the question and its options and nothing else: all that the question is about is named or "
    'given in it, and it never says "the text", "the passage" or "the author". An expert of the field can answer '
    "without the document; a layman who reads carefully cannot."
)
OPTIONS = (
    "After the question stand four or five options, a line each: (A) …, (B) …, to (D) or (E). One is right, and an expert "
    "would defend it against each of the others. Each of the others is what somebody with a certain error picks: a "
    "neighbouring term, a cause taken for an effect, a rule beyond its limits, half of the truth. All are alike in "
    "grammar, length and precision, and none gives itself away by a word of the question, by absurdity, or by "
    '"always" and "never". Options do not speak of each other or of letters (no "all of the above"), for their order '
    "will be changed."
)
EVIDENCE = (
    "words copied from the document on which the right option rests, at least a clause; several quotations stand on a line "
    "each"
)
LETTER = "the letter of the right option, and nothing else"
QUESTION = "the question, an empty line, and the options (A) … to (D) or (E), a line each"


def question(name: str, definition: str, after: frozenset[str]) -> Entry:
    """A kind of question about what is known."""
    agent = Agent(
        name,
        role="You write examination questions for colleges and professional licences; yours are used again because they "
        "tell those who know from those who guess.",
        task="Task: write multiple-choice questions of one kind from the knowledge in the document above.\n\n"
        f"The kind: {name.replace('_', ' ')}. {definition}\n\n{ALONE}\n\n{OPTIONS}\n\n"
        "The document is unsuitable when it holds no knowledge of this kind that is true outside it: decline then, and "
        "do not bend the kind.",
        form=form(many=3, question=QUESTION, evidence=EVIDENCE, answer=LETTER),
        sampling=LONG,
    )
    return Entry(name, Shuffled(agent), definition, after, "text")


KNOWLEDGE = [
    question(
        "recall",
        "Ask for one fact that somebody who has studied the field has at hand: which, who, where, when, what part, what "
        "function.",
        TOLD | {"glossary", "contrasts"},
    ),
    question(
        "definition",
        "Give a definition or a description and ask for the term, or give the term and ask for the definition. The wrong "
        "options are terms, or definitions, of the nearest neighbours.",
        TOLD | {"glossary"},
    ),
    question(
        "classification",
        "Describe one concrete thing that is not named in the document and ask under which class it falls; or name a class "
        "and ask which of several things belongs to it.",
        TOLD | {"glossary", "contrasts", "cases"},
    ),
    question(
        "application",
        "Describe a new situation in two to five sentences, with a name and an occasion, in which a principle of the "
        "document decides what is the case or what is to be done; ask for that, not for the principle.",
        TOLD | {"cases", "mechanisms"},
    ),
    question(
        "cause",
        "State a finding and ask for its cause, or for the condition without which it would not have come about. The wrong "
        "options are effects of it, things that accompany it, and causes of something else.",
        TOLD | {"mechanisms", "cases"},
    ),
    question(
        "prediction",
        "Change one quantity, part or condition of a system that the question describes, and ask what follows; the options "
        "give directions or outcomes, and reaching the right one takes two links of a chain.",
        frozenset({"identity", "mechanisms", "cases", "quantities"}),
    ),
    question(
        "comparison",
        "Ask in which respect two or more related things differ, or which of them has more of a property. Each wrong "
        "option exchanges the two, or names a respect in which they agree.",
        TOLD | {"contrasts", "glossary", "quantities"},
    ),
    question(
        "exception",
        "Ask which of the options is NOT so, with NOT in capitals: all but one are true of the subject, and the one that is "
        "not is true of something near to it.",
        TEXTS,
    ),
    question(
        "best_explanation",
        "Describe an observation that surprises at first, and ask which option explains it best. Several options are true "
        "statements; only one of them explains.",
        frozenset({"identity", "mechanisms", "cases", "study"}),
    ),
    question(
        "sequence",
        "Number four or five events, steps or stages out of order within the question, 1 to 5, and ask for their order in "
        'time or in cause; the options are orders such as "3, 1, 4, 2".',
        frozenset({"identity", "mechanisms"}),
    ),
    question(
        "statement_combination",
        "Put three statements, numbered I, II and III, and ask which of them are true (or follow, or apply). The options "
        'are combinations such as "I and III only"; to know one of the statements rules out some of them, not all.',
        TEXTS - {"cases"},
    ),
    question(
        "analogy",
        'Give a pair of things of the field and the first of a second pair ("X is to Y as Z is to …"), and ask for the thing '
        "that completes it. One relation fits both pairs; the wrong options belong to Z by another relation.",
        TOLD | {"glossary", "mechanisms", "contrasts"},
    ),
    question(
        "misconception",
        "Let somebody state a common error in their own words, and ask which option corrects it: names what is wrong in it "
        "and puts the right thing in its place. Wrong options correct what was not wrong, or put another error there.",
        TOLD | {"misbeliefs"},
    ),
    question(
        "data_interpretation",
        "Put the data into the question (a small table of plain text, or five to ten figures in a sentence), and ask what "
        "they show. Wrong options read the table wrongly, go beyond the data, or take the groups for each other.",
        frozenset({"identity", "study", "quantities"}),
    ),
    question(
        "experiment_design",
        "State a hypothesis about the subject, and ask which design would test it, which control is missing, which "
        "variable is confounded, or which result would speak against it.",
        frozenset({"identity", "study", "mechanisms"}),
    ),
]

# --- instruct: mathematics, from what is taught at ten to what is taught at college ---

COUNTED = frozenset({"identity", "quantities", "study"})
EXPRESSION = (
    "the value of the right option as one arithmetic expression over numbers of the question, with + - * / ( ) and "
    "nothing else: no names, no units, no equals sign, a percentage p of x as x*p/100, a square as x*x"
)
FIGURES = (
    "After the question stand four or five options, a line each: (A) …, (B) …, to (D) or (E). Each is one number in "
    "digits, as a decimal or as a fraction such as 3/4, without unit: the question names the unit, and to how many "
    "decimals it is rounded where it is not exact. One is right. Each wrong one is the result of a mistake that people make "
    "here: a step left out, a wrong base, a sign, the inverse operation, an intermediate result."
)


def calculation(name: str, level: str, definition: str) -> Entry:
    """A kind of mathematical question whose options are numbers."""
    agent = Agent(
        name,
        role="You write problems for mathematics examinations, and you know the mistakes that are made in them.",
        task="Task: write multiple-choice problems of one kind around quantities of the document above.\n\n"
        f"The kind: {name.replace('_', ' ')} ({level}). {definition}\n\n"
        "Take at least one quantity of the document with its number, unit and meaning, and build a situation around it; "
        "other numbers may be made up so that they are plausible beside it. Whoever solves it sees the question and the "
        'options alone: give all that is needed, and never say "the text" or "the document".\n\n'
        f"{FIGURES}\n\nSolve the problem yourself before you write down the options, and each mistake as well. The document "
        "is unsuitable when it holds no quantity that can be reckoned with.",
        form=form(
            many=3,
            question=QUESTION,
            evidence="the words with the quantity, copied from the document",
            expression=EXPRESSION,
            answer=LETTER,
        ),
        sampling=LONG,
    )
    return Entry(name, Shuffled(agent), definition, COUNTED, "text")


MATHEMATICS = [
    calculation(
        "arithmetic",
        "elementary school",
        "Two to four of the four operations on whole numbers or money, each with a meaning in the story.",
    ),
    calculation(
        "proportion_and_percentage",
        "middle school",
        "Parts of a whole, a change in per cent or the base of one, ratios, scales, rates with a conversion of units.",
    ),
    calculation(
        "algebra_and_functions",
        "high school",
        "One or two unknowns that conditions fix, the value or the root of a linear or quadratic function that the "
        "situation gives, a term or a sum of a sequence, an area or a volume.",
    ),
    calculation(
        "probability_and_statistics",
        "high school to college",
        "Counting, drawing with and without replacement, conditional probability by Bayes, expected value, mean and "
        "variance of a few data, a z-score.",
    ),
    calculation(
        "college_mathematics",
        "college",
        "A derivative or a definite integral of a polynomial model at given numbers, a determinant, a scalar product or a "
        "system of two equations in matrix form, a limit of a rational function, a geometric series.",
    ),
]

# --- refine ---

SHOWN = "The question:\n$question\n\nThe right option: $answer\n\nIt rests on: $evidence"


def suggester(name: str, goal: str) -> Agent:
    """The agent that gives three ideas towards a goal, without carrying them out."""
    return Agent(
        name,
        role="You advise the authors of a hard examination, and know how good students get questions wrong.",
        task=f"Task: suggest changes to one multiple-choice question, which was written from the document above.\n\n{SHOWN}\n\n"
        f"The goal: {goal}\n\nGive three suggestions of different kinds. Each says in one or two sentences what to change "
        "and where, so that an editor can do it without asking back; it does not do it. Decline where the question is as "
        "hard in this way as it can be made.",
        form=form(many=3, suggestion="one change, in one or two sentences"),
    )


def editor(name: str, keep: str, **fields: str) -> Shuffled:
    """The agent that carries out one suggestion."""
    return Shuffled(
        Agent(
            name,
            role="You edit the questions of an examination with a light hand.",
            task=f"Task: edit a multiple-choice question, which was written from the document above.\n\n{SHOWN}\n\n"
            f"The suggestion: $suggestion\n\nCarry it out and nothing besides. {keep} The question stays complete in itself "
            "for somebody who sees nothing else, and exactly one option is right afterwards: check each of them. Options do "
            "not speak of each other or of letters. Decline when the suggestion leads to two right options, or to none.",
            form=Form((("question", QUESTION), *fields.items())),
            sampling=EXACT,
        )
    )


BEARING = {"evidence": EVIDENCE, "answer": LETTER}
KNOWN = frozenset(entry.name for entry in KNOWLEDGE)
REFINE = [
    Refinement(
        "harder_distractors",
        suggester(
            "suggest_harder_distractors",
            "a student who only half knows the subject picks a wrong option. Ways: a distractor that is true but does not "
            "answer the question; one that is right in all but one word; one that is right under another condition; one "
            "that exchanges cause and effect. The question and its right option stay.",
        ),
        editor(
            "edit_harder_distractors",
            "The question and the right option stay as they are, word for word; only wrong options change.",
            **BEARING,
        ),
        KNOWN,
    ),
    Refinement(
        "another_step",
        suggester(
            "suggest_another_step",
            "one fact no longer suffices for the answer. Ways: describe a thing by its effect instead of naming it; ask for "
            "the consequence of what was asked for; set the question in a case; add a condition that changes which option "
            "is right.",
        ),
        editor(
            "edit_another_step",
            "The kind of question and the number of options stay; the new step rests on the document or on what every "
            "expert of the field knows.",
            **BEARING,
        ),
        KNOWN,
    ),
    Refinement(
        "none_of_these",
        suggester(
            "suggest_none_of_these",
            "the right one cannot be found by comparing the options with each other. Ways: a wrong option gives its place to "
            '"none of these"; the right option is made wrong in one point, and "none of these" becomes right; the question '
            'is turned round to ask which is NOT so, with "none of these" among the options.',
        ),
        editor(
            "edit_none_of_these",
            'One option reads exactly "none of these"; what the suggestion does not touch stays, word for word.',
            **BEARING,
        ),
        KNOWN - {"exception", "sequence", "statement_combination"},
    ),
    Refinement(
        "harder_calculation",
        suggester(
            "suggest_harder_calculation",
            "a longer way leads to the answer, or more temptations lie beside it. Ways: another step before or after; a "
            "number that has to be found first; a number that is not needed; a condition that changes half-way; a wrong option "
            'that a subtler mistake leads to; "none of these" as one option.',
        ),
        editor(
            "edit_harder_calculation",
            'The options are numbers in digits without unit, or one of them the words "none of these".',
            evidence=EVIDENCE,
            expression=EXPRESSION,
            answer=LETTER,
        ),
        frozenset(entry.name for entry in MATHEMATICS),
    ),
]

ANSWER = Agent(
    "answer",
    role="You teach by answering: a reader of your reply could answer the next question of this kind alone.",
    task="Task: the text above is a multiple-choice question from somebody who has nothing else before them. Answer it.\n\n"
    "Find the answer before you look for its letter: say which fact, rule or calculation decides the question, go on from "
    "there to the option that says so, and say in a clause each why the others fail, those first that tempt most. Name an "
    "option by its words, not by its letter alone. A calculation goes step by step, its arithmetic as equations such as "
    '"3 + 4 = 7".\n\n'
    "The form that they ask for: $format\n\n"
    "Keep to that form in all things. Where it has no place of its own for the answer, end with the sentence "
    '"The answer is X.", X being the capital letter of the right option alone. Choose exactly one option. Where none of them '
    "is right, or more than one, reply with nothing but <unsuitable>(why, in one sentence)</unsuitable>. Otherwise write "
    "the answer only.",
    about="question",
    writes_text="response",
    sampling=Sampling(max_tokens=2048),
)

SKILL = Skill(
    name="multiple_choice",
    summary="Choose the right one of four or five options, from knowledge or by calculation.",
    transform=TRANSFORM,
    instruct=[*KNOWLEDGE, *MATHEMATICS],
    refine=REFINE,
    respond=ANSWER,
    verify=[
        formatted,
        quoted,
        chose,
        computed_option,
        Permuted(ANSWER, decided=frozenset({"expression"})),
    ],
    turn="$question",
    format=format_guide(
        "What is asked is the multiple-choice question above; whoever replies names one option, and mostly says why.",
        about="question",
        forms=("free", "answer_only", "json", "table", "steps", "bullets"),
    ),
)
