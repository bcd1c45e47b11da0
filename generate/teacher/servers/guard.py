"""Runs one server and leaves nothing of it behind, whatever becomes of the process that asked for it.

    python -I guard.py GRACE PROGRAM [ARGUMENT…]

Whoever starts it holds the other end of its standard input. When that closes, by intent or by SIGKILL, the
server gets SIGTERM, and after GRACE seconds everything that descends from it gets SIGKILL. A program by itself,
on the standard library alone, so that it starts in milliseconds and does not fall with the rest.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h


def main(grace: float, argv: list[str]) -> int:
    """Run the server to its end; returns its exit code, or minus the signal that ended it."""
    _control_process(PR_SET_CHILD_SUBREAPER, 1)  # its orphans become ours, so that none gets away
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        server = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=_die_with_the_guard
        )
    except OSError as error:
        print(f"{argv[0]}: {error.strerror}", file=sys.stderr)
        return 127
    _in_background(_stop_when_released, server.pid, grace)
    signal.signal(signal.SIGTERM, lambda *_: _in_background(_stop, server.pid, grace))
    code = _reap_until(server.pid)
    _leave_nothing(server.pid)
    return code


def _control_process(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _die_with_the_guard() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _control_process(PR_SET_PDEATHSIG, signal.SIGKILL)


def _in_background(work: Callable[[int, float], None], server: int, grace: float) -> None:
    threading.Thread(target=work, args=(server, grace), daemon=True).start()


def _stop_when_released(server: int, grace: float) -> None:
    os.read(sys.stdin.fileno(), 1)  # until the other end is gone
    _stop(server, grace)


def _stop(server: int, grace: float) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(server, signal.SIGTERM)
    time.sleep(grace)
    _kill_all(server)


def _reap_until(server: int) -> int:
    """Wait for the server, and for the orphans that end before it."""
    while True:
        process, status = os.wait()
        if process == server:
            return os.waitstatus_to_exitcode(status)


def _leave_nothing(server: int) -> None:
    """Kill what the server left, until no process of it is there."""
    while True:
        _kill_all(server)
        try:
            os.wait()
        except ChildProcessError:
            return


def _kill_all(server: int) -> None:
    """The server's process group, and every descendant that left the group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(server, signal.SIGKILL)
    for process in _descendants(os.getpid()):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def _descendants(ancestor: int) -> list[int]:
    """Every process below this one, from /proc; none where there is no /proc."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            parent = int(stat.read_text(errors="replace").rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(stat.parent.name))
    found, generation = [], [ancestor]
    while generation:
        generation = [child for parent in generation for child in children.get(parent, [])]
        found += generation
    return found


if __name__ == "__main__":
    code = main(float(sys.argv[1]), sys.argv[2:])
    os._exit(code if code >= 0 else 128 - code)
