"""Coding in Python: write, complete, repair, rewrite, read and test programs; the student sees the task alone.

The paper (arXiv 2407.03502) names the skill and takes source files as seeds for it; taxonomy, transformations and prompts
are ours. Whoever sets a task that ends in code solves it too; another call writes tests from the task alone; and
a reply is believed when it passes tests that the solution passes and that no small mistake in the solution does.
"""

from __future__ import annotations

import ast

from ..agent import Agent
from ..flow import IDENTITY, Entry, Match, Refinement, Skill
from ..formats import FREE, format_guide
from ..reply import Form, form
from ..teacher import Sampling
from ..tools.programs import defined
from ..verifiers import FirstOf, Killing, Reviewed, Tested, agreed, executed, formatted, reviewer

LONG = Sampling(max_tokens=4096)
CAREFUL = Sampling(temperature=0.2, max_tokens=4096)
CALLABLE = (
    "It can be called from outside: its arguments and its result are what JSON can write (numbers, text, true and false, "
    "null, lists, and objects whose keys are text); its result depends on its arguments alone, never on a file, the clock, "
    "chance or an earlier call; it prints nothing and asks for nothing beyond the standard library of Python 3.11."
)
ALONE = (
    "The request is complete in itself: whoever reads it sees neither the document nor the solution, and can tell from it "
    "what the function is called, in which order it takes its arguments and of which types they are, what it returns, "
    "what happens at the borders (nothing given, one thing, ties, repetitions, the wrong kind of value) and which built-in "
    "exception is raised for what. It says no more than a colleague would: nothing of how the reply is graded, and of how to go "
    "about it only what its kind calls for."
)

# --- transform: a document becomes material to set tasks on ---


def material(name: str, what: str, unsuitable: str) -> Agent:
    """The agent that takes from a document what a programmer can be set to work on."""
    return Agent(
        name,
        role="You prepare the material of a course in programming, and you know what programs are written for.",
        task=f"Task: from the document above, write {what}\n\n"
        "Keep to what the document is about, with its names and figures where they serve, so that what you write could not "
        "have come from another document; it must make sense to a reader who has not seen this one. Code is Python 3.11 "
        f"that runs as it stands, on the standard library alone. 100 to 500 words. A document is unsuitable when {unsuitable}",
        about="document",
        form=form(passage="the material, and nothing else"),
        sampling=LONG,
    )


NO_CODE = "it holds no code, or none that does something by itself: imports, settings, tables of names."
NO_SUBJECT = (
    "it holds too little of a subject to compute anything in: links, a table of contents, a legal notice."
)

TRANSFORM = [
    material(
        "function_contract",
        "the contract of one function in it: signature, purpose, what each argument may be, what is returned, what is raised "
        "when, and three calls with their results, one of them at a border. Where it leans on the rest of the program, "
        "replace that by plain arguments.",
        NO_CODE,
    ),
    material(
        "generalised_task",
        "the task that lies behind one function in it, freed from where it stands: what is given, what is wanted, which rules "
        "decide, and two other fields in which the same task arises.",
        NO_CODE,
    ),
    material(
        "faulty_variant",
        "a self-contained function of 10 to 40 lines after one in it, with one mistake such as people make (a border, a wrong "
        "comparison, a shared default, an accumulator that is not reset), and below it what its users complain of, without "
        "naming the mistake.",
        NO_CODE,
    ),
    material(
        "object_with_state",
        "the description of a small class that its subject or its code suggests: what it holds, four to six operations, what "
        "each changes and gives back, and which it refuses in which state.",
        NO_SUBJECT,
    ),
    material(
        "domain_problem",
        "two or three computing problems that people who work on its subject have: who has them, what data they hold, what "
        "they want to know, and by which rule of the subject it follows.",
        NO_SUBJECT,
    ),
    material(
        "api_sketch",
        "the sketch of a small library for its subject: five to eight functions, each with signature, one line of what it does, "
        "and the values it takes and gives as plain data.",
        NO_SUBJECT,
    ),
    material(
        "records",
        "a small data set of its subject, as a Python list of 8 to 15 dictionaries with four to six keys of several types, some "
        "values missing and some repeated, plausible in size and unit; and five questions that one would put to it.",
        NO_SUBJECT,
    ),
    material(
        "procedure",
        "one procedure that it describes or implies (a classification, a calculation, a count, a way to decide), as numbered "
        "pseudocode with names for its inputs and results and with every case that the procedure tells apart.",
        NO_SUBJECT,
    ),
    material(
        "notation",
        "the description of a small textual format for facts of its subject, such as a log, a code or a shorthand: its parts, "
        "what separates them, what may be left out, what is not allowed, with five lines in it, one of them faulty.",
        NO_SUBJECT,
    ),
    IDENTITY,
]
ANY: frozenset[str] = frozenset()
CODE = frozenset({"identity", "function_contract", "generalised_task", "faulty_variant"})
DATA = frozenset({"records", "api_sketch", "domain_problem", "notation"})
RULES = frozenset({"procedure", "domain_problem", "generalised_task", "notation", "function_contract"})

