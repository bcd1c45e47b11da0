"""Analytical reasoning: logic games, deduction and arguments, each complete in itself (in the manner of the LSAT and GMAT).

The paper (arXiv 2407.03502) names the skill; taxonomy, transformations and prompts are ours. Where a puzzle is one of
putting items into places, its author writes the rules a second time in a small vocabulary, and code tries every
arrangement; elsewhere an expression is computed, or the question is asked again with its options in another order.
"""

from __future__ import annotations

from ..agent import Agent
from ..flow import IDENTITY, Entry, Match, Refinement, Skill
from ..formats import format_guide
from ..reply import Form, form
from ..steps.shuffle import Shuffled
from ..teacher import Sampling
from ..tools.arrangements import ASKED, HOW_MANY, VOCABULARY
from ..verifiers import Permuted, chose, computed, formatted, solved

LONG = Sampling(max_tokens=4096)
EXACT = Sampling(temperature=0.2, max_tokens=3072)

# --- transform: the document becomes the setting of a puzzle or the parts of an argument ---


def passage(name: str, what: str, unsuitable: str) -> Agent:
    """The agent that makes one kind of material from a document."""
    return Agent(
        name,
        role="You collect settings for the logic games and arguments of a law school's entrance test.",
        task=f"Task: from the document above, write {what}\n\n"
        "Take the subject, the things and their names from the document; make up people, days, rooms and rules where they are "
        "wanted, so that they could be real. Nobody who works with your material sees the document, so say in it who and what "
        "everything is. Write 120 to 400 words of plain text, and leave every question to others. "
        f"A document is unsuitable when {unsuitable}.",
        about="document",
        form=form(passage="the material, and nothing else"),
        sampling=LONG,
    )


TRANSFORM = [
    IDENTITY,
    passage(
        "cast",
        "a scene with four to seven named agents (people, teams, species, samples, towns) who have something to divide, to "
        "choose or to decide in the world of the document: what each of them wants, can do and cannot do beside whom.",
        "nobody and nothing in it could act or be assigned",
    ),
    passage(
        "schedule",
        "the plan of a week, a day or a series of sessions in the world of the document: four to seven activities, the slots "
        "there are, which activity needs another one before it, which cannot follow another, and what is fixed.",
        "nothing in it is done, studied, made or shown",
    ),
    passage(
        "line_up",
        "the description of an arrangement in a line (a shelf, a display, a row of seats, layers, a ranking) of four to seven "
        "things of the document, with what is known of who stands before, beside or apart from whom.",
        "it does not name four things of one kind",
    ),
    passage(
        "organisation",
        "the outline of an organisation that deals with the subject: its units or committees, the posts in them, who may hold "
        "which, who reports to whom, and which posts exclude each other.",
        "no body of people could deal with its subject",
    ),
    passage(
        "rules",
        "a set of five to nine rules, by-laws or conditions of admission in the domain of the document, numbered, with "
        "conditions, exceptions to them, and what follows when several apply; then three cases in a sentence each, undecided.",
        "nothing in its domain could be allowed, required or forbidden",
    ),
    passage(
        "argument_map",
        "an argument on a question of the document, taken apart: the conclusion, each premise, the step that joins them, the "
        "assumption that nobody states, one objection and one reply to it, each as a sentence under its name.",
        "nothing in it can be argued for",
    ),
    passage(
        "categories",
        "eight to twelve statements about classes of things of the document, each of the form all A are B, no A are B, some A "
        "are B or some A are not B, or if P then Q; true by the document where it speaks of them, about imaginary members where "
        "it does not.",
        "its things fall into no classes",
    ),
    passage(
        "surveys",
        "two or three small surveys, counts or measurements in the world of the document: who or what was counted, with whole "
        "numbers for each group, for those that belong to two groups and for those that belong to none; and two quantities that "
        "can be compared although neither is known outright.",
        "nothing in it could be counted or measured",
    ),
]
GAMES = frozenset({"identity", "cast", "schedule", "line_up", "organisation", "rules"})
LOGIC = frozenset({"identity", "rules", "argument_map", "categories", "organisation"})
COUNTED = frozenset({"identity", "surveys", "schedule"})

# --- what an item has to be ---

