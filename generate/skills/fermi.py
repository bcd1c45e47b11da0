"""Fermi problems: what nobody has counted, estimated from a few assumptions to its order of magnitude.

The paper (arXiv 2407.03502) names the skill only; taxonomy, transformations and prompts are ours. The author gives a chain
of assumptions and one expression over them; two programs of thought, written without sight of either, and the reply
estimate anew. Estimates agree within a factor of 5: see tools.answers.FACTOR.
"""

from __future__ import annotations

from ..agent import Agent
from ..flow import IDENTITY, Entry, Refinement, Skill
from ..formats import FREE, format_guide
from ..reply import Form, form
from ..teacher import Sampling
from ..verifiers import Reckoned, agreed, estimated, formatted, reckoner

ROOM = Sampling(max_tokens=3072)
CAREFUL = Sampling(temperature=0.2, max_tokens=3072)

# --- transform: a document becomes a setting in which there is something to estimate ---


def setting(name: str, what: str, unsuitable: str = "") -> Agent:
    """The agent that finds in a document a setting of one kind, with its quantities."""
    return Agent(
        name,
        role="You collect material for a course in estimation, and you see quantities where others see words.",
        task=f"Task: from the document above, write {what}\n\n"
        "Begin with two or three sentences that put a reader into the setting, who has not seen the document. Then list eight to "
        "twelve quantities, one to a line: what it is, a number or a range with its unit, and how it is known (from the "
        "document, common knowledge, or how one would bound it). Figures of the document are given as they stand there; of the "
        "others give only what a well-read person would accept without looking it up. Say last which three quantities of the "
        "setting nobody has counted, though each follows from others. A document is unsuitable when nothing in it has a size"
        f"{unsuitable}: pure definitions, a list of links, a table of contents.",
        about="document",
        form=form(passage="the setting with its quantities, and nothing else"),
        sampling=ROOM,
    )


TRANSFORM = [
    setting(
        "city",
        "the setting of a city or a country in which its subject plays a part: people, households, buildings, streets, "
        "services, and how often each is used.",
    ),
    setting(
        "workshop",
        "the setting of a factory, a laboratory, a farm or an office that makes or handles what it is about: machines, hands, "
        "hours, material in and out, waste, cost.",
    ),
    setting(
        "body",
        "the setting of a living body, an organ or a cell as its subject shows it: sizes, rates, flows, numbers of parts, and "
        "how they scale from one level to the next.",
        ", or its subject has nothing to do with living bodies",
    ),
    setting(
        "ecosystem",
        "the setting of a landscape, a sea or a planet with what lives and moves there: areas, densities, flows of water, "
        "matter and energy, time spans.",
    ),
    setting(
        "household",
        "the setting of one household or one person over a day, a year or a life, as far as its subject touches them: what "
        "they use, do, pay, throw away.",
    ),
    setting(
        "journey",
        "the setting of something that travels (people, goods, messages, light, a disease, an idea): distances, speeds, "
        "capacities, stops, losses on the way.",
    ),
    setting(
        "archive",
        "the setting of what is written, taught, counted or stored about its subject: books, pages, pupils, lessons, pictures, "
        "bits, and the hands through which they go.",
    ),
    setting(
        "history",
        "the setting of another century in which its subject mattered: population, life spans, prices in hours of work, speeds "
        "of travel, output of a craft.",
    ),
    IDENTITY,
]

# --- instruct ---

ALONE = (
    "Whoever answers sees the question alone: it names the place, the time and the thing, gives the one or two figures of the "
    "material that an outsider could not know, and leaves the rest to be assumed. It cannot be looked up as such, it has a "
    "true value, and two sensible people who make their own assumptions come within a factor of three of each other. Ask for "
    "one number, name its unit, and say over which time or area it is meant."
)
CHAIN = (
    "three to seven assumptions, one to a line: the quantity, the value taken, its unit, and in brackets the least and the "
    "greatest value that can be defended"
)
EXPRESSION = "the estimate as one arithmetic expression over the values taken: numbers in digits with + - * / ( ), nothing else"
VALUE = "the value of the expression, rounded to two digits, in digits and without unit"


def estimate(name: str, definition: str) -> Entry:
    """A kind of quantity to estimate."""
    agent = Agent(
        name,
        role="You write Fermi problems, of the kind by which physicists and engineers find out who can think in sizes.",
        task="Task: write Fermi problems of one kind in the setting above.\n\n"
        f"The kind: {name.replace('_', ' ')}. {definition}\n\n{ALONE}\n\n"
        "Solve each before you hand it over: break the quantity into factors whose sizes one can know, take for each a value in "
        "the middle of its range, watch the units (seconds and hours, grams and tons, each and all), and compare the result "
        "with something of known size. A chain whose ranges multiply to more than a factor of 30 from least to greatest is no "
        "problem but a guess: choose another. The text is unsuitable when it gives no hold for a quantity of this kind: "
        "decline then, and do not bend the kind.",
        form=form(many=3, question="the problem", assumptions=CHAIN, expression=EXPRESSION, answer=VALUE),
        sampling=ROOM,
    )
    return Entry(name, agent, definition, match="magnitude")