# --- instruct: requests that end in code, which tests decide on ---


def coded(name: str, definition: str, solution: str, after: frozenset[str] = ANY) -> Entry:
    """A kind of request whose reply is a function; `solution` says what the right reply to it is."""
    agent = Agent(
        name,
        role="You set the tasks of a course in programming, and you solve each before you set it.",
        task="Task: write requests of one kind around the material above.\n\n"
        f"The kind: {name.replace('_', ' ')}. {definition}\n\nThe function asked for: {CALLABLE}\n\n{ALONE} "
        "Code in a request stands in a fence with the word python. Prefer a task with a decision in it to one that a single "
        "call of a library settles: three to six rules that act on each other, of which a hasty reader misses one. Leave no "
        f"result open that the rules do not fix.\n\nThe solution: {solution} Run it in your head on the borders before you "
        "hand it over. The material is unsuitable when nothing in it can be computed: decline then, and do not bend the kind.",
        form=form(
            many=2,
            question="the request, with all code that belongs to it",
            function="the name of the function or class, and nothing else",
            solution="the right code, complete with its imports, without a fence, examples or prints",
        ),
        sampling=LONG,
    )
    return Entry(name, agent, definition, after)


NEW = "the function, written by an expert: short, plain, right at every border."
MENDED = "the function as it should have been, changed where it must be and nowhere else."