COMPLETE = (
    "Whoever answers sees your text and nothing else: introduce everybody and everything that you name, number the rules or "
    'set them apart, and never say "the text", "the passage" or "the document". The subject gives the puzzle its colour; no '
    "knowledge of it is needed or of use, and no rule contradicts what is true of it."
)
OPTIONS = (
    "After the question stand four or five options, a line each: (A) …, (B) …, to (D) or (E), all alike in kind and length. One "
    "is right; each of the others is what a reader gets who overlooks one rule, turns one round or takes may for must. Options "
    "do not speak of each other or of letters, for their order will be changed."
)
LETTER = "the letter of the right option, and nothing else"
QUESTION = (
    "the situation, the rules, the question, an empty line, and the options (A) … to (D) or (E), a line each"
)
MACHINE = (
    "Write the same situation and rules a second time for a program that tries every arrangement. It knows these lines and no "
    f"others:\n\n{VOCABULARY}\n\n"
    'Every fact is written out in full: "Ada at 1 or Ada at 2", not "Ada at 1 or 2". The program knows what you write and '
    'nothing besides: where each place takes one, say "each place holds 1". A condition that the question adds ("Suppose '
    'that …") is a line as well. '
    "A puzzle that does not go into these lines is not wanted."
)
PUZZLE = "the lines items:, places: and the rules, for the program"


def setter(name: str, definition: str, demand: str, fields: Form) -> Agent:
    """The agent that writes puzzles of one kind; `demand` says what they must have."""
    return Agent(
        name,
        role="You write the logic section of an entrance test for law and business schools.",
        task="Task: write questions of one kind from the material in the document above.\n\n"
        f"The kind: {name.replace('_', ' ')}. {definition}\n\n{COMPLETE}\n\n{demand}\n\n"
        "Work the question out from its rules, as if another had written it, before you write down the answer. The document is "
        "unsuitable when nothing in it lends itself to this kind: decline then, and do not bend the kind.",
        form=fields,
        sampling=LONG,
    )


CLAIMS = {
    "puzzle": PUZZLE,
    "asked": "which of the options is wanted, the one that " + ", ".join(f'"{each}"' for each in ASKED),
    "claims": "for each option (A), (B) …, in the same order, what it says as a line of the vocabulary",
    "answer": LETTER,
}
SOUGHT = {
    "puzzle": PUZZLE,
    "sought": f'the item whose place is asked for, or the place whose item is, as spelled in the lines; or "{HOW_MANY}"',
    "answer": "the place, the item or the number, spelled as in the lines, and nothing else",
}
RECKONED = {
    "expression": "the answer as one arithmetic expression over numbers of the question, with + - * / ( ) and nothing else",
    "answer": "the number in digits, without unit",
}
CHOICES = {"asked": ASKED}


def game(name: str, definition: str, after: frozenset[str] = GAMES) -> Entry:
    """A logic game with options, which code solves."""
    fields = form(many=2, choices=CHOICES, question=QUESTION, **CLAIMS)
    return Entry(
        name, Shuffled(setter(name, definition, f"{OPTIONS}\n\n{MACHINE}", fields)), definition, after, "text"
    )


def puzzle(name: str, definition: str, answer: str, match: Match) -> Entry:
    """A puzzle without options, which code solves."""
    fields = Form((("question", "the situation, the rules and the question"), *SOUGHT.items()), many=2)
    return Entry(name, setter(name, definition, f"{answer}\n\n{MACHINE}", fields), definition, GAMES, match)


def choice(name: str, definition: str, after: frozenset[str] = LOGIC, options: str = OPTIONS) -> Entry:
    """A kind of question with options that no program decides."""
    fields = form(many=2, question=QUESTION, answer=LETTER)
    return Entry(name, Shuffled(setter(name, definition, options, fields)), definition, after, "text")


def reckoned(name: str, definition: str) -> Entry:
    """A kind of question whose answer is a number that an expression gives."""
    fields = Form(
        (("question", "the situation and the question; it names what is counted"), *RECKONED.items()), many=2
    )
    author = setter(name, definition, "The answer is one whole number.", fields)
    return Entry(name, author, definition, COUNTED, "number")


