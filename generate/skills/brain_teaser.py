"""Brain teasers: riddles, word play, sequences, crossings, liars and surprises, whose solution is short once it is seen.

The paper (arXiv 2407.03502) names the skill; taxonomy, transformations and prompts are ours. Most answers are voted on
by further replies; word play, sequences, sums and liars are checked by code that follows the rule of the puzzle, and a
lateral puzzle, which has no short answer, by a reader.
"""

from __future__ import annotations

from ..agent import Agent
from ..flow import IDENTITY, Entry, Match, Refinement, Skill
from ..formats import format_guide
from ..reply import Form, form
from ..teacher import Sampling
from ..tools.arrangements import VOCABULARY
from ..tools.teasers import PLAY_LIST
from ..verifiers import (
    Reviewed,
    Voted,
    agreed,
    computed,
    continued,
    deciphered,
    formatted,
    reviewer,
    solved,
    spelled,
)

LONG = Sampling(max_tokens=3072)
EXACT = Sampling(temperature=0.2, max_tokens=2048)

# --- transform: a document becomes the stuff that puzzles are made of ---


def passage(name: str, what: str, unsuitable: str) -> Agent:
    """The agent that draws one kind of puzzle material from a document."""
    return Agent(
        name,
        role="You edit the puzzle page of a magazine for curious people, and find material for it in whatever you read.",
        task=f"Task: from the document above, collect {what}\n\n"
        "Take things, words, numbers and people from the document; round them off with what everybody knows and "
        "with harmless inventions (a name, a day, a price) where the document gives none. Write plain text of 100 "
        "to 350 words, one item to a paragraph or a line, and no puzzle yet: what is hidden in a puzzle has to "
        f"stand here openly. A document is unsuitable when {unsuitable}.",
        about="document",
        form=form(passage="the material, and nothing else"),
        sampling=LONG,
    )


TRANSFORM = [
    IDENTITY,
    passage(
        "portraits",
        "five to eight portraits of things that a twelve-year-old knows (an organ, a tool, an animal, a substance, "
        "a habit): for each what it does, has and lacks, in words that would be true of something quite different "
        "if taken literally.",
        "it names no thing that everybody knows",
    ),
    passage(
        "words",
        "fifteen to twenty-five words of the document, of four to nine letters each and known to everybody, one to "
        "a line, each with its meaning in half a sentence.",
        "it holds fewer than fifteen such words",
    ),
    passage(
        "odd_incidents",
        "three to five incidents in the world of the document that look absurd or impossible when told in two "
        "sentences, each with the one ordinary circumstance that explains it fully.",
        "nothing happens in its world",
    ),
    passage(
        "people_and_ages",
        "four to six people who have to do with the subject, with their names, ages or years, who is older by how "
        "much, and what each of them owns, pays, carries or knows, in whole numbers that fit together.",
        "no person could have to do with it",
    ),
    passage(
        "growing_rows",
        "four to seven ways in which something of the document can grow, shrink or alternate step by step: for each "
        "the first six whole numbers and the rule that makes the next one out of the place, or out of the one or "
        "two before.",
        "nothing in it comes in numbers or in steps",
    ),
    passage(
        "tasks_with_limits",
        "three to five practical tasks in the world of the document that are hard for one reason: a boat, a lift or "
        "a balance that holds only so much, things that must not be left together, vessels of odd sizes, few tries, "
        "a clock that runs wrong; with all the numbers.",
        "nothing in it could be carried, weighed, filled or timed",
    ),
    passage(
        "chances",
        "four to six situations with chance in the world of the document (tests, draws, pairs, returns, choices "
        "among closed doors) in which most people guess wrong, with small whole numbers and what is known before.",
        "nothing in it is a matter of chance or of choice",
    ),
]

# --- instruct ---

FAIR = (
    "The reader sees your puzzle and nothing else, and needs no knowledge beyond school: it is complete, names what "
    'it is about, and never says "the text" or "the document". It has one solution, which a reader accepts at once '
    "on hearing it; the first thing that comes to mind is something else. It is told in two to seven sentences with "
    "a person, a place or a thing in it, and says what is to be given as the answer. Nobody has read it before: the "
    "old chestnuts (the Sphinx, the missionaries, Monty Hall, the surgeon) may lend their idea, not their story or "
    "their numbers."
)


