"""A contender at work: a session of processes that is measured, and killed, as a whole."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

POLL = 0.2  # seconds between two looks at the processes
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """What a session took: user and system seconds of CPU, the most resident bytes at once, wall seconds."""

    cpu: float
    peak_rss: int
    seconds: float
    status: int | None  # exit status, negative for a signal; None where it was cut off


def stop_when_told() -> None:
    """Let SIGTERM end this program as Ctrl-C does: with what it started."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


class Session:
    """Starts a command as the leader of a session; its output goes to `log`, its caches beside that."""

    def __init__(self, command: list[str], log: Path) -> None:
        caches = {"HF_HOME": str(log.parent.resolve() / "hub")}
        with log.open("ab") as output:
            self._leader = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=os.environ | caches,
                start_new_session=True,
            )
        self._began = time.monotonic()
        self._peak = 0

    def run(self, over: Callable[[], bool]) -> Usage:
        """Wait for the leader's end, or until `over` says that it is enough; nothing of the session is left."""
        try:
            while not over():
                pid, status, used = os.wait4(self._leader.pid, os.WNOHANG)
                members = self.members()
                self._peak = max(self._peak, self.resident(members))
                if pid:
                    self._leader.returncode = os.waitstatus_to_exitcode(status)
                    cpu = used.ru_utime + used.ru_stime + sum(_cpu(member) for member in members)
                    return self._usage(cpu, self._leader.returncode)
                time.sleep(POLL)
            return self._usage(0.0, None)
        finally:
            self.kill()

    def _usage(self, cpu: float, status: int | None) -> Usage:
        return Usage(cpu, self._peak, time.monotonic() - self._began, status)

    def members(self) -> list[int]:
        """The living processes of the session."""
        return [int(name) for name in os.listdir("/proc") if name.isdigit() and self._holds(int(name))]

    def kill(self) -> None:
        """SIGKILL to every process of the session, until none is left."""
        while members := self.members():
            _kill(members)
            self._leader.poll()
            time.sleep(0.01)

    def resident(self, members: list[int]) -> int:
        """Bytes of the leader, and what the others do not share: pages are not counted for every fork again."""
        leader = self._leader.pid
        return sum(
            _memory(pid, ("Rss",) if pid == leader else ("Private_Clean", "Private_Dirty")) for pid in members
        )

    def _holds(self, pid: int) -> bool:
        facts = _stat(pid)
        return bool(facts) and int(facts[3]) == self._leader.pid and facts[0] != "Z"


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the command's name; empty where the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _cpu(pid: int) -> float:
    """Seconds of CPU of a process and of the children that it has waited for."""
    return sum(map(int, _stat(pid)[11:15])) / _TICKS


def _memory(pid: int, kinds: tuple[str, ...]) -> int:
    """Bytes of these kinds in /proc/PID/smaps_rollup; none where the process is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith(kinds))


def _kill(pids: list[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