CODED = [
    coded(
        "write_function",
        "Specify one function by what it is for, its arguments, its result and its rules, and ask for it.",
        NEW,
    ),
    coded(
        "complete_function",
        "Show a function with signature, docstring and a part of its body, with the line # TODO where the rest is missing, "
        "and ask for the whole. What is there fixes the approach, and is right.",
        NEW,
        CODE | RULES,
    ),
    coded(
        "fix_a_bug",
        "Show a function with one mistake, say what it is meant to do and what is observed (a call, its result, what was "
        "expected), and ask for the cause and the function put right. The mistake shows for some arguments only.",
        MENDED,
        CODE,
    ),
    coded(
        "review_code",
        "Show a function that somebody hands in with its contract, and ask for a review: what is wrong, in order of weight, "
        "and the function as it should be. It breaks its contract in two places, and has a fault of style besides.",
        MENDED,
        CODE | {"object_with_state"},
    ),
    coded(
        "refactor",
        "Show a function that is right and hard to read (deep nesting, repetition, names that say nothing, flags), and ask "
        "for one that does the same and reads well; name the two things that matter most.",
        "the function with the same name and the same results, errors included, in a clear form.",
        CODE | {"procedure"},
    ),
    coded(
        "optimise",
        "Show a function that is right and does far too much work (repeated scans, needless sorting, the same thing computed "
        "again), say how large its input gets, and ask for one with the same results and a lower order of growth.",
        "the function with the same name and results, of the lower order.",
        CODE | {"procedure", "records"},
    ),
    coded(
        "from_pseudocode",
        "Give an algorithm as numbered pseudocode, with the conventions that matter (whether positions begin at 0 or 1, "
        "whether borders are included), and ask for it in Python, step by step the same.",
        NEW,
        RULES,
    ),
    coded(
        "from_another_language",
        "Show a function of 10 to 30 lines in JavaScript, Java, C, Go, Rust or SQL that turns plain data into plain data, and "
        "ask for it in Python, as a Python programmer would write it; say where the languages differ in what counts here "
        "(integer division, rounding, missing values) and which behaviour is to be kept.",
        NEW,
        CODE | RULES,
    ),
    coded(
        "handle_errors",
        "Show a function that works for good input and misbehaves for bad (an obscure exception, a wrong value, half a "
        "result), list what bad input comes in, and ask for one that treats each case as you say: ValueError, TypeError or "
        "KeyError for some, a default or leaving out for others.",
        MENDED,
        CODE | DATA,
    ),
    coded(
        "document_and_type",
        "Show a function that is right and has neither docstring nor annotations, and ask for both: the docstring says what "
        "the function is for, each argument, the result and what is raised, and every argument and the result are annotated. "
        "What it does stays.",
        "the function with docstring and annotations, the code untouched.",
        CODE,
    ),
    coded(
        "query_records",
        "Give the shape of a list of dictionaries, and ask for a function that takes such a list and answers a question as "
        "SQL would (select, join, group, having, order, limit): say how missing values count and how ties are ordered.",
        NEW,
        DATA,
    ),
    coded(
        "parse_a_format",
        "Describe a small textual format with two or three example lines, and ask for a function that turns a text into plain "
        "data: say what separates the parts, what may be missing, and which texts raise ValueError.",
        NEW,
        DATA | {"procedure"},
    ),
    coded(
        "choose_an_algorithm",
        "Describe a problem whose obvious solution is wrong or far too slow (a greedy choice that fails, a search that "
        "explodes), with the size of its input, and ask for a function and the reason for the method.",
        "the function, by a method that is right for every input and fast enough for the size named.",
        RULES | DATA,
    ),
    coded(
        "recursion_to_iteration",
        "Show a recursive function on nested or linked plain data, say that its input gets too deep for it, and ask for one "
        "with the same results that calls itself nowhere.",
        "the function with the same name and results, with a stack or a loop of its own.",
        CODE | {"procedure"},
    ),
    coded(
        "regular_expression",
        "Describe a pattern in text by what belongs to it and what does not, with examples of both that lie close together, "
        "and ask for a function that finds, checks, splits or replaces by a regular expression.",
        "the function with the module re, the pattern named, and explained where it is dense.",
        DATA | CODE,
    ),
    coded(
        "class_with_state",
        "Specify a class with four to six operations whose effect depends on what came before, and ask for it together with a "
        'function replay(operations) that makes one object, carries out the operations in order, each a list such as ["add", '
        '"x", 2], and returns the list of their results, null for those that give nothing back and the name of the exception '
        'for those that are refused. The function to name is "replay".',
        "the class and the function replay.",
        frozenset({"object_with_state", "api_sketch", "domain_problem"}),
    ),
    coded(
        "extend_a_function",
        "Show a function that is right, and ask for one more thing that it should do (a parameter with a default, a further "
        "case, another order of results), such that every call that worked so far gives what it gave.",
        "the extended function.",
        CODE | {"api_sketch"},
    ),
    coded(
        "write_tests",
        "Show a right function of 8 to 30 lines with its docstring, and ask for tests of it as plain functions test_… without "
        "arguments, made of assert statements that need no import and no test runner: one for each rule and each border, "
        "so that a small change anywhere in the function makes one fail.",
        "the function exactly as the request shows it.",
        CODE | RULES,
    ),
]
BROKEN = frozenset({"complete_function", "fix_a_bug", "review_code", "handle_errors", "extend_a_function"})
KEPT = frozenset({"refactor", "optimise", "document_and_type", "recursion_to_iteration"})

# --- instruct: questions about code ---


def asked(name: str, definition: str, answer: str, match: Match = "judge") -> Entry:
    """A kind of question about a program that the question shows."""
    agent = Agent(
        name,
        role="You set the questions of a course in which programs are read before they are written.",
        task="Task: write questions of one kind around the material above.\n\n"
        f"The kind: {name.replace('_', ' ')}. {definition}\n\nThe answer: {answer}\n\n"
        "The question shows its program whole, in one fence with the word python: 8 to 30 lines after "
        "the material, with names of its subject, on the standard library alone, without input, files, clock or chance. Whoever "
        "answers sees the question and nothing else. The material is unsuitable when no program can be written around it.",
        form=form(
            many=3,
            question="the question with its program",
            answer="the answer in the form described above",
        ),
        sampling=LONG,
    )
    return Entry(name, agent, definition, match=match)