def teaser(
    name: str, definition: str, answer: str, after: frozenset[str], match: Match = "text", **extra: str
) -> Entry:
    """A kind of puzzle; `extra` are the fields by which code checks its answer."""
    agent = Agent(
        name,
        role="You invent the puzzles of a magazine; your readers write in when one has a second solution.",
        task="Task: write puzzles of one kind from the material in the document above.\n\n"
        f"The kind: {name.replace('_', ' ')}. {definition}\n\nThe answer: {answer}\n\n{FAIR}\n\nSolve it as a "
        "stranger would, look for a second solution, and mend it if there is one, before you write down the "
        "answer. The document is unsuitable when nothing in it lends itself to this kind: decline then, and do not "
        "bend the kind.",
        form=Form(
            (("question", "the puzzle, ending with its question"), *extra.items(), ("answer", answer)), many=2
        ),
        sampling=LONG,
    )
    return Entry(name, agent, definition, after, match)


EXPRESSION = (
    "the answer as one arithmetic expression over numbers of the puzzle, with + - * / ( ) and nothing else; a square as "
    "x*x"
)
PLAY = (
    "the line of this list that says how the answer is made, TEXT being words that the puzzle shows:\n"
    + PLAY_LIST
)
RULE = (
    "the rule as one expression with + - * / ( ) over n (1 for the first term), p (the term before) and q (the term "
    "before p), which gives every term that is shown and the missing one, such as 2*p+n"
)
LINES = f"the puzzle for a program that tries every arrangement, in lines of this kind and no other:\n{VOCABULARY}"
SOUGHT = "the item whose place is asked for, or the place whose item is, as spelled in the lines"
SUM = 'the sum that the puzzle shows, written as "SEND + MORE = MONEY"'
WORD, NUMBER = "one word, in small letters.", "one number in digits, without unit."
THINGS = frozenset({"identity", "portraits", "words"})
LIMITS = frozenset({"identity", "tasks_with_limits"})
PEOPLE = frozenset({"identity", "people_and_ages"})

