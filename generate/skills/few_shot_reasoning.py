"""Few-shot reasoning: a rule that nobody states is found in a few worked examples, and applied to one case more.

The paper (arXiv 2407.03502) names the skill only; taxonomy, transformations and prompts are ours. The author hides a rule
and writes it down as a function, which is run on every example and on the new case; where a rule is no matter for a program,
several replies have to agree.
"""

from __future__ import annotations

from ..agent import Agent
from ..flow import IDENTITY, Entry, Match, Refinement, Skill
from ..formats import FREE, format_guide
from ..reply import Form, form
from ..teacher import Sampling
from ..verifiers import FirstOf, Voted, agreed, formatted, ruled

ROOM = Sampling(max_tokens=4096)
CAREFUL = Sampling(temperature=0.2, max_tokens=4096)
NO_MATERIAL = "a table of contents, a list of links, debris of a web page"

# --- transform: a document becomes the material that examples are made of ---


def material(name: str, what: str, unsuitable: str = NO_MATERIAL) -> Agent:
    """The agent that takes from a document the stuff of which examples can be made."""
    return Agent(
        name,
        role="You collect material for puzzles, and you know that a good one is made of real things.",
        task=f"Task: from the document above, collect {what}\n\n"
        "Take what the document holds before you add from common knowledge of its subject, and add only what is certain. One "
        "entry to a line, all lines alike in form, no line twice, 15 to 40 lines; as mixed as the document allows in length, "
        f"spelling and kind. A document is unsuitable when it holds less than ten such entries: {unsuitable}.",
        about="document",
        form=form(passage="the material, and nothing else"),
        sampling=Sampling(temperature=0.3, max_tokens=2048),
    )


TRANSFORM = [
    material(
        "terms",
        "its terms and names: single words, and terms of two or three words, in their usual spelling.",
    ),
    material(
        "figures", "its numbers: years, counts, measures and shares, each with its unit and what it tells."
    ),
    material(
        "labelled_statements",
        "short statements of at most 15 words, after each a dash and what kind of statement it is (a definition, a cause, an "
        "example, a comparison, an opinion, a rule), three kinds or more.",
    ),
    material(
        "records",
        "things of one sort that it speaks of, each with three or four properties in a fixed order, separated by semicolons.",
        "only one thing, or things that have no properties in common",
    ),
    material(
        "relations",
        "pairs of terms that stand in a relation, such as part and whole, cause and effect, thing and measure, person and work, "
        "with the relation after a colon: at least four relations, with three pairs each.",
    ),
    material(
        "steps",
        "the steps, stages and orders that it tells of: what comes after what, what is larger than what, each as two or three "
        "names in their order with the order's name after a colon.",
        "nothing in it comes in an order",
    ),
    material(
        "notations",
        "the expressions in it that could be written in another way: dates, times, measures, names with titles, abbreviations, "
        "formulas, citations; each with its other way of writing after an arrow.",
    ),
    IDENTITY,
]
ANY: frozenset[str] = frozenset()
WORDS = frozenset({"terms", "relations", "records", "steps", "labelled_statements", "identity"})
NUMBERS = frozenset({"figures", "records", "notations", "identity"})
WRITTEN = frozenset({"notations", "records", "figures", "identity"})
SAID = frozenset({"labelled_statements", "relations", "identity"})

# --- instruct ---

RULE = (
    "the rule as a Python function f(x) of three to twenty lines, which takes the text after Input: and returns the text after "
    "Output:, by computing and not by a table of the inputs"
)
NO_RULE = 'the rule in one sentence is kept to yourself; write the one word "none" here, for no program can carry it out'
SECRET = (
    "one or two sentences that say what to do and in which form to answer, and give nothing of the rule away"
)
SHOWN = (
    "the examples, each as a line Input: … and a line Output: …, a blank line between two; every input and output on one line, "
    "without quotation marks around it, without a full stop at its end, and with none of * _ ` at either end"
)


