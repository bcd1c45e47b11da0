"""Our engine, a bare aiohttp loop and five peers: the same work, the same teacher, in one run.

The work is a chain of three calls for each document (peers/work.py). The teacher answers 256 requests at once,
200 ms each, and queues the rest: 1,280 calls/s at most. Measured of every contender, over all its processes:

CPU per call   user + system seconds of a long run, less those of a run of 30 calls, by the difference in calls:
               what starting costs is not in it.
calls/s        replies by the time between the first request and the last reply, in the teacher's ledger.
peak RSS       resident memory of its first process and what others do not share with it, every 0.2 s.
sent again     it gets SIGKILL when half of the replies have been written and is started again with the same command;
               counted are the requests that the ledger shows again after a complete 200 was written for them.
"""

import argparse
from pathlib import Path

from contenders import BARE, CHECKPOINTED, CONTENDERS, CURATOR, OURS, PLAIN_DATATROVE, Contender
from environments import CannotInstall, python_of
from genteach.progress import say, table
from measure import Bench, Facts, Failed
from processes import stop_when_told
from report import machine, write_report
from teacher import LATENCY_MS, LIMIT, SLOTS

COLUMNS = ["", "chain", "calls", "CPU ms/call", "calls/s", "of limit", "peak RSS", "sent again after kill -9"]


def main() -> None:
    """Measure the contenders that the command line names; print the table and write the JSON."""
    options = read_options()
    stop_when_told()
    options.folder.mkdir(parents=True, exist_ok=True)
    rows = [measure(contender, options) for contender in CONTENDERS if contender.name in options.only]
    found = {
        "teacher": {"slots": SLOTS, "latency_ms": LATENCY_MS, "limit_per_s": LIMIT},
        "contenders": rows,
        "comparisons": comparisons({row["name"]: row for row in rows if "failure" not in row}),
    }
    show(found)
    write_report(options.folder / "engine.json", found)


def read_options() -> argparse.Namespace:
    """The command line; --quick is the smallest run that touches every part but the peers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [contender.name for contender in CONTENDERS]
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--calls", type=int, help="of genteach and the bare loops (default 50,000)")
    parser.add_argument("--peer-calls", type=int, default=3000, help="of each peer (default 3,000)")
    parser.add_argument("--kill-calls", type=int, help="of each run that is killed half-way (default 7,500)")
    parser.add_argument("--quick", action="store_true", help="genteach and the bare loops, 1,500 calls")
    parser.add_argument(
        "--environments",
        type=Path,
        default=Path.home() / ".cache" / "genteach-bench",
        help="where the peers are installed, and kept (default %(default)s)",
    )
    parser.add_argument("--folder", type=Path, default=Path("runs/bench"), help="default %(default)s")
    options = parser.parse_args()
    options.only = options.only or [c.name for c in CONTENDERS if not (options.quick and c.is_peer)]
    options.calls = options.calls or (1500 if options.quick else 50_000)
    options.kill_calls = options.kill_calls or (1500 if options.quick else 7500)
    return options


def measure(contender: Contender, options: argparse.Namespace) -> Facts:
    """One row: what was found out about a contender, or why nothing was."""
    row: Facts = {"name": contender.name, "chain": contender.chain}
    calls = options.peer_calls if contender.is_peer else options.calls
    try:
        bench = Bench(
            contender, python_of(contender, options.environments), options.folder / contender.folder
        )
        say(f"{contender.name}: {calls} calls")
        row |= bench.speed(calls)
        if contender.resumes:
            say(f"{contender.name}: killed half-way through {options.kill_calls} calls, and started again")
            row |= bench.kill(options.kill_calls)
    except (CannotInstall, Failed) as failure:
        say(f"{contender.name}: {failure}")
        row["failure"] = str(failure)
    return row


def comparisons(rows: dict[str, Facts]) -> Facts:
    """Ours by the fastest bare loop and by the peers that come nearest; empty where ours was not measured."""
    if OURS.name not in rows:
        return {}
    ours = rows.pop(OURS.name)
    found: Facts = {}
    bare = [rows[loop.name] for loop in BARE if loop.name in rows]
    if bare:
        fastest = max(bare, key=lambda row: row["calls_per_s"])
        found["rate_by_bare_loop"] = ours["calls_per_s"] / fastest["calls_per_s"]
        found["cpu_by_bare_loop"] = ours["cpu_ms_per_call"] / fastest["cpu_ms_per_call"]
    for peer in (CHECKPOINTED, CURATOR, PLAIN_DATATROVE):
        if peer.name in rows:
            found[f"cpu_by_{peer.folder}"] = ours["cpu_ms_per_call"] / rows[peer.name]["cpu_ms_per_call"]
    return found


def show(found: Facts) -> None:
    """The table, what ours is by the others, and the machine."""
    at = machine()
    table(
        f"{at['cores']} cores of {at['cpu']}; the teacher's limit is {LIMIT:,.0f} calls/s",
        COLUMNS,
        [cells(row) for row in found["contenders"]],
    )
    for name, value in found["comparisons"].items():
        say(f"genteach: {name.replace('_', ' ')} {value:.3f}")


def cells(row: Facts) -> list[str]:
    """One line of the table."""
    if "cpu_ms_per_call" not in row:
        return [row["name"], row["chain"], *["-"] * 5, row["failure"]]
    return [
        f"{row['name']} {row['version']}",
        row["chain"],
        f"{row['calls']:,}",
        f"{row['cpu_ms_per_call']:.3f}",
        f"{row['calls_per_s']:,.1f}",
        f"{row['of_limit']:.1%}",
        f"{row['peak_rss_mb']:,.0f} MB",
        after_kill(row),
    ]


def after_kill(row: Facts) -> str:
    """What the kill cost, in words."""
    if "sent_again" not in row:
        return row.get("failure", "all: it keeps nothing")
    said = f"{row['sent_again']} of {row['replies_before_kill']} ({row['share_sent_again']:.1%})"
    return said if row["after_restart"] == "complete" else f"{said}; {row['after_restart']}"


if __name__ == "__main__":
    main()
