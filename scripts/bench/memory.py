"""The memory of one run: resident bytes while it makes more and more calls.

Three-step chains, 256 slots and a latency that the engine's own pace, and not the teacher, sets the rate by.
Growth is the most that was seen after the first 10,000 calls, by what was resident then.
"""

import argparse
import shutil
from pathlib import Path

from contenders import OURS
from documents import write_documents
from environments import python_of
from genteach.progress import say, table
from measure import CALLS_PER_DOCUMENT, MB
from processes import Session, stop_when_told
from report import write_report
from teacher import Progress, fake_teacher

FIRST = 10_000
SHOWN = 12  # rows of the table
LATENCY_MS = 50.0


def main() -> None:
    """One run, sampled five times a second; a table of some samples, and all of them in the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=500_000, help="default %(default)s")
    parser.add_argument("--folder", type=Path, default=Path("runs/bench"), help="default %(default)s")
    options = parser.parse_args()
    stop_when_told()
    samples = sample(options.calls, options.folder / "memory")
    after = [(calls, resident) for calls, resident in samples if calls >= FIRST]
    if not after:
        raise SystemExit(f"--calls {options.calls}: give more than {FIRST}")
    growth = max(resident for _, resident in after) / after[0][1] - 1
    shown = after[:: max(1, len(after) // SHOWN)] + after[-1:]
    table("Resident memory", ["calls", "MB"], [[f"{c:,}", f"{r / MB:.1f}"] for c, r in shown])
    say(f"growth after {FIRST:,} calls: {growth:.1%}")
    write_report(options.folder / "memory.json", {"growth": growth, "calls_and_bytes": samples})


def sample(calls: int, folder: Path) -> list[tuple[int, int]]:
    """(replies so far, resident bytes), from start to end."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    documents = write_documents(folder / "documents.jsonl", range(calls // CALLS_PER_DOCUMENT))
    samples: list[tuple[int, int]] = []
    with fake_teacher(folder / "ledger.jsonl", LATENCY_MS) as teacher:
        command = OURS.command(python_of(OURS, folder), teacher.url, teacher.model, documents, folder)
        session, progress = Session(command, folder / "output.txt"), Progress(teacher.ledger)

        def look() -> bool:
            if resident := session.resident(session.members()):
                samples.append((progress.look(), resident))
            return False

        usage = session.run(look)
    if usage.status:
        raise SystemExit(f"{folder / 'output.txt'}: ended with {usage.status}")
    return samples


if __name__ == "__main__":
    main()
