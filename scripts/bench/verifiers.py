"""How often verifiers accept a wrong answer, and turn down a right one: right answers of every skill, corrupted.

    scripts/bench/verifiers [SKILL ...]      # needs GENTEACH_DATA; about eight minutes for all

Prints a table with 95 % intervals and writes runs/bench/verifiers.json. tests/corruption.py says what is done to the
answers; a case in which a model would have to be asked again is counted apart.
"""

import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from genteach.generate.skills import NAMES  # noqa: E402
from genteach.generate.tools.shares import told  # noqa: E402
from genteach.progress import table  # noqa: E402

from tests.corruption import Measured, of_skills  # noqa: E402
from tests.recordings import sections  # noqa: E402


def main() -> None:
    if not sections():
        sys.exit("scripts/bench/verifiers: GENTEACH_DATA names no folder with seeds/openstax.jsonl.gz")
    with tempfile.TemporaryDirectory() as folder:
        found = of_skills(sys.argv[1:] or NAMES, Path(folder))
    table(
        "Verifiers, 95 % intervals",
        ["skill", "wrong answers", "accepted", "right answers", "turned down", "undecided", "wrong in"],
        [row(name, measured) for name, measured in found.items()],
    )
    out = ROOT / "runs" / "bench" / "verifiers.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    facts = {
        name: {key: value for key, value in vars(each).items() if key != "slips"}
        for name, each in found.items()
    }
    out.write_text(json.dumps(facts, indent=2) + "\n")
    print(f"{out.relative_to(ROOT)}: all of this, by kind")


def row(name: str, measured: Measured) -> list[str]:
    wrong, right = measured.wrong.total(), measured.right
    return [
        name,
        str(wrong),
        told(measured.accepted.total(), wrong),
        str(right),
        told(measured.turned_down.total(), right),
        str(measured.undecided),
        ", ".join(measured.wrong),
    ]


if __name__ == "__main__":
    main()