INSTRUCT = [
    teaser(
        "lateral_thinking",
        "Tell an incident in two or three sentences that seems impossible or senseless, and ask how it can be. "
        "Every word of it is true; the reader takes one thing for granted that is not said.",
        "the circumstance that explains it, and what the reader took for granted, in one or two sentences.",
        frozenset({"identity", "odd_incidents"}),
        "judge",
    ),
    teaser(
        "riddle",
        "Let a thing speak of itself, or describe it, in three to five lines, each of which is true of it in one "
        "sense and leads astray in another; the last line rules out what else it might be. Ask what it is, and say "
        "how many letters it has.",
        WORD,
        THINGS,
    ),
    teaser(
        "anagram",
        "Show the letters of one word in an order that forms other words or can at least be spoken, and describe what is meant "
        "without naming it, so that no other word of these letters fits.",
        WORD,
        THINGS,
        play=PLAY,
    ),
    teaser(
        "hidden_word",
        "Write a natural sentence on the subject in which a word runs over the border of two or three words, or is "
        "given by the first letters of all its words; say how it is hidden and of what kind it is.",
        WORD,
        THINGS,
        play=PLAY,
    ),
    teaser(
        "cipher",
        "Show a word or a short phrase with each letter moved along the alphabet, without its vowels, or from the "
        "end; tell how it was made by a story or by one solved example rather than outright, and ask for the clear "
        "text.",
        "the clear text, in small letters.",
        THINGS,
        play=PLAY,
    ),
    teaser(
        "number_sequence",
        "Show five to seven whole numbers of a row, with commas between them and ? for the missing one, inside a "
        "small story in which they make sense; ask for the missing one. The rule is not a mere constant difference "
        "or factor.",
        NUMBER,
        frozenset({"identity", "growing_rows"}),
        "number",
        rule=RULE,
    ),
    teaser(
        "crossing",
        "People, animals or goods have to be brought across or through something by a vehicle that holds few of "
        "them, under one or two rules on who must not be left with whom, or with times that add up; ask for the "
        "fewest crossings, or the shortest time.",
        NUMBER,
        LIMITS,
        "number",
    ),
    teaser(
        "weighing_and_pouring",
        "One of several things is false, or a quantity has to be measured out with vessels of other sizes; ask for "
        "the fewest weighings or pourings with which it is always possible, and say what counts as one.",
        NUMBER,
        LIMITS,
        "number",
    ),
    teaser(
        "clock_and_calendar",
        "A clock runs fast, slow or backwards, shows itself in a mirror, or strikes; or a weekday or date is wanted "
        "from others. Let the reader count a fence post too many or too few if not careful.",
        'the time as h:mm, the weekday, or the date as "12 May", as the puzzle asks.',
        LIMITS | PEOPLE,
    ),
    teaser(
        "ages",
        'Relations between the ages of two or three people now, once and in some years ("when she was as old as he '
        'is now"), from which one age follows.',
        NUMBER,
        PEOPLE,
        "number",
        expression=EXPRESSION,
    ),
    teaser(
        "liars",
        "Three or four people make one statement each about who did it or about each other; it is known how many of "
        "them lie, or who always does. Ask who did it, or what one of them is.",
        "the name, or the word, spelled as in the lines.",
        PEOPLE | {"odd_incidents"},
        puzzle=LINES,
        sought=SOUGHT,
    ),
    teaser(
        "family_riddle",
        "A relation between people is described in a roundabout way (\"the only daughter of my mother's husband's "
        'sister"), or people are counted who stand in several relations at once; ask for the plain relation, or for '
        "the smallest number of people.",
        "the relation in one or two words, or the number in digits.",
        PEOPLE,
    ),
    teaser(
        "probability_surprise",
        "A situation of chance with small numbers in which the obvious answer is wrong: what is known changes what "
        "is likely, or the cases are not equally likely. Ask for the probability as a fraction.",
        "the fraction in lowest terms, such as 2/3.",
        frozenset({"identity", "chances"}),
        "number",
        expression=EXPRESSION,
    ),
    teaser(
        "counting_trick",
        "Ask how many handshakes, cuts, matches of a knock-out, digits on labels, routes or pieces there are, where "
        "counting them one by one is long and one thought makes it short.",
        NUMBER,
        LIMITS | {"chances", "people_and_ages"},
        "number",
        expression=EXPRESSION,
    ),
    teaser(
        "cryptarithm",
        "A sum of two or three words in capital letters, whose letters stand for digits: different letters for "
        "different digits, no number beginning with 0. Its words have to do with the subject, and it has exactly "
        "one solution; ask which number one of the words stands for.",
        NUMBER,
        frozenset({"identity", "words"}),
        "number",
        cryptarithm=SUM,
        word="the word that is asked for",
    ),
    teaser(
        "odd_one_out",
        "Five things of the subject, four of which share a property that is not the first one sees (a letter "
        "pattern, a double meaning, a number of something); ask which does not belong. Only that one can be told "
        "apart by one clear property that all the others have.",
        "the one that does not belong, as the puzzle writes it.",
        THINGS,
    ),
]

# --- refine: another turn of the screw, with the fields of each family written anew ---

CHECKED_BY = {
    "play": frozenset({"anagram", "hidden_word", "cipher"}),
    "rule": frozenset({"number_sequence"}),
    "expression": frozenset({"ages", "probability_surprise", "counting_trick"}),
    "puzzle": frozenset({"liars"}),
    "cryptarithm": frozenset({"cryptarithm"}),
}
PLAIN = frozenset(entry.name for entry in INSTRUCT).difference(*CHECKED_BY.values())


def harder(name: str, ways: str, entries: frozenset[str], **extra: str) -> Refinement:
    """The pair of agents that makes the puzzles of one family harder."""
    shown = "".join(f"{field.capitalize()}: ${field}\n\n" for field in extra)
    suggest = Agent(
        f"suggest_{name}",
        role="You test puzzles before they are printed, and say how they could be a notch better.",
        task=f"Task: suggest how to make the puzzle above harder, and as fair as it is.\n\n"
        f"Its answer: $answer\n\nWays: {ways}\n\n"
        "Give three suggestions of different kinds. Each says in one or two sentences what to change, so that the "
        "author can do it without asking back; it does not do it. Decline where the puzzle would only become "
        "longer.",
        about="question",
        form=form(many=3, suggestion="one change, in one or two sentences"),
    )
    edit = Agent(
        f"edit_{name}",
        role="You invent the puzzles of a magazine, and solve each again after every change.",
        task=f"Task: carry out a suggestion on the puzzle above.\n\n{shown}Its answer: $answer\n\n"
        f"The suggestion: $suggestion\n\n{FAIR}\n\n"
        "What the suggestion does not touch stays as it is. Decline when the change would let in a second solution, "
        "or give the solution away.",
        about="question",
        form=Form(
            (
                ("question", "the puzzle, ending with its question"),
                *extra.items(),
                ("answer", "the answer, in the form of the old one, and nothing else"),
            )
        ),
        sampling=EXACT,
    )
    return Refinement(name, suggest, edit, entries)