INSTRUCT = [
    estimate(
        "counting",
        "How many of something there are at one moment, in a place whose bounds you name: things, people, parts, events under "
        "way. They are counted by cutting the place into pieces, or by owners and how many each has.",
    ),
    estimate(
        "rate",
        "How much or how many in a second, a day or a year: a flow through a border, a frequency, a throughput, summed over "
        "all who take part.",
    ),
    estimate(
        "stock_and_turnover",
        "A stock from what goes in and how long it stays, or the stay from stock and flow (Little's law): people in a building, "
        "water in a lake, books on loan, cells in a tissue.",
    ),
    estimate(
        "volume_and_mass",
        "A volume, an area, a mass or a thickness of something spread out, heaped up or dissolved, by geometry and density.",
    ),
    estimate(
        "energy_and_power",
        "The energy that something takes or gives off, or the power at which it does, and where it helps, in food, fuel or "
        "kilowatt hours.",
    ),
    estimate(
        "money",
        "What something costs, earns or is worth in all, in a currency and a year that you name: wages, material, what is spent "
        "by how many how often.",
    ),
    estimate(
        "time_needed",
        "How long it takes one person, one machine or all together to do something that nobody does in one go: to count, copy, "
        "walk, build, read, fill or empty it.",
    ),
    estimate(
        "information",
        "How many bits, pages, pictures or words are held, sent or needed: a library, a genome, a day of speech, a log.",
    ),
    estimate(
        "population",
        "How many people do, have, know or once were something: by age groups, life spans, shares and turnover.",
    ),
    estimate(
        "growth",
        "How large something becomes, or how long until it reaches a size you name, when it doubles, halves or rises by a share "
        "in each period. The expression writes the power out as a product of its factors, or as a number of periods.",
    ),
    estimate(
        "comparison",
        "How many times as much one thing is than another of a very different size, where both have to be estimated: the "
        "answer is the ratio, and says by its size something that surprises.",
    ),
    estimate(
        "upper_bound",
        "The most that there can be, when every factor is taken at the greatest value that some limit allows (area, time, sun, "
        "food, number of hands); the question names the limits that count, and asks for the tightest bound they give.",
    ),
    estimate(
        "lower_bound",
        "The least that there must be, from a fact that could not be otherwise: something is needed, lasts a known time, was "
        "seen in a number of places; the question names the fact.",
    ),
    estimate(
        "check_of_a_claim",
        "Quote a claim with a figure in it, as a newspaper or an advertisement would make it, true or off by a factor of 50 or "
        "more, and ask for an estimate of one's own and whether the claim can be right. The answer is the estimate, not the "
        "figure claimed.",
    ),
]

# --- refine ---

PROBLEM = "The problem: $question\n\nIts assumptions:\n$assumptions\n\nIts estimate: $expression = $answer"
REFINE = [
    Refinement(
        "longer_chain",
        Agent(
            "suggest_longer_chain",
            role="You advise the authors of a contest in estimation.",
            task=f"Task: suggest how to make a Fermi problem harder.\n\n{PROBLEM}\n\n"
            "Ways: ask for a quantity that follows from this one by a further chain (its mass, cost, time, share of a whole); "
            "take away a given figure that can itself be estimated; move it to a place, a time or a scale where the "
            "usual figures do not hold; ask for what two such quantities make together, or for the difference between them.\n\n"
            "Give three suggestions of different kinds. Each says in one or two sentences what to change, so that an author can "
            "write it without asking back, and leaves a quantity that can be pinned down within a factor of three; it does not "
            "write the problem.",
            form=form(many=3, suggestion="one change, in one or two sentences"),
        ),
        Agent(
            "edit_longer_chain",
            role="You write the last problems of a contest in estimation, and you solve each before you set it.",
            task=f"Task: write the harder form of a Fermi problem by a suggestion.\n\n{PROBLEM}\n\n"
            f"The suggestion: $suggestion\n\n{ALONE} Keep those assumptions that still count, word for word. Decline when the "
            "ranges of the assumptions multiply to more than a factor of 30.",
            form=Form(
                (
                    ("question", "the new problem, complete in itself"),
                    ("assumptions", CHAIN),
                    ("expression", EXPRESSION),
                    ("answer", VALUE),
                )
            ),
            sampling=CAREFUL,
        ),
    )
]

SKILL = Skill(
    name="fermi",
    summary="Estimate what nobody has counted, to its order of magnitude, from stated assumptions.",
    transform=TRANSFORM,
    instruct=INSTRUCT,
    refine=REFINE,
    respond=Agent(
        "answer",
        role="You estimate in front of others, so that they could have done it themselves.",
        task="Task: the text above is a question that nobody can look up. Answer it by an estimate.\n\n"
        "The form that they ask for: $format\n\n"
        "Say first into which factors you break the quantity and why these. State each assumption with its value, unit and the "
        "reason for that size, and how far off it may be. Reckon step by step, one equation to a line with numbers in digits "
        'and no units in it, such as "300 * 40 = 12,000"; write "≈" where you round, and write large numbers out. Compare the '
        "result with something of known size, name the assumption on which it hangs most, and give its order of magnitude as a "
        'power of ten. End with the sentence "The answer is X.", X being one number in digits without a unit, in the unit that '
        'was asked for; in JSON, X is the value of the key "answer" instead; where only the answer is wanted, X stands alone. '
        "A form that is asked for is kept to the letter, and holds of this what it has room for. Write the answer only.",
        about="question",
        writes_text="response",
        sampling=Sampling(max_tokens=2048),
    ),
    verify=[
        formatted,
        estimated,
        agreed,
        Reckoned(reckoner(wanted="one number in digits, without unit, in the unit asked for"), samples=2),
    ],
    turn="$question",
    format=format_guide(
        "It is an estimate, with its assumptions, of what the question above asks for.",
        about="question",
        forms=(FREE, "answer_only", "json", "table", "steps", "bullets", "letter"),
    ),
    needs=frozenset({"sandbox"}),
)
