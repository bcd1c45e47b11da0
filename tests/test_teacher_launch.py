"""Servers of our own: they answer, log, fail in one message, come back when they die, and leave nothing behind."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from genteach.generate.teacher import Reply, Request, TeacherSettings, open_teacher
from genteach.generate.teacher.launch import Launched, free_ports
from genteach.run import BadInput, EnvironmentFailure

STUB = Path(__file__).with_name("stub_server.py")
HELLO = Request(({"role": "user", "content": "hello"},))
pytestmark = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="there is no /proc")


def settings(mark: Path, how: str = "answers", **launch: Any) -> TeacherSettings:
    """A teacher whose server is the stub; its processes are known by `mark`."""
    command = [sys.executable, str(STUB), "{port}", str(mark), how]
    given = {"server": "command", "command": command, "grace": 2, "start_timeout": 20, **launch}
    return TeacherSettings.model_validate({"launch": given})


def alive(mark: Path) -> list[int]:
    """The processes, guards included, that have the mark on their command line."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if str(mark).encode() in words:
            found.append(int(process.name))
    return found


def wait_until(true: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)


def run_with(teacher: Any, work: Callable[[Any], Any]) -> Any:
    """Start the teacher, have it work, close it."""

    async def scenario() -> Any:
        try:
            await teacher.start()
            return await work(teacher)
        finally:
            await teacher.close()

    return asyncio.run(scenario())


def said_by(reply: Reply) -> int:
    return int(reply.model.removeprefix("stub "))


def test_launched_replicas_answer_and_are_gone_afterwards(tmp_path: Path) -> None:
    async def work(teacher: Launched) -> list[Reply]:
        assert len(alive(tmp_path)) == 6  # a guard, a server and its child, twice
        assert teacher.limit > 0
        return [await teacher.ask(HELLO)]

    logs = tmp_path / "logs"
    teacher = open_teacher(settings(tmp_path, replicas=2), logs)
    assert run_with(teacher, work)[0].text == "yes"
    assert teacher.report()["restarts"] == [0, 0]
    assert not alive(tmp_path)
    for number in (0, 1):
        log = logs / f"teacher-{number}.log"
        assert re.search(r"^--- .* \S+ stub_server|stub: serving on \d+$", log.read_text(), re.MULTILINE)
        assert log.stat().st_mode & 0o777 == 0o600


def test_our_own_fake_teacher_can_be_launched(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "genteach.cli",
        "teacher",
        "fake",
        "--answers",
        "hash",
        "--port",
        "{port}",
    ]
    teacher = TeacherSettings.model_validate({"launch": {"server": "command", "command": command}})
    reply = run_with(open_teacher(teacher, tmp_path), lambda teacher: teacher.ask(HELLO))
    assert reply.model == "answers by hash"


def test_a_server_that_ends_at_its_start_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(EnvironmentFailure) as failure:
        run_with(
            open_teacher(settings(tmp_path, "fails"), tmp_path / "logs"), lambda teacher: teacher.ask(HELLO)
        )
    assert "exited with 3 before it generated a token" in str(failure.value)
    assert str(tmp_path / "logs/teacher-0.log") in str(failure.value)
    assert str(failure.value).endswith("out of memory: 80 GiB are not enough")
    assert time.monotonic() - began < 10
    assert not alive(tmp_path)


@pytest.mark.parametrize(
    ("how", "timeout", "said"),
    [("loads", 1.5, "generated no token in 1.5 s .*503"), ("refuses", 600, "refuses a prompt .*400")],
)
def test_a_server_that_generates_nothing_is_no_teacher(
    tmp_path: Path, how: str, timeout: float, said: str
) -> None:
    teacher = open_teacher(settings(tmp_path, how, start_timeout=timeout), tmp_path)
    with pytest.raises(EnvironmentFailure, match=said):
        run_with(teacher, lambda teacher: teacher.ask(HELLO))
    assert not alive(tmp_path)


def test_a_start_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    async def give_up() -> None:
        async with asyncio.timeout(1):
            await open_teacher(settings(tmp_path, "loads", replicas=2), tmp_path).start()

    with pytest.raises(TimeoutError):
        asyncio.run(give_up())
    assert not alive(tmp_path)


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    given = {"server": "command", "command": ["/no/such/program"]}
    teacher = open_teacher(TeacherSettings.model_validate({"launch": given}), tmp_path)
    with pytest.raises(EnvironmentFailure, match="exited with 127 .*\n.*\n.*No such file or directory"):
        run_with(teacher, lambda teacher: teacher.ask(HELLO))


