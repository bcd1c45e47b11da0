"""The journal by itself: bytes per call, and how long a finished one takes to open.

Runs of the engine with a teacher within the process that answers with 1,000 characters of English (three calls an
item, synchronous=FULL). Then the same command again, in a new process, which has nothing to do.

by zstd     bytes of the journal's files by those of its replies, each compressed by itself (level 3).
opened      from opening the journal to knowing that no item is pending; imports are not in it.
"""

import argparse
import shutil
from pathlib import Path

from contenders import OURS
from documents import write_documents
from environments import python_of
from genteach.progress import say, table
from measure import CALLS_PER_DOCUMENT, Facts, said_last
from processes import Session, Usage, stop_when_told
from report import write_report

COLUMNS = [
    "calls",
    "calls/s",
    "CPU ms/call",
    "peak RSS",
    "bytes/call",
    "by zstd",
    "parts bytes/call",
    "opened",
]


def main() -> None:
    """A row for each number of calls; a table and the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--calls", type=int, nargs="+", default=[100_000, 1_000_000], help="default %(default)s"
    )
    parser.add_argument("--folder", type=Path, default=Path("runs/bench"), help="default %(default)s")
    options = parser.parse_args()
    stop_when_told()
    rows = [measure(calls, options.folder / "journal") for calls in options.calls]
    table("A journal of so many calls", COLUMNS, [cells(row) for row in rows])
    write_report(options.folder / "journal.json", {"journals": rows})


def measure(calls: int, folder: Path) -> Facts:
    """Write a journal of so many calls, weigh it, and open it again."""
    say(f"journal: {calls} calls")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    documents = write_documents(folder / "documents.jsonl", range(calls // CALLS_PER_DOCUMENT), length=5)
    python = python_of(OURS, folder)
    command = [*OURS.command(python, "-", "-", documents, folder), "--option=instant"]
    log = folder / "output.txt"
    usage, first = run(command, log)
    on_disk = size(folder, "journal.sqlite*")
    _, second = run(command, log)
    if second["answers"] != calls // CALLS_PER_DOCUMENT or second["calls"]:
        raise SystemExit(f"{log}: it still found something to do")
    return {
        "calls": first["calls"],
        "seconds": usage.seconds,
        "cpu_ms_per_call": 1000 * usage.cpu / first["calls"],
        "peak_rss_mb": usage.peak_rss / (1 << 20),
        "journal_bytes_per_call": on_disk / first["calls"],
        "reply_bytes_per_call": first["reply_bytes"] / first["calls"],
        "by_zstd": on_disk / first["reply_bytes"],
        "part_bytes_per_call": size(folder, "parts/**/*.parquet") / first["calls"],
        "opened_s": second["opened_s"],
    }


def run(command: list[str], log: Path) -> tuple[Usage, Facts]:
    """One run, and what it says of itself; ends the bench where it fails."""
    usage = Session(command, log).run(lambda: False)
    if usage.status:
        raise SystemExit(f"{log}: ended with exit code {usage.status}")
    return usage, said_last(log)


def size(folder: Path, pattern: str) -> int:
    """Bytes of the files that the pattern names."""
    return sum(path.stat().st_size for path in folder.glob(pattern))


def cells(row: Facts) -> list[str]:
    """One line of the table."""
    return [
        f"{row['calls']:,}",
        f"{row['calls'] / row['seconds']:,.0f}",
        f"{row['cpu_ms_per_call']:.3f}",
        f"{row['peak_rss_mb']:.0f} MB",
        f"{row['journal_bytes_per_call']:.0f}",
        f"{row['by_zstd']:.3f}",
        f"{row['part_bytes_per_call']:.0f}",
        f"{row['opened_s']:.2f} s",
    ]


if __name__ == "__main__":
    main()