ASKED = [
    asked(
        "predict_the_output",
        "Show a program that prints exactly one line, and ask what it prints. What decides is something that readers get "
        "wrong: a shared reference, the order of evaluation, a slice, integer division, the scope of a name, what a sort keeps. "
        "The line begins and ends with a letter, a digit or a bracket.",
        "the line that it prints, character for character.",
        "exact",
    ),
    asked(
        "explain_code",
        "Show a program, and ask a newcomer's question about it: what it is for, why one part of it is there, what would happen "
        "without that part. The question names the part.",
        "the points that a good explanation makes, in two to four sentences.",
    ),
    asked(
        "state_the_complexity",
        "Show a function, and ask how its time and its memory grow with its input, and which line decides; name the sizes by "
        "letters in the question.",
        "the two orders of growth with the reason for each, in two to four sentences.",
    ),
]
INSTRUCT = [*CODED, *ASKED]

# --- refine ---


def suggester(name: str, what: str, ways: str, shown: str) -> Agent:
    """The agent that gives three ways to make a request harder."""
    return Agent(
        name,
        role="You advise the authors of a course in programming whose pupils get better every year.",
        task=f"Task: suggest how to make {what} harder.\n\nThe request:\n$question\n\n{shown}\n\nWays: {ways}\n\n"
        "Give three suggestions of different kinds, each of which makes a difference to the result of at least one call. Each "
        "says in one or two sentences what to add or change, so that an author can write it without asking back; it does not "
        "write it. More to write is not harder; more to think of is.",
        form=form(many=3, suggestion="one change, in one or two sentences"),
    )


def editor(name: str, what: str, shown: str, **fields: str) -> Agent:
    """The agent that writes the harder form by one suggestion."""
    return Agent(
        name,
        role="You write the tasks of an advanced course in programming, and you solve each before you set it.",
        task=f"Task: write the harder form of {what} by a suggestion.\n\nThe request:\n$question\n\n{shown}\n\n"
        "The suggestion: $suggestion\n\nWhat the suggestion does not touch stays as it is. Decline when it leaves "
        "something open, or leads away from what the request is about.",
        form=Form(tuple(fields.items())),
        sampling=CAREFUL,
    )


SOLVED, ANSWERED = "Its solution:\n$solution", "Its answer: $answer"
REFINE = [
    Refinement(
        "harder",
        suggester(
            "suggest_harder_task",
            "a request for code",
            "a rule that changes the result in a border case; a second condition that acts on the first; values of another kind; "
            "a limit on size or order; an argument that changes the behaviour.",
            SOLVED,
        ),
        editor(
            "edit_harder_task",
            "a request for code",
            f"{SOLVED}\n\nThe function, whose name stays: {CALLABLE}\n\n{ALONE} Code that the request shows must still be "
            "as the request says: wrong where it is to be mended, right where it is to be rewritten.",
            question="the whole request, edited, with all code that belongs to it",
            solution="the right code for it, complete with its imports, without a fence, examples or prints",
        ),
        frozenset(entry.name for entry in CODED),
    ),
    Refinement(
        "harder",
        suggester(
            "suggest_harder_question",
            "a question about a program",
            "one more thing that changes while it runs; a value that is shared; a branch that is taken for some values only; a "
            "name that means two things; a second part that uses what the first left behind.",
            ANSWERED,
        ),
        editor(
            "edit_harder_question",
            "a question about a program",
            f"{ANSWERED}\n\nWhoever answers sees the question and nothing else: the program stands in it whole, in one fence "
            "with the word python; one that is to be predicted prints exactly one line.",
            question="the whole question with its program, edited",
            answer="the answer to it, in the form of the old one",
        ),
        frozenset(entry.name for entry in ASKED),
    ),
]

# --- respond and verify ---