def shots(
    name: str,
    definition: str,
    after: frozenset[str] = ANY,
    match: Match = "text",
    rule: str = RULE,
    examples: str = SHOWN,
    instruction: str = SECRET,
) -> Entry:
    """A kind of rule that hides in examples; `rule` says how the author writes it down."""
    agent = Agent(
        name,
        role="You make tasks in which a rule has to be found in a few examples, and you check that it can be found.",
        task="Task: write tasks of one kind, of the material above.\n\n"
        f"The kind: {name.replace('_', ' ')}. {definition}\n\n"
        "Four to eight examples, then one new input of the same kind. Whoever solves the task sees the instruction, the examples "
        "and the new input, and nothing else. The examples fix the rule: go through the other rules that fit the first two, "
        "and choose the rest so that each of those fails on one of them at least. No example repeats another's output without "
        "need, the new input does not occur among them, and its output cannot be guessed from its looks. Apply the rule "
        "to every input yourself, letter by letter or digit by digit, before you write its output. The material is unsuitable "
        "when no such rule can be shown on it: decline then, and do not bend the kind.",
        form=form(
            many=2,
            instruction=instruction,
            examples=examples,
            query="the new input alone, on one line",
            answer="its output alone",
            rule=rule,
        ),
        sampling=ROOM,
    )
    return Entry(name, agent, definition, after, match)


INSTRUCT = [
    shots(
        "string_pattern",
        "Each output is made from the letters of its input: some kept, moved, doubled, replaced or counted, by their place or by "
        "what they are (vowels, capitals, repeated ones).",
        WORDS,
        "exact",
    ),
    shots(
        "number_rule",
        "Input and output are numbers, or lists of numbers and one number: arithmetic, digits, remainders, differences, "
        "places in a sequence. Two operations at most, with whole results.",
        NUMBERS,
        "number",
    ),
    shots(
        "classification_by_form",
        "Each input gets one of two to four labels by something about its form that can be pointed at: length, first letter, a "
        "repeated letter, number of words, a digit, an ending. The labels are plain words that say nothing of it.",
        WORDS | NUMBERS,
    ),
    shots(
        "mixed_label_spaces",
        "Two kinds of input are mixed, told apart by their look (words and numbers, one word and several), and each kind has a "
        "label set and a rule of its own; examples of both alternate in no fixed order.",
        WORDS | NUMBERS,
    ),
    shots(
        "classification_by_meaning",
        "Each input is a short statement or a term, and gets one of two to four labels by what it means: kind of claim, domain, "
        "relation, stance. The labels are arbitrary signs or made-up words, so that the examples alone give them their sense.",
        SAID | WORDS,
        rule=NO_RULE,
    ),
    shots(
        "format_conversion",
        "Each input is a record or an expression in one notation, and the output holds the same in another: order, separators, "
        "case, abbreviation, quoting, what is left out when it is empty.",
        WRITTEN,
        "exact",
    ),
    shots(
        "analogy",
        'Each input has the form "a : b :: c : ?", and the output is the term that stands to c as b to a. The examples use '
        "different relations; that of the new input is one of them, on terms that are not alike in sound or spelling.",
        SAID | {"terms", "steps"},
        rule=NO_RULE,
    ),
    shots(
        "symbolic_substitution",
        "Signs stand for words, digits or operations in a code that the examples give away piece by piece; the output is the "
        "decoded or the computed value. Every sign of the new input occurs in some example, in another company.",
        ANY,
        "exact",
    ),
    shots(
        "date_and_time",
        "Dates, years or times of day are turned into others: another notation, a fixed shift, the weekday, the century, the "
        "number of days or minutes from a fixed point. Months end where they end.",
        WRITTEN,
        "exact",
    ),
    shots(
        "unit_conversion",
        "A measure becomes another by a factor, a shift or both, which only the examples give; made-up units are welcome. The "
        "rounding shows in the examples too.",
        NUMBERS,
    ),
    shots(
        "table_lookup",
        "The instruction holds a table of four to eight rows, and the examples show which rows and columns answer an input and "
        "how what is found there is put together. The function may hold the table.",
        frozenset({"records", "figures", "relations", "identity"}),
        instruction=f"{SECRET}; then the table, in Markdown",
    ),
    shots(
        "sorting_by_a_hidden_key",
        "Each input is a list of four to seven things separated by commas, and the output the same list in the order of a key "
        "that is not named: last letter, number of vowels, sum of digits, length and then the alphabet backwards. Ties show how "
        "they are settled.",
        WORDS | NUMBERS,
        "exact",
    ),
    shots(
        "rule_with_an_exception",
        "A plain rule holds for most inputs, and another for those with a certain feature; two or three examples show the "
        "exception, "
        "and the new input has the feature or only seems to have it.",
        WORDS | NUMBERS,
    ),
    shots(
        "two_steps",
        "The output comes from two operations one after the other, of different kinds (one on letters, one on their number or "
        "order; one on the list, one on its members), and only in this order gives it that result.",
        WORDS | NUMBERS,
        "exact",
    ),
    shots(
        "worked_examples",
        "Each example shows the reasoning between input and output: a few steps with their results, that follow one method. "
        "The method, not its words, carries over to the new input.",
        NUMBERS | WORDS,
        examples=SHOWN.replace(
            "and a line Output: …", "a line Reasoning: … with the steps, and a line Output: …"
        ),
    ),
    shots(
        "contrasting_pairs",
        "The examples come in pairs whose inputs differ in one thing only, once with a difference in the output and once without "
        "one, so that each pair says what counts; the new input differs from a known one in two things.",
        WORDS | NUMBERS,
    ),
]

