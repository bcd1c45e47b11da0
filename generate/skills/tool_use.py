"""Tool use: conversations in which an assistant plans, calls APIs and reads what they return (arXiv 2407.03502, section 2.3).

A document becomes a service: a list of APIs, and a program behind it that runs in the sandbox, so that results are
returned and not invented. A task comes with the calls that solve it, which are made on the service before anyone
talks about it; the conversation is held to them. The seven kinds of task named `paper` are the paper's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ..agent import Agent
from ..flow import Entry, FlowStep, Refinement, Skill
from ..formats import format_guide
from ..record import Record
from ..reply import Form, form
from ..steps.filtered import Filtered
from ..steps.tool_dialogue import ToolDialogue
from ..steps.tool_library import Retrieval, ToolLibrary
from ..teacher import Sampling
from ..tools.actions import OUTCOMES, SOLVED, TYPES
from ..tools.solution import Shape, Solution, Unfounded
from ..verifiers import called, ended, ended_in_form, reported

CODE, TEXT = frozenset({"code"}), frozenset({"text"})
LONG = Sampling(max_tokens=4096)
EXACT = Sampling(temperature=0.2, max_tokens=4096)
SERVICE = "in two to four sentences: what the service is for, who uses it, and what it holds when it starts"
APIS = (
    'a JSON list of records: {"name": "find_item", "description": "…", "parameters": {"type": "object", "properties": '
    '{"query": {"type": "string", "description": "…"}, "limit": {"type": "integer", "description": "…", "default": 5}}, '
    '"required": ["query"]}}'
)
RECORDS = (
    "Each record is complete: a name in snake_case that says what the call does; a description of one or two sentences "
    "that says what it returns, and when it refuses; for each parameter its type (string, integer, number, boolean, "
    "array, object) and a description with its unit or its form (a date as YYYY-MM-DD). Use enum, minimum, "
    "maximum and items where they say more; an optional parameter has a default. Parameters are plain values: what "
    "would be an object with behaviour is an id or a record. A call asks for as much as a person could say in a message."
)

# --- transform: a document becomes a list of APIs ---


def lister(name: str, task: str, **fields: str) -> Agent:
    """The agent that writes a list of APIs from the document, with the service that they belong to."""
    return Agent(
        name,
        role="You design the programming interfaces of services, and write their reference documentation.",
        task=f"Task: {task}\n\n{RECORDS}",
        about="document",
        form=Form((("service", SERVICE), ("apis", APIS), *fields.items())),
        sampling=LONG,
    )


DESCRIBE = lister(
    "describe_api",
    "describe as an API the one function or method of the code above that somebody outside could best use: the "
    "list has this one record. What it does, takes and refuses is what the code does, not what its name promises. The "
    "document is unsuitable when it holds no function that computes, finds or changes anything by itself.",
    query="four to eight words that code of the same kind would hold: names of functions and of what they work on",
)
EXTEND = Agent(
    "extend_apis",
    role="You design the programming interfaces of services, and know how much of one is found in the code of others.",
    task="Task: the code above was found by searching a corpus for code like that of a service. Add to the service "
    f"what this code could give it.\n\nThe service: $service\n\nIts APIs so far:\n$apis\n\n{RECORDS}\n\n"
    "Add one to four APIs that rest on functions of the code above, do what none of the list does, and work on the "
    "same things, so that results of one are arguments of another. The code is unsuitable when it has nothing to do "
    "with the service.",
    about="found",
    form=form(
        more=f"the new records only, {APIS}",
        query="four to eight words to search for next: what the service still lacks",
    ),
    sampling=LONG,
)
RECONSTRUCT = Agent(
    "reconstruct_library",
    role="You know how libraries grow, and can tell from one function what stands beside it.",
    task="Task: the code above is a piece of a library, and one of its functions is described as an API. Say what the "
    f"rest of the library offers.\n\nThe service: $service\n\nThe API:\n$apis\n\n{RECORDS}\n\n"
    "Keep this record as the first, and add four to eight that its author would have written for the same users: what "
    "makes, finds, lists, changes and removes "
    "the same things, what compares or summarises them, what prepares arguments for it or uses what it returns.",
    about="document",
    form=form(service=SERVICE, apis=APIS),
    sampling=LONG,
)
IMPLEMENTED = form(
    implementation="the program, nothing but Python",
    samples='a JSON list of calls, [{"name": "find_item", "arguments": {"query": "oats"}}, …], which are made in this '
    "order after the start: each API at least once, and each call succeeds",
)
PROGRAM = (
    "One module of Python 3.11 with the standard library alone, 40 to 150 lines. A function for each API, with "
    "its name, called with its parameters as keyword arguments; optional ones have the default of the record. It returns a "
    "dictionary of plain JSON values under keys that explain themselves, less than 2,000 characters long, decimals rounded as "
    "a person would write them. What the "
    'service refuses (no such record, taken, not allowed, out of stock) it refuses by raise ValueError("…"), with a '
    "message that says to a user what is wrong; that is the only exception that may come out. Arguments have passed "
    "the schema when they come. State lives in variables of the module, and starts with five to twenty records with short "
    "ids, taken from the document where it has such; what a call changes, later calls show. Two runs of the same calls "
    "return the same: no clock, no chance, no order of a set, no file, no network; ids of new records count on."
)
IMPLEMENT = Agent(
    "implement_apis",
    role="You write small services that behave like large ones, for tests that must come out the same every time.",
    task=f"Task: write the program behind a list of APIs.\n\nThe service: $service\n\nThe APIs:\n$apis\n\n{PROGRAM}\n\n"
    "The document above is where service and APIs come from: facts, names and rules are its own. Decline when an API "
    "cannot do what it says without the world outside.",
    about="document",
    form=IMPLEMENTED,
    sampling=EXACT,
)
MEND = Agent(
    "mend_implementation",
    role="You repair small services, and change no more than is needed.",
    task="Task: repair the program behind a list of APIs, or its sample calls.\n\nThe APIs:\n$apis\n\n"
    f"The program:\n$implementation\n\nThe sample calls:\n$samples\n\nWhat went wrong: $fault\n\n"
    f"What it must be: {PROGRAM}\n\nWrite program and calls whole.",
    about="document",
    form=IMPLEMENTED,
    sampling=EXACT,
)


def library(name: str, listing: Sequence[FlowStep], kinds: frozenset[str]) -> ToolLibrary:
    """A transformation: the APIs by these steps, and the program behind them."""
    return ToolLibrary(name, listing, IMPLEMENT, MEND, kinds)


def designed(name: str, kinds: frozenset[str], task: str) -> ToolLibrary:
    """A transformation of which one agent writes the whole list."""
    return library(name, [lister(f"list_{name}", task)], kinds)


FROM_CODE = designed(
    "apis_from_code",
    CODE,
    "describe as APIs what the code above offers to its callers: two to eight functions or methods, each by what the code "
    "does. Leave out what is private, what reads files or the network, and what makes no sense without an object of "
    "the caller. The document is unsuitable when it holds fewer than two functions that do something by themselves.",
)
RETRIEVED = library("apis_by_retrieval", [DESCRIBE, Retrieval(EXTEND)], CODE)
RECONSTRUCTED = library("library_reconstruction", [DESCRIBE, RECONSTRUCT], CODE)
DOMAIN = designed(
    "domain_service",
    TEXT,
    "design the service that people who work in the field of the document above would use every day: a laboratory's "
    "bookings, a clinic's appointments, a court's docket, an archive's loans. Four to eight APIs over two or three kinds of "
    "record that refer to each other. The document gives the terms, the kinds of record and the rules. It "
    "is unsuitable when it speaks of no activity that anyone could organise.",
)
LOOKUP = designed(
    "lookup_service",
    TEXT,
    "design a reference service that only reads: it answers questions about facts of the document above, as records with "
    "several attributes (species, elements, treaties, dates, measures). Three to six APIs: find by words or by attribute, "
    "get one by id, filter by a range, compare two, count or rank. Nothing can be changed through it. The document is "
    "unsuitable when it holds fewer than five things of one kind.",
)
KEEPING = designed(
    "record_keeping",
    CODE | TEXT,
    "design a service that keeps records of the kind that the document above deals with, and whose state matters: four to "
    "eight APIs that add, change, move, remove, get and list records, with rules about what is allowed when (no two of one "
    "name, no removal while in use, a limit that fills up). The document is unsuitable when there is nothing in it of "
    "which somebody would keep a list.",
)
GUARDED = designed(
    "guarded_service",
    TEXT,
    "design a service about the subject of the document above for which one must sign in: sign_in takes a user's name "
    "and a passphrase and returns a token, every other API requires the token, and what it allows depends on the "
    "user's role. Four to seven APIs, among them one that only some roles may use. The document is unsuitable when "
    "nothing in it would be kept from anybody.",
)
CALCULATION = designed(
    "calculation_service",
    CODE | TEXT,
    "design a service that computes: three to six APIs, each a formula, conversion, count or transformation of the document "
    "above, with plain numbers or texts in and out, so that results of one can be arguments of another. It holds "
    "no records. The document is unsuitable when it has fewer than three such rules.",
)
TRANSFORM = [FROM_CODE, RETRIEVED, RECONSTRUCTED, DOMAIN, LOOKUP, KEEPING, GUARDED, CALCULATION]
CHANGING = frozenset(step.name for step in TRANSFORM) - {LOOKUP.name, CALCULATION.name}

# --- instruct: seven kinds of task from the paper, five of ours ---

TASK_FIELDS = {
    "request": "the user's message",
    "hidden": 'a JSON object with the values that the user knows and has not said, such as {"order_id": "B17"}; {} where '
    "there are none",
    "calls": 'a JSON list of the right calls, in a right order: [{"name": "find_item", "arguments": {"query": "oats"}}, {"name": '
    '"add_item", "arguments": {"id": "F3"}, "after": [1]}]; "after" names, by their place from 1, the calls that must '
    'come before, and "fails": true marks one that the service refuses; [] where no call is right',
    "outcome": f"how it ends, one of the words {', '.join(OUTCOMES)}",
    "must_say": 'a JSON list of the values, such as ["Oat flakes", 3.5], that these calls return and that the user must be '
    "told at the end, names, texts and numbers, not true or false; [] where there are none",
}
AUTHORED = (
    "The request: one to six sentences of a person with a purpose, in their own words and situation. It names no API "
    "and no parameter, but gives every value that it gives exactly as it is passed: ids, names and dates in the form that "
    "the service has, free text in quotation marks. Vary the person, the tone and the order of what they say.\n\n"
    "The right calls: those that are needed, and no others. Go through the program from its start, call by call, and "
    "write down what it does: arguments that it takes, what it returns, what it refuses. Parameters that "
    "the user says nothing about are left out where they are optional. No other choice of calls does as well; where "
    "two would, word the request so that it decides.\n\n"
    "What must be said: values that the user asked for, copied from what the calls return; not what follows from them by "
    "reckoning, and not what the user has said themselves."
)


def task(
    name: str,
    definition: str,
    shape: Shape,
    outcome: str = SOLVED,
    after: frozenset[str] = frozenset(),
    origin: Literal["paper", "ours"] = "ours",
) -> Entry:
    """The entry, and the agent behind it, that writes tasks of one kind with solutions of its `shape`."""

    def fault(record: Record) -> str | None:
        try:
            return shape.fault(Solution.read(record.fields))
        except Unfounded as unfounded:
            return str(unfounded)

    agent = Filtered(
        name,
        role="You write tasks for assistants that work with APIs, and know before anyone tries what is right.",
        task="Task: write tasks of one kind for the service above, each with its solution.\n\n"
        f"The kind: {name.replace('_', ' ')}. {definition}\n\n{AUTHORED}\n\n"
        "The service is unsuitable when its APIs do not allow this kind of task: decline then, and do not bend the kind.",
        form=Form(
            tuple({**TASK_FIELDS, "outcome": f"the word {outcome}"}.items()), 2, (("outcome", (outcome,)),)
        ),
        sampling=Sampling(max_tokens=3072),
        fault=fault,
        reason="other_kind",
    )
    return Entry(name, agent, definition, after, "judge", origin)


def paper(name: str, definition: str, shape: Shape, outcome: str = SOLVED) -> Entry:
    """One of the seven kinds that the paper names."""
    return task(name, definition, shape, outcome, origin="paper")


INSTRUCT = [
    paper(
        "one_api",
        "One call of one API reaches the goal, and the request gives every required value. Of the list, at least one other "
        "API must look as if it might do.",
        Shape(1, 1),
    ),
    paper(
        "one_api_superfluous_values",
        "One call of one API reaches the goal, and the request gives, beside every required value, two or more that look "
        "like arguments (a colour, a deadline, a name, an amount) and that this API has no parameter for. They are "
        "part of the person's story; the right call leaves them out.",
        Shape(1, 1),
    ),
    paper(
        "one_api_missing_values",
        "One call of one API reaches the goal, but the request leaves out one or two of its required values, which the "
        "user knows, which no API can find out, and which nobody could guess. They are the hidden values: the "
        "assistant has to ask for them, and the right call passes them.",
        Shape(1, 1, hides=True),
    ),
    paper(
        "several_apis",
        "Two to four calls of different APIs reach a goal of several parts, and the request gives every required value of "
        "each. The parts belong to one purpose, and are not listed in the order of the calls.",
        Shape(2, 4, apis=2),
    ),
    paper(
        "several_apis_missing_values",
        "Two to four calls of different APIs are needed, and for one or two of them the request leaves out required "
        "values, which the user knows and no API can find out. They are the hidden values; what can be done "
        "without them does not wait for them.",
        Shape(2, 4, apis=2, hides=True),
    ),
    paper(
        "api_not_in_list",
        "The goal needs one API, and the list has none that does it: close in subject, plausible to ask of such a "
        "service, and out of reach by any combination of what there is. No call is right; the assistant "
        "has to say so at once and name what is lacking.",
        Shape(0, 0),
        "NO_SUITABLE_API",
    ),
    paper(
        "some_apis_not_in_list",
        "The goal has two to four parts, of which one or more can be reached and one cannot, for the list has no API "
        "for it. The right calls are those of the parts that can be reached, which are worth having by "
        "themselves; must_say has what they return.",
        Shape(),
        "NO_SUITABLE_API",
    ),
    task(
        "dependent_calls",
        "Three or more calls, each of which needs something that an earlier one returned: an id, a token, a number. The "
        'request gives only what starts the chain; "after" says what rests on what.',
        Shape(3, depends=True),
    ),
    task(
        "error_recovery",
        "The first way that the request asks for is refused by the service, for a reason that lies in its state, and the "
        "request says what to do in that case. The right calls are the one that is refused (marked fails), and then those of "
        "the other way.",
        Shape(2, refuses=True),
        after=CHANGING,
    ),
    task(
        "change_then_check",
        "One or two calls change the state of the service, and a later one of another API shows what the state is after the "
        "change, which the user wants to be told. The value to be said is one that was not there before.",
        Shape(2, apis=2),
        after=CHANGING,
    ),
    task(
        "value_nobody_knows",
        "One call would reach the goal, but the request leaves out a required value which the user does not know either, "
        "as their message lets one suspect, and which no API can find out. hidden is {} and calls is []; the assistant may "
        "ask once, and has to give up rather than make the value up.",
        Shape(0, 0),
        "MISSING_VALUE",
    ),
    task(
        "refused_by_the_service",
        "The calls are right and all values are given, but the service refuses the decisive one (marked fails) by a rule of its "
        "own, and the request leaves no other way. The assistant has to say what was refused and why.",
        Shape(refuses=True),
        "REFUSED",
        after=CHANGING,
    ),
]

# --- refine: more steps ---

SOLUTION = (
    "The request: $request\n\nWhat the user has not said: $hidden\n\nThe right calls: $calls\n\nHow it ends: $outcome\n\n"
    "What must be said: $must_say"
)
MORE_STEPS = Refinement(
    "more_steps",
    Agent(
        "suggest_more_steps",
        role="You advise authors of tasks that are too easy, and name the one change that makes the difference.",
        task=f"Task: suggest how to make a task need more steps.\n\n{SOLUTION}\n\n"
        "Give three suggestions of different kinds. Each raises the number of calls, questions or decisions by one to three, "
        "by something that the same person would want: a value that has to be found by another API first; a result "
        "that decides what is done next; a check before or after a change; a further part of the goal; a value that "
        "has to be asked for. Each names the APIs of the list that it takes, in one or two sentences, and does not write the "
        "task. The end stays of the same kind.",
        form=form(many=3, suggestion="one change, in one or two sentences"),
    ),
    Agent(
        "edit_more_steps",
        role="You write long tasks that still read as one person's wish.",
        task=f"Task: rewrite a task by a suggestion, so that it needs more steps.\n\n{SOLUTION}\n\n"
        f"The suggestion: $suggestion\n\n{AUTHORED}\n\n"
        "The new task takes more steps than the old one, and ten calls at most; it ends in the same way. Decline when "
        "the service cannot do what is suggested.",
        form=Form(tuple(TASK_FIELDS.items()), choices=(("outcome", OUTCOMES),)),
        sampling=Sampling(max_tokens=3072),
    ),
)

# --- respond: the conversation ---

SYSTEM_TURN = """You help a user to reach a goal. All that you can do is to call the APIs below: a system makes your calls, and \
what they return comes as the next message.