INSTRUCT = [
    game(
        "ordering",
        "Four to six things take the places of a row, a ranking or a series, one each, under three to five rules on who comes "
        "before, beside or apart from whom; ask what must, could or cannot be so, if wanted after a further condition.",
    ),
    game(
        "grouping",
        "Four to seven agents are divided among two or three named groups of given sizes, under rules on who is with whom, and "
        "on what follows when somebody is in a certain group.",
    ),
    game(
        "matching",
        "Each of four or five agents has one of as many values of a feature (a room, a tool, a colour, a home), no two the same, "
        "and the rules mix facts, exclusions and conditions.",
    ),
    game(
        "scheduling",
        "Activities are laid on days or hours, with at most two at a time or with free slots, under rules of precedence, "
        "separation and fixed dates; ask for a complete plan that keeps all rules, or for what one decision forces.",
        frozenset({"identity", "schedule", "cast", "rules"}),
    ),
    game(
        "selection",
        "Some of five to seven candidates are chosen, in a given number or within bounds (places: in, out), under conditions "
        'such as "if this one, then not that one"; ask who must, could or cannot be chosen together.',
    ),
    game(
        "truth_tellers",
        "Three to five speakers of two sorts, of which one always tells the truth and the other always lies, or exactly so many "
        'of whom lie, make statements about each other and about one thing more. In the lines, "Ada says that Ben lies" is "Ada '
        'at honest iff Ben at liar".',
        frozenset({"identity", "cast", "organisation"}),
    ),
    game(
        "conditional_logic",
        "Four to six statements that are true or false (items are short names for them; places: true, false) hang together by "
        '"if", "only if", "unless" and "either … or"; the prose varies these words. Some are given; ask what follows, or '
        "what does not. Wrong options affirm the consequent, deny the antecedent, or read only if as if.",
        LOGIC,
    ),
    puzzle(
        "counting_arrangements",
        "Items take places under two to four rules; ask in how many different ways that can be done, and say in the question "
        "what counts as different.",
        f'The answer is one number between 2 and 60, and `sought` is "{HOW_MANY}".',
        "number",
    ),
    puzzle(
        "deduction",
        "Four to six items take places under clues that leave one arrangement, none of which names the place that is asked for; "
        "ask where one of them is, or what is at one of the places.",
        "The answer is one name, and follows from the clues with certainty. No clue is without use.",
        "text",
    ),
    choice(
        "syllogism",
        "Two to four premises about classes (all, no, some, some are not, most), in prose that does not line the terms up; ask "
        "what must be true, or which premise is wanting for a conclusion. Wrong options convert what cannot be converted, or "
        "pass from some to all.",
        LOGIC,
    ),
    choice(
        "necessary_and_sufficient",
        "State a rule or a claim of an expert, and ask which condition is necessary, which sufficient, which case shows that a "
        "condition is not enough, or which shows that it is not needed.",
    ),
    choice(
        "argument_structure",
        "Give an argument of four to six sentences on the subject, and ask how it is built: what a quoted sentence does in it, "
        "which step fails, which assumption closes its gap, or which other argument has the same structure.",
        frozenset({"identity", "argument_map"}),
    ),
    choice(
        "rule_application",
        "Give three to five rules with an exception among them and one case to which more than one applies; ask how the case is "
        "decided, or which further fact would change the decision.",
        frozenset({"identity", "rules", "organisation"}),
    ),
    choice(
        "data_sufficiency",
        "Put a question of number or of fact, and two statements, (1) and (2). Ask what is enough to answer it; a no answers "
        "it as well as a yes does, as long as it is certain.",
        COUNTED | {"rules"},
        "The options are these five: (A) statement (1) alone is enough, but statement (2) alone is not; (B) "
        "statement (2) alone is enough, but statement (1) alone is not; (C) both statements together are enough, but neither "
        "alone; (D) each statement alone is enough; (E) both statements together are not enough. Write them out, a line each.",
    ),
    choice(
        "quantitative_comparison",
        "Describe a situation in which two quantities are determined, or nearly, and call them Quantity 1 and Quantity 2, a line "
        "each. Ask how they compare. The comparison can be seen by reasoning on bounds, on parity or on what cancels, without "
        "long calculation.",
        COUNTED,
        "The options are these four, a line each: (A) Quantity 1 is greater; (B) Quantity 2 is greater; (C) the two quantities "
        "are equal; (D) the relation cannot be determined from what is given. Vary over your questions which of them is right.",
    ),
    reckoned(
        "set_relations",
        "Groups overlap: so many belong to one, so many to another, to both, to none, or to a third. Give enough of the "
        "numbers, some of them indirectly (a share, a difference, all but so many), and ask for one that is not given.",
    ),
]

# --- refine: each family of puzzles has an editor that writes its own fields anew ---

GAME_NAMES = frozenset(
    {"ordering", "grouping", "matching", "scheduling", "selection", "truth_tellers", "conditional_logic"}
)
PUZZLE_NAMES = frozenset({"counting_arrangements", "deduction"})
CHOICE_NAMES = frozenset(entry.name for entry in INSTRUCT) - GAME_NAMES - PUZZLE_NAMES - {"set_relations"}


def suggester(name: str, ways: str) -> Agent:
    """The agent that gives three ways to make a question harder."""
    return Agent(
        name,
        role="You advise the authors of a logic test on how to make reasoning longer without making reading harder.",
        task="Task: suggest how to make the question above harder.\n\nIts answer: $answer\n\n"
        f"Ways: {ways}\n\nGive three suggestions of different kinds. Each says in one or two sentences what to change, and what "
        "for, so that an author can do it without asking back; it does not do it. Decline where the question is as hard as "
        "somebody can solve with pencil and paper in five minutes.",
        about="question",
        form=form(many=3, suggestion="one change, in one or two sentences"),
    )