# --- refine ---

TASK = (
    "The instruction: $instruction\n\nThe examples:\n$examples\n\nThe new input: $query\n\n"
    "Its output: $answer\n\nThe rule:\n$rule"
)
REFINE = [
    Refinement(
        "harder_rule",
        Agent(
            "suggest_harder_rule",
            role="You try out puzzles on good solvers, and know where they stop too early.",
            task=f"Task: suggest how to make a task harder whose rule hides in its examples.\n\n{TASK}\n\n"
            "Ways: a second step after the first; an exception for inputs with a feature; a rule that a simpler one imitates on "
            "all examples but one; inputs in which something that does not count varies too; a new input at the border of the "
            "rule; fewer examples that still fix it.\n\n"
            "Give three suggestions of different kinds. Each says in one or two sentences what becomes of rule, examples and new "
            "input, so that an author can write it without asking back; it does not write it.",
            form=form(many=3, suggestion="one change, in one or two sentences"),
        ),
        Agent(
            "edit_harder_rule",
            role="You make hard tasks in which a rule has to be found in a few examples, and you check that it can be found.",
            task=f"Task: write the harder form of a task by a suggestion.\n\n{TASK}\n\nThe suggestion: $suggestion\n\n"
            "Write examples, new input, output and rule anew where the suggestion touches them, and check every output "
            "against the new rule. The examples still fix the rule, and are laid out as before. Decline when they could not.",
            form=Form(
                (
                    ("examples", "all examples, laid out as before"),
                    ("query", "the new input alone, on one line"),
                    ("answer", "its output alone"),
                    (
                        "rule",
                        'the new rule as a Python function f(x) from text to text; "none" where it was none before',
                    ),
                )
            ),
            sampling=CAREFUL,
        ),
    )
]

RESPOND = Agent(
    "answer",
    role="You find rules in examples, and you let others see how.",
    task="Task: the text above is all that you are given. Find what leads from each input to its output, and give the output of "
    "the last input.\n\nThe form that they ask for: $format\n\n"
    "Say which rule you take, and test it on the examples, above all on those that a simpler rule would get wrong; where one "
    "does not fit, look for another and do not explain it away. Then apply it to the last input step by step, with what each "
    'step gives. End with the sentence "The answer is X.", X being that output alone, as the examples spell theirs; in JSON, '
    'X is the value of the key "answer" instead, and where only the answer is wanted, X stands alone. A form that is asked for '
    "is kept to the letter, and holds of this what it has room for. Write the answer only.",
    about="turn",
    writes_text="response",
    sampling=Sampling(max_tokens=2048),
)

SKILL = Skill(
    name="few_shot_reasoning",
    summary="Find the rule in a few worked examples, and apply it to a new case.",
    transform=TRANSFORM,
    instruct=INSTRUCT,
    refine=REFINE,
    respond=RESPOND,
    verify=[formatted, agreed, FirstOf((ruled, Voted(RESPOND)))],
    turn="$instruction\n\n$examples\n\nInput: $query\nOutput:",
    format=format_guide(
        "It is the output for a new input, by the rule that hides in these examples.\n\n"
        "$instruction\n\n$examples\n\nThe new input: $query",
        forms=(FREE, "answer_only", "json", "steps", "bullets", "table"),
    ),
    needs=frozenset({"sandbox"}),
)