In your first turn, write a numbered plan of the steps that you expect. In every turn, say in a sentence or two what you \
know and what you do next, and end with exactly one block:

```markdown
ACTION_TYPE : API_CALL
ACTION: name(parameter="text", other=3)
```

There are three types of action:
- API_CALL makes one call of one API of the list. Every argument is given by its name, with a value that the user said \
or a call returned; what is optional and not asked for is left out. Then wait for the result.
- ASK_USER, with ACTION: QUESTION(…), asks the user for required values that nobody has given and no API can find out. \
Then wait for the reply. Never make a value up, and do not ask for what you have been told.
- STOP ends the conversation. With ACTION: FINAL_ANSWER(…), the goal is reached, and the answer tells the user what they \
wanted to know, with the values that the calls returned. With ACTION: FAILED(…), it cannot be reached, and the reason begins \
with NO_SUITABLE_API: where the list has no API for it, MISSING_VALUE: where the user cannot give a required value, or \
REFUSED: where the service refuses and the user left no other way.

Where the APIs reach a part of the goal only, do that part first; then stop with FAILED, and say what was done and what was not.

The APIs:
$apis"""
ASSISTANT = Agent(
    "assistant",
    role="You are the assistant of the conversation above, and others will learn the work from your turns.",
    task="Task: write your next turn. The first message of the conversation has the rules by which you work; keep to "
    "them to the letter.\n\n"
    "In the first turn the message is the numbered plan, a line for each step; before a part that no API of the list "
    "can do, it says so. Later it says what the last result means for the goal, in one to three sentences, and what comes next; "
    "where the result is not what the plan counted on, it says how the plan changes. It never tells a result that has "
    "not come yet. Do one thing: the calls that the goal needs, each once, none out of curiosity and none to confirm what "
    "a result has already said. Copy ids, names and free text exactly. An error is read, not tried again unchanged.\n\n"
    "The final answer speaks to the user, names the values that they asked for as they were returned, neither rounded nor "
    "reckoned with, and is complete for somebody who has not seen the calls; a failure says what was done, what was not, "
    "and why. The form in which the user wants the final answer: $format. Decline only where there is no request.",
    about="conversation",
    form=form(
        choices={"action_type": TYPES},
        message="the plan, or what you know and do next; no block, no action",
        action_type="API_CALL, ASK_USER or STOP",
        action='the action alone, such as find_item(query="oats"), QUESTION(Which day?), FINAL_ANSWER(…) or FAILED(REFUSED: …)',
    ),
    sampling=Sampling(temperature=0.3, max_tokens=2048),
)
USER = Agent(
    "user",
    role="You are the person who wrote the message above to an assistant.",
    task="Task: answer the question that the assistant asks you.\n\nThe question: $asked\n\n"
    "What you know and have not said yet: $hidden\n\n"
    "Give the values that the question asks for, spelled as they stand there, in one or two sentences in your own voice. Say "
    "plainly that you do not know what is neither there nor in your message; add no wish, and no value that was "
    "not asked for. Write the answer only.",
    about="request",
    writes_text="reply",
    sampling=Sampling(temperature=0.5, max_tokens=512),
)

SKILL = Skill(
    name="tool_use",
    summary="Reach a user's goal by calling the right APIs with the right arguments, or say why it cannot be reached.",
    transform=TRANSFORM,
    instruct=INSTRUCT,
    refine=[MORE_STEPS],
    respond=ToolDialogue(ASSISTANT, USER, SYSTEM_TURN),
    verify=[called, ended, reported, ended_in_form],
    turn="$request",
    kinds=CODE | TEXT,
    format=format_guide(
        "The request, to an assistant that calls the APIs above: $request\n\nThe form is that of its final answer, at the end.",
        forms=("free", "answer_only", "json", "table", "bullets"),
    ),
    needs=frozenset({"index", "sandbox"}),
)
