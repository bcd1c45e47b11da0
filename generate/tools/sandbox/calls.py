"""Calls functions of a program that nobody has read. This runs inside the sandbox, as the sandbox's program.

Its standard input: the program's text as JSON on the first line, then one call a line. Its standard output: one
result a line, over a pipe that was put aside before the program was loaded; what the program prints itself goes to
standard error. The program may forge these lines. That does not help it: whoever knows what is right is elsewhere.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from types import ModuleType
from typing import Any

NAME, SOLUTION = "solution", "/tmp/solution.py"


def main() -> None:
    program, *calls = sys.stdin.read().strip("\n").split("\n")
    with open(os.dup(1), "w") as results:
        os.dup2(2, 1)
        solution = load(json.loads(program))
        for call in calls:
            print(json.dumps(answer(solution, **json.loads(call))), file=results, flush=True)


def load(text: str) -> ModuleType:
    """The program as a module, so that what it does as a script stays undone."""
    with open(SOLUTION, "w", errors="surrogatepass") as file:
        file.write(text)
    spec = importlib.util.spec_from_file_location(NAME, SOLUTION)
    assert spec is not None and spec.loader is not None
    module = sys.modules[NAME] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def answer(solution: ModuleType, function: str, args: list[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """What the function returns, as itself where JSON has it and in Python's writing otherwise, or what it raises."""
    try:
        value = getattr(solution, function)(*args, **kwargs)
        return {"value": value} if is_plain(value) else {"repr": written(value)}
    except BaseException as error:
        return {"raised": type(error).__name__, "message": str(error)[:1000]}


def is_plain(value: Any, levels: int = 64) -> bool:
    """Whether JSON says all there is to say; a tuple counts as a list, and a type of the program's own does not."""
    if levels == 0:
        return False
    if type(value) in (list, tuple):
        return all(is_plain(each, levels - 1) for each in value)
    if type(value) is dict:
        return all(type(key) is str and is_plain(each, levels - 1) for key, each in value.items())
    return value is None or type(value) in (bool, int, float, str)


def written(value: Any) -> str:
    """Python's writing, with the members of a set in one order."""
    if type(value) in (set, frozenset) and value:
        members = f"{{{', '.join(sorted(map(repr, value)))}}}"
        return members if type(value) is set else f"frozenset({members})"
    return repr(value)


if __name__ == "__main__":
    sys.set_int_max_str_digits(0)  # the deadline bounds the work
    main()