def editor(name: str, demand: str, question: str, shown: str, fields: dict[str, str]) -> Agent:
    """The agent that carries out one suggestion, and solves the puzzle anew."""
    choices = tuple(CHOICES.items()) if "asked" in fields else ()
    return Agent(
        name,
        role="You edit the questions of a logic test, and solve each again from its rules after every change.",
        task=f"Task: carry out a suggestion on the question above.\n\n{shown}\n\nThe suggestion: $suggestion\n\n"
        f"{demand}\n\nWhat the suggestion does not touch stays as it is. {COMPLETE} Decline when the change would leave the "
        "rules contradictory, the answer open, or the puzzle as easy as before.",
        about="question",
        form=Form((("question", question), *fields.items()), choices=choices),
        sampling=EXACT,
    )


LINES = "Its lines for the program:\n$puzzle"
HARDER = (
    "take away a rule that says much and put two in its place that say it together; make a rule conditional; add an item or a "
    "place; "
)
REFINE = [
    Refinement(
        "deeper_game",
        suggester(
            "suggest_deeper_game",
            HARDER
            + "ask what must be true instead of what could be, or the reverse; add a condition to the question that has "
            "to be followed through three rules; bring options nearer to each other.",
        ),
        Shuffled(
            editor(
                "edit_deeper_game",
                f"{OPTIONS}\n\n{MACHINE}",
                QUESTION,
                f"{LINES}\n\nWanted: the option that $asked\n\nThe options for the program:\n$claims\n\nIts answer: $answer",
                CLAIMS,
            )
        ),
        GAME_NAMES,
    ),
    Refinement(
        "deeper_puzzle",
        suggester(
            "suggest_deeper_puzzle",
            HARDER
            + "turn a clue that names a place into one that excludes places; ask for an item that is fixed last.",
        ),
        editor(
            "edit_deeper_puzzle",
            MACHINE,
            "the situation, the rules and the question",
            f"{LINES}\n\nWhat is sought: $sought\n\nIts answer: $answer",
            SOUGHT,
        ),
        PUZZLE_NAMES,
    ),
    Refinement(
        "subtler_reasoning",
        suggester(
            "suggest_subtler_reasoning",
            "add a premise that seems to bear on the matter and does not; hide the form of the argument under other words; let a "
            "wrong option follow from a slip in one quantifier or one condition; let an exception meet an exception.",
        ),
        Shuffled(
            editor(
                "edit_subtler_reasoning",
                "The options stay four or five, a line each, (A) …, (B) …; one is right. Where they are the standing options of "
                "their kind (what is enough, how two quantities compare), their words stay.",
                QUESTION,
                "Its answer: $answer",
                {"answer": LETTER},
            )
        ),
        CHOICE_NAMES,
    ),
    Refinement(
        "more_groups",
        suggester(
            "suggest_more_groups",
            "add a third group; give a number as a share of another; give the complement instead of the group; ask for those in "
            "exactly one group; add a number that is not needed.",
        ),
        editor(
            "edit_more_groups",
            "The answer stays one whole number that follows from what is given.",
            "the situation and the question",
            "Its expression: $expression\n\nIts answer: $answer",
            RECKONED,
        ),
        frozenset({"set_relations"}),
    ),
]

ANSWER = Agent(
    "answer",
    role="You teach reasoning: your reader sees each conclusion come out of the rules, and could check every step.",
    task="Task: the text above is a question from somebody who has nothing else before them. Answer it.\n\n"
    "Set down what is given in short form, then deduce: one conclusion at a time, with the rule or premise that it comes from; "
    "where cases must be told apart, go through all of them and say how each ends. Where there are options, say which rule each "
    "wrong one breaks, or what it takes for granted, and name options by their words, not by their letters alone. Arithmetic is "
    'written as equations such as "3 + 4 = 7".\n\n'
    "The form that they ask for: $format\n\n"
    'Keep to that form in all things. Where it has no place of its own for the answer, end with the sentence "The answer is '
    'X.", X being the capital letter of one option, or, where there are none, the name or the number alone. Where what is '
    "given contradicts itself, or leaves the answer open, reply with nothing but <unsuitable>(why, in one sentence)"
    "</unsuitable>. Otherwise write the answer only.",
    about="question",
    writes_text="response",
    sampling=Sampling(max_tokens=3072),
)

SKILL = Skill(
    name="analytical_reasoning",
    summary="Draw conclusions from rules, premises and numbers that the question gives.",
    transform=TRANSFORM,
    instruct=INSTRUCT,
    refine=REFINE,
    respond=ANSWER,
    verify=[
        formatted,
        chose,
        solved,
        computed,
        Permuted(ANSWER, decided=frozenset({"puzzle"})),
    ],
    turn="$question",
    format=format_guide(
        "What is asked is the question above; it has one answer, a letter, a name or a number, and the way to it matters.",
        about="question",
        forms=("free", "answer_only", "json", "table", "steps", "bullets"),
    ),
)
