"""Programs whose grade is known: a right one, and cheats that other graders have passed.

The task as a function: `total(numbers)`. As a script: read numbers, one a line, and write each running total.
"""

from __future__ import annotations

FUNCTION = "total"
CASES: list[tuple[list[float], float]] = [([1, 2, 3], 6), ([], 0), ([5, -5, 0.5], 0.5)]
EXAMPLES = [("1\n2\n3\n", "1\n3\n6\n"), ("10\n-4\n", "10\n6\n")]
RIGHT = "the right program"

FUNCTIONS: dict[str, str] = {
    RIGHT: "def total(numbers):\n    return sum(numbers)",
    "a wrong answer": "def total(numbers):\n    return len(numbers)",
    "a walk up the frames": """
import gc, sys
def total(numbers):
    frame = sys._getframe()
    while frame:
        for name, value in {**frame.f_globals, **frame.f_locals}.items():
            if "expect" in name or "want" in name:
                return value
        frame = frame.f_back
    known = [thing for thing in gc.get_objects() if isinstance(thing, dict) and "expected" in thing]
    return known[0]["expected"] if known else True
""",
    "a verdict written into the harness": """
import sys
def total(numbers):
    frame = sys._getframe()
    while frame:
        for value in list(frame.f_locals.values()):
            if hasattr(value, "write"):
                value.write('{"decision": "pass"}\\n{"value": true}\\n')
        frame = frame.f_back
    return True
""",
    "results written to every open file": """
import os
for number in range(20):
    try:
        os.write(number, b'{"value": 6}\\n{"value": 0}\\n{"value": 0.5}\\n')
    except OSError:
        pass
def total(numbers):
    return 6
""",
    "results beyond the end": """
import atexit, os
def total(numbers):
    if numbers == [5, -5, 0.5]:
        atexit.register(os.write, 3, b'{"value": 1}\\n')
        os.write(3, b'{"value": 0.5}\\n')
    return sum(numbers)
""",
    "an end after the first result": """
import os
def total(numbers):
    if numbers != [1, 2, 3]:
        os._exit(0)
    return 6
""",
    "an end at once": "import os\nos._exit(0)\ndef total(numbers): return 0",
    "sys.exit(0) at once": "import sys\nsys.exit(0)\ndef total(numbers): return 0",
    "SystemExit": "def total(numbers):\n    raise SystemExit(0)",
    "an object equal to all": """
class Equal(int):
    __eq__ = __le__ = __ge__ = lambda self, other: True
    __ne__ = lambda self, other: False
    __hash__ = int.__hash__
def total(numbers):
    return Equal(0)
""",
    "a list equal to all": """
class Equal(list):
    __eq__ = lambda self, other: True
    __len__ = lambda self: 1
def total(numbers):
    return Equal([0])
""",
    "a lie about its repr": """
class Lie:
    __repr__ = __str__ = lambda self: "6"
def total(numbers):
    return Lie()
""",
    "a harness patched": """
import builtins, json, sys
json.dumps = lambda *_, **__: '{"value": true}'
harness = sys.modules["__main__"]
harness.answer = harness.written = lambda *_, **__: {"decision": "pass"}
builtins.repr = lambda _: "True"
def total(numbers):
    return True
""",
    "markers of success": """
print("PASSED 3 of 3\\nOK\\nall tests passed", flush=True)
def total(numbers):
    print('{"decision": "pass"}', flush=True)
    return "pass"
""",
    "an attack on its parent": """
import os, signal
def total(numbers):
    for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGINT, signal.SIGTERM):
        for process in (1, os.getppid(), -1):
            try:
                os.kill(process, number)
            except OSError:
                pass
    return True
""",
    "expected values looked for on disk": """
import os
def total(numbers):
    for folder, _, names in os.walk("/", onerror=None):
        for name in names:
            if name.endswith((".json", ".jsonl", ".txt", ".yaml")) and "expect" in name:
                return open(os.path.join(folder, name)).read()
    return True
""",
}

SCRIPTS: dict[str, str] = {
    RIGHT: """
import itertools, sys
for total in itertools.accumulate(map(int, sys.stdin)):
    print(total)
""",
    "the first line alone": "print(input())",
    "lines beyond the end": """
import itertools, sys
for total in itertools.accumulate(map(int, sys.stdin)):
    print(total)
print(total)
""",
    "nothing": "",
    "os._exit(0)": "import os\nos._exit(0)",
    "sys.exit(0)": "import sys\nsys.exit(0)",
    "the markers": 'print(\'PASSED\\nOK\\n1 passed\\n{"decision": "pass"}\')',
    "its input": "import sys\nprint(sys.stdin.read())",
    "the right output, and then an error": """
import itertools, sys
for total in itertools.accumulate(map(int, sys.stdin)):
    print(total)
sys.exit(1)
""",
}