TESTER = Agent(
    "tester",
    role="You test programs of other people. You have seen many that are nearly right.",
    task="Task: the text above is a request that ends in a Python function. Write the cases by which the function will be "
    "graded; nobody has written it yet.\n\nThe function: $function\n\n"
    "Where the request asks for tests of a function that it shows, write cases for that function. A case is one call with what "
    'comes of it: {"args": [...], "returns": ...} or {"args": [...], "raises": "ValueError"}, one JSON object a line; "kwargs" '
    "is there for arguments that are given by name. Write 8 to 20: an ordinary call, then each rule of the request where it acts "
    "and where it just does not, each border on both sides, nothing, one thing, ties, repetitions, negative numbers and zero, "
    "each with arguments small enough to work out by hand. Between two cases everything that could be mistaken should differ: "
    "no argument that reads the same backwards, no result that comes out by accident. Work out each result from the request, "
    "never from code that it shows, which may be wrong; leave out whatever the request does not fix. The text is "
    "unsuitable when it does not say what the function returns.",
    about="question",
    form=form(tests="the cases, one JSON object a line"),
    sampling=CAREFUL,
)


def documented(code: ast.Module, name: str) -> bool:
    """documented and annotated throughout"""
    node = defined(code)[name]
    if isinstance(node, ast.ClassDef) or not ast.get_docstring(node):
        return False
    given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return node.returns is not None and all(argument.annotation for argument in given)


def iterative(code: ast.Module, name: str) -> bool:
    """free of calls to itself, by whatever detour"""
    functions = [node for node in ast.walk(code) if isinstance(node, ast.FunctionDef)]
    named = {each.name: {n.id for n in ast.walk(each) if isinstance(n, ast.Name)} for each in functions}

    def used_by(start: str) -> set[str]:
        found, ahead = set[str](), [start]
        while ahead:
            new = named.get(ahead.pop(), set()) & named.keys() - found
            found |= new
            ahead += new
        return found

    return not any(each in used_by(each) for each in {name, *used_by(name)})


def by_pattern(code: ast.Module, name: str) -> bool:
    """written with the module re"""
    imports = [node for node in ast.walk(code) if isinstance(node, ast.Import | ast.ImportFrom)]
    return any("re" in (getattr(node, "module", ""), *(each.name for each in node.names)) for node in imports)


RESPOND = Agent(
    "answer",
    role="You are an experienced Python programmer, and you help a colleague who will read and run what you write.",
    task="Task: the text above is what they ask. Answer it.\n\nThe form that they ask for: $format\n\n"
    "Code that is asked for stands in one Markdown fence with the word python: whole, with its imports, ready to be run as it "
    "is, on the standard library of Python 3.11, without example calls and without prints that nobody asked for; names and "
    "order of arguments as they are asked for. Before it, say in a few sentences how you go about it and what "
    "the borders demand; of a mistake, say what causes it; of a choice, why not the obvious way. Do not describe line by line "
    "what the code says itself. What a program prints is worked out step by step, with the values of the names that matter, and "
    'the last sentence is then "The answer is X.", X being the line that it prints. Keep to the form that is asked for around '
    "the code. Write the answer only.",
    about="question",
    writes_text="response",
    sampling=Sampling(max_tokens=4096),
)

SKILL = Skill(
    name="coding",
    summary="Write, mend, rewrite, read and test Python programs.",
    kinds=frozenset({"code", "text"}),
    transform=TRANSFORM,
    instruct=INSTRUCT,
    refine=REFINE,
    respond=RESPOND,
    verify=[
        formatted,
        executed("predict_the_output"),
        agreed,
        FirstOf(
            (
                Killing(TESTER, frozenset({"write_tests"})),
                Tested(
                    TESTER,
                    BROKEN,
                    KEPT,
                    {
                        "document_and_type": documented,
                        "recursion_to_iteration": iterative,
                        "regular_expression": by_pattern,
                    },
                ),
                Reviewed(
                    reviewer(
                        "Task: judge an answer to the question above, which shows a program.\n\nExpected: $answer\n\nAnswer:\n"
                        "$response\n\nIt holds when it answers what was asked, says in substance what is expected, and says "
                        "nothing that the program contradicts. Trace the program for one small input before you decide; it fails "
                        "when a single claim about what the program does is wrong.",
                        quote="the one or two lines of the program that speak most strongly for or against it, copied",
                        about="question",
                    ),
                    source="question",
                ),
            )
        ),
    ],
    turn="$question",
    format=format_guide(
        "It is the answer to the request above, by a programmer; what code it holds stands in a fence whatever the form.",
        about="question",
        forms=(FREE, "steps", "bullets", "table"),
    ),
    needs=frozenset({"sandbox"}),
)
