"""What an assistant with APIs does at the end of a turn: call one, ask the user, or stop (arXiv 2407.03502, section 2.3).

    ```markdown
    ACTION_TYPE : API_CALL
    ACTION: search_food_items(query="lentils", limit=5)
    ```

The paper has API_CALL and STOP; ASK_USER, and the kinds of failure, are ours, so that code can tell what was meant.
Nothing here executes text: a call is read from Python's syntax tree, or as JSON.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass, field
from typing import Any

from .schema import Unsound, is_plain, read_json

CALL, ASK, STOP = "API_CALL", "ASK_USER", "STOP"
TYPES = (CALL, ASK, STOP)
SOLVED = "FINAL_ANSWER"
FAILURES = ("NO_SUITABLE_API", "MISSING_VALUE", "REFUSED")
OUTCOMES = (SOLVED, *FAILURES)
LONGEST = 6000  # characters of an action
_JSON_NAMES = {"true": True, "false": False, "null": None}
_BLOCK = re.compile(r"ACTION_TYPE\s*:\s*(\w+)\s*\n\s*ACTION\s*:\s*(.*?)(?:\n\s*```)?\s*\Z", re.DOTALL)
_FINAL = re.compile(r"FINAL_ANSWER\s*\((.*)\)", re.DOTALL)
_FAILED = re.compile(rf"FAILED\s*\(\s*[\"']?({'|'.join(FAILURES)})\s*[:,]\s*(.*)\)", re.DOTALL)
_QUESTION = re.compile(r"QUESTION\s*\((.*)\)", re.DOTALL)


class Malformed(Exception):
    """The action is not one of those that the protocol has; the message says why."""


@dataclass(frozen=True)
class Call:
    """One call of an API, its arguments by name."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return (
            f"{self.name}({', '.join(f'{name}={_literal(value)}' for name, value in self.arguments.items())})"
        )

    @property
    def row(self) -> dict[str, Any]:
        """The call as JSON has it."""
        return {"name": self.name, "arguments": self.arguments}


@dataclass(frozen=True)
class Question:
    """What the assistant asks the user."""

    text: str

    def __str__(self) -> str:
        return f"QUESTION({self.text})"


@dataclass(frozen=True)
class End:
    """The last action: the `text` of the final answer, or of the reason for one of the FAILURES."""

    outcome: str
    text: str

    def __str__(self) -> str:
        return f"{SOLVED}({self.text})" if self.outcome == SOLVED else f"FAILED({self.outcome}: {self.text})"


Action = Call | Question | End


def read_action(kind: str, text: str) -> Action:
    """The action of this type that the text says. Raises Malformed."""
    body = text.strip().strip("`").strip()
    if len(body) > LONGEST:
        raise Malformed(f"the action has {len(body)} characters")
    if kind == CALL:
        return read_call(body)
    if kind == ASK:
        asked = _QUESTION.fullmatch(body)
        return Question(_told(asked[1] if asked else body, "question"))
    if answer := _FINAL.fullmatch(body):
        return End(SOLVED, _told(answer[1], "final answer"))
    if failed := _FAILED.fullmatch(body):
        return End(failed[1], _told(failed[2].rstrip("\"' "), "reason"))
    raise Malformed(
        f"{body[:80]!r} is neither FINAL_ANSWER(…) nor FAILED(…) with one of {', '.join(FAILURES)}"
    )


def write_turn(message: str, action: Action) -> str:
    """An assistant's turn as the student learns it: what it says, and the one block that ends it."""
    kind = {Call: CALL, Question: ASK, End: STOP}[type(action)]
    return f"{message}\n\n```markdown\nACTION_TYPE : {kind}\nACTION: {action}\n```"


def read_turn(text: str) -> Action:
    """The action at the end of a turn. Raises Malformed."""
    found = _BLOCK.search(text) if len(text) <= 4 * LONGEST else None
    if not found or found[1] not in TYPES:
        raise Malformed("the turn does not end with a block of ACTION_TYPE and ACTION")
    return read_action(found[1], found[2])


def read_call(text: str) -> Call:
    """The call that an expression such as `name(limit=5, query="a")` says, or {"name": …, "arguments": {…}}."""
    call = _from_json(text) if text.startswith("{") else _from_expression(text)
    if not is_plain(call.arguments):
        raise Malformed("an argument is not a value that JSON can carry")
    return call


def _from_json(text: str) -> Call:
    try:
        value = read_json(text)
    except Unsound as error:
        raise Malformed(str(error)) from error
    match value:
        case {"name": str(name), "arguments": dict(arguments)} if len(value) == 2:
            return Call(name, arguments)
    raise Malformed('a call as JSON is {"name": …, "arguments": {…}}')


def _from_expression(text: str) -> Call:
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Malformed(f"not a call: {error}") from error
    if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name):
        raise Malformed("not one call of one name")
    names = [each.arg for each in tree.keywords]
    if tree.args or None in names or len(set(names)) < len(names):
        raise Malformed("an argument stands there without its name, or twice")
    try:
        return Call(tree.func.id, {str(each.arg): _value(each.value) for each in tree.keywords})
    except (ValueError, TypeError, RecursionError) as error:
        raise Malformed(f"an argument is not a literal value: {error}") from error


def _value(node: ast.expr) -> Any:
    """A literal, in Python's writing or JSON's; a tuple is a list."""
    if isinstance(node, ast.Name) and node.id in _JSON_NAMES:
        return _JSON_NAMES[node.id]
    if isinstance(node, ast.List | ast.Tuple):
        return [_value(each) for each in node.elts]
    if isinstance(node, ast.Dict):
        keys = [ast.literal_eval(key) if key else None for key in node.keys]
        return dict(zip(keys, map(_value, node.values), strict=True))
    return ast.literal_eval(node)


def _literal(value: Any) -> str:
    """The value in Python's writing, text in double quotes."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_literal(key)}: {_literal(each)}' for key, each in value.items())}}}"
    return repr(value)


def _told(text: str, what: str) -> str:
    """The text without quotation marks around the whole of it."""
    told = text.strip()
    if len(told) > 1 and told[0] == told[-1] and told[0] in "\"'" and told[0] not in told[1:-1]:
        told = told[1:-1].strip()
    if not told:
        raise Malformed(f"the {what} is empty")
    return told