REFINE = [
    harder(
        "another_twist",
        "strengthen the wrong track; take out the word that gives most away; add a condition that rules out the "
        "known trick; put one thing more to carry, to weigh or to reckon with; let the answer of the old puzzle be "
        "one step of the new one.",
        PLAIN,
    ),
    harder(
        "deeper_play",
        "a longer word; two steps one after the other that come to one line of the list; a clue by a second meaning "
        "instead of the first; a sentence in which nothing looks odd.",
        CHECKED_BY["play"],
        play=PLAY,
    ),
    harder(
        "subtler_rule",
        "let the rule use the place as well as the term before, or the two terms before; leave out a term in the "
        "middle instead of the last; start at other numbers so that the beginning looks like another rule.",
        CHECKED_BY["rule"],
        rule=RULE,
    ),
    harder(
        "longer_way",
        "another person, round or draw; a quantity that must be found first; a piece of information that seems to "
        "matter and does not; the question turned round, so that the old answer is given and an old number is asked "
        "for.",
        CHECKED_BY["expression"],
        expression=EXPRESSION,
    ),
    harder(
        "more_liars",
        "another speaker; a statement about a statement; not who lies is known but how many; a statement that is "
        "true of nobody else.",
        CHECKED_BY["puzzle"],
        puzzle=LINES,
        sought=SOUGHT,
    ),
    harder(
        "longer_sum",
        "a third summand; a longer word; a word in place of one that has few letters in common with the others, as "
        "long as one solution is left.",
        CHECKED_BY["cryptarithm"],
        cryptarithm=SUM,
        word="the word that is asked for",
    ),
]

ANSWER = Agent(
    "answer",
    role="You solve puzzles aloud, so that whoever listens sees where the trap was and how to get out.",
    task="Task: the text above is a puzzle from somebody who has nothing else before them. Solve it.\n\n"
    "Say what the puzzle leads one to think, and why that fails; then give the solution and show that it fits every "
    "sentence of the puzzle. Where cases have to be tried, try all of them in an order that the reader can follow; "
    'spell out letter by letter what is a matter of letters; write arithmetic as equations such as "3 + 4 = 7". Be '
    "brief: a solved puzzle needs no second explanation.\n\nThe form that they ask for: $format\n\nKeep to that "
    "form in all things. Where the solution is one word, name, number or time and the form has no place of its own "
    'for it, end with the sentence "The answer is X.", X being that alone, as the puzzle asks for it. Where the '
    "puzzle has no solution, or several that are equally good, reply with nothing but <unsuitable>(why, in one "
    "sentence)</unsuitable>. Otherwise write the answer only.",
    about="question",
    writes_text="response",
    sampling=Sampling(max_tokens=2048),
)

SKILL = Skill(
    name="brain_teaser",
    summary="Solve riddles, word play, number puzzles and situations in which the obvious answer is wrong.",
    transform=TRANSFORM,
    instruct=INSTRUCT,
    refine=REFINE,
    respond=ANSWER,
    verify=[
        formatted,
        agreed,
        computed,
        continued,
        spelled,
        deciphered,
        solved,
        Voted(ANSWER),
        Reviewed(
            reviewer(
                "Task: judge a solution of the puzzle above.\n\nWhat its author had in mind: $answer\n\nThe "
                "solution:\n$response\n\nIt holds when it explains every sentence of the puzzle by one ordinary "
                "circumstance, names in substance the one that its author had in mind, and neither adds a fact that "
                "the puzzle rules out nor leaves one unexplained. Look first for the words of the puzzle that are "
                "hardest to explain by it.",
                quote="those words, copied from the puzzle: at least a clause",
                about="question",
            ),
            source="question",
        ),
    ],
    turn="$question",
    format=format_guide(
        "What is asked is the puzzle above; its solution is short, and the way to it is what people enjoy.",
        about="question",
        forms=("free", "answer_only", "json", "steps", "bullets", "letter"),
    ),
)