def test_a_server_that_dies_comes_back_on_its_port(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async def work(teacher: Launched) -> tuple[Reply, Reply]:
        before = await teacher.ask(HELLO)
        os.kill(said_by(before), signal.SIGKILL)
        await asyncio.sleep(0.2)
        return before, await teacher.ask(HELLO)

    teacher = open_teacher(settings(tmp_path), tmp_path)
    before, after = run_with(teacher, work)
    assert said_by(before) != said_by(after)
    assert teacher.report()["restarts"] == [1]
    ports = re.findall(r"serving on (\d+)", (tmp_path / "teacher-0.log").read_text())
    assert len(ports) == 2
    assert len(set(ports)) == 1
    assert "was ended by SIGKILL, and is started again" in capfd.readouterr().out


def test_a_server_that_dies_too_often_ends_the_run_and_names_its_log(tmp_path: Path) -> None:
    async def work(teacher: Launched) -> None:
        os.kill(said_by(await teacher.ask(HELLO)), signal.SIGKILL)
        while True:
            await asyncio.sleep(0.05)
            await teacher.ask(HELLO)

    with pytest.raises(EnvironmentFailure, match=r"no restart left this hour; the end of .*teacher-0\.log"):
        run_with(open_teacher(settings(tmp_path, restarts=0), tmp_path), work)
    assert not alive(tmp_path)


def test_a_server_that_ignores_sigterm_is_killed_after_the_grace(tmp_path: Path) -> None:
    async def work(teacher: Launched) -> Reply:
        return await teacher.ask(HELLO)

    began = time.monotonic()
    run_with(open_teacher(settings(tmp_path, "hangs", grace=1), tmp_path), work)
    assert not alive(tmp_path)
    assert 1 < time.monotonic() - began < 12


@contextmanager
def running(script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A Python process of its own; killed at the end, if it still runs."""
    command = [sys.executable, "-c", script, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def lines_until(process: subprocess.Popen[str], word: str) -> str:
    """What it prints, up to the line with this word."""
    said = ""
    while word not in said:
        assert process.stdout is not None
        said += (line := process.stdout.readline())
        assert line, said
    return said


PARENT = """
import asyncio, json, sys
from pathlib import Path
from genteach.generate.teacher import TeacherSettings, open_teacher

async def main() -> None:
    teacher = open_teacher(TeacherSettings.model_validate_json(sys.argv[1]), Path(sys.argv[2]))
    await teacher.start()
    print("ready", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.mark.parametrize("how", ["answers", "hangs"])
def test_nothing_is_left_when_the_parent_is_killed(tmp_path: Path, how: str) -> None:
    given = settings(tmp_path, how, grace=1).model_dump_json()
    with running(PARENT, given, str(tmp_path / "logs")) as parent:
        lines_until(parent, "ready")
        assert len(alive(tmp_path)) == 3
        parent.kill()
    wait_until(lambda: not alive(tmp_path))


def test_nothing_is_left_when_the_guard_is_terminated(tmp_path: Path) -> None:
    async def work(teacher: Launched) -> None:
        lines = {process: Path(f"/proc/{process}/cmdline").read_bytes() for process in alive(tmp_path)}
        for process, line in lines.items():
            if b"guard.py" in line:
                os.kill(process, signal.SIGTERM)
        while alive(tmp_path):
            await asyncio.sleep(0.05)

    run_with(open_teacher(settings(tmp_path, restarts=0), tmp_path), work)


START = """
import signal, sys
from pathlib import Path
from genteach.generate.teacher import TeacherSettings
from genteach.generate.teacher.start import start

signal.signal(signal.SIGTERM, signal.default_int_handler)
start(TeacherSettings.model_validate_json(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_teacher_start_says_how_to_use_it_and_stops_on_a_signal(
    tmp_path: Path, number: signal.Signals
) -> None:
    logs = tmp_path / "logs"
    with running(START, settings(tmp_path).model_dump_json(), str(logs)) as server:
        said = lines_until(server, "export")
        token = logs / "token"
        assert token.stat().st_mode & 0o777 == 0o600
        assert f"export GENTEACH_TEACHER_TOKEN=$(cat {token})" in said
        assert token.read_text() not in said
        [url] = re.findall(r"url: \[(http://127\.0\.0\.1:\d+/v1)\]", said)
        asked = TeacherSettings(url=url, api_key_env="GENTEACH_TEACHER_TOKEN")
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("GENTEACH_TEACHER_TOKEN", token.read_text())
            assert run_with(open_teacher(asked), lambda teacher: teacher.ask(HELLO)).text == "yes"
        server.send_signal(number)
        assert server.wait(timeout=20) == 0
    assert not token.exists()
    assert not alive(tmp_path)


def test_settings_that_launch_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="teacher.launch: missing"):
        Launched(TeacherSettings(), tmp_path)


def test_ports_are_free_and_all_different() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
