"""A program that nobody has read does no harm to anyone."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from genteach.generate.tools import sandbox
from genteach.generate.tools.sandbox import Limits, Outcome, run, seccomp

from .sandboxed import nothing_left

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox asks Linux for isolation")

ATTEMPT = """
try:
{}
except (OSError, MemoryError) as error:
    print("held:", type(error).__name__)
else:
    print("got through")
"""


def attempt(statements: str, limits: Limits = sandbox.USUAL) -> Outcome:
    """The outcome of statements that must not succeed."""
    indented = "\n".join(f"    {line}" for line in statements.strip().splitlines())
    outcome = run(ATTEMPT.format(indented), limits=limits)
    assert "got through" not in outcome.stdout
    return outcome


def is_held(statements: str) -> None:
    """Refused with an error that the program sees, after which it goes on."""
    outcome = attempt(statements)
    assert (outcome.status, outcome.stdout[:6]) == ("ok", "held: "), outcome


def refused(call: str, arguments: str) -> None:
    """A function of the C library fails with EPERM."""
    library = "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
    assert run(f"{library}print(libc.{call}({arguments}), ctypes.get_errno())").stdout == "-1 1\n"


@pytest.fixture
def marked() -> Iterator[Limits]:
    with nothing_left() as limits:
        yield limits


@pytest.fixture
def built_in() -> None:
    if asyncio.run(sandbox.ready()).name != "built-in":
        pytest.skip("bubblewrap mounts a simpler scratch folder")


# --- nineteen hostile programs -------------------------------------------------------------------------------


def test_it_does_not_read_the_password_file() -> None:
    is_held("print(open('/etc/shadow').read(), open('/etc/passwd').read())")


def test_it_does_not_read_the_environment_of_process_1() -> None:
    is_held("print(open('/proc/1/environ').read())")


def test_it_does_not_read_a_token_from_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    program = "import ctypes, os\nprint(os.environ.get('HF_TOKEN'), ctypes.CDLL(None).getenv(b'HF_TOKEN'))"
    assert run(program).stdout == "None 0\n"
    is_held(f"print(open('/proc/{os.getpid()}/environ').read())")


def test_it_does_not_write_outside(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    is_held(f"open({str(tmp_path / 'x')!r}, 'w')")
    is_held("open('/x', 'w')")
    is_held("open('/usr/lib/x', 'w')")
    assert not list(tmp_path.iterdir())


def test_it_does_not_leave_by_a_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    is_held(f"import os\nos.symlink({str(tmp_path / 'secret')!r}, 'link')\nprint(open('link').read())")
    is_held("import os\nos.symlink('/etc', 'etc')\nopen('etc/x', 'w')")


def test_it_does_not_connect_to_a_teacher_on_this_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        is_held(f"import socket\nsocket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 2)")


def test_it_does_not_connect_to_the_metadata_service() -> None:
    is_held("import urllib.request\nurllib.request.urlopen('http://169.254.169.254/', timeout=2)")
    is_held(
        "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('169.254.169.254', 53))"
    )


def test_it_does_not_reach_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "docker.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        is_held(f"import socket\nsocket.socket(socket.AF_UNIX).connect({path!r})")


def test_a_fork_bomb_is_stopped(marked: Limits) -> None:
    outcome = run("import os\nwhile True:\n    os.fork()", limits=marked)
    assert outcome.status == "error" and "PermissionError" in outcome.last_words


def test_threads_without_end_are_stopped(marked: Limits) -> None:
    program = """
import threading, time
threading.stack_size(1 << 16)
try:
    for count in range(10_000):
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
except RuntimeError:
    print(count)
"""
    assert 16 <= int(run(program, limits=marked).stdout) <= marked.threads + 3


def test_an_orphan_does_not_outlive_its_run(marked: Limits) -> None:
    program = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.signal(signal.SIGHUP, signal.SIG_IGN)
try:
    os.setsid()
    if os.fork() == 0:
        time.sleep(60)
except OSError:
    print("held")
"""
    assert run(program, limits=marked).stdout == "held\n"


def test_four_gigabytes_are_not_taken() -> None:
    outcome = run("x = bytearray(4 << 30)")
    assert (outcome.status, outcome.limit) == ("limit", "memory")
    for piece in ("bytearray(1 << 20)", "bytearray(1000)"):
        outcome = run(f"x = []\nwhile True:\n    x.append({piece})")
        assert (outcome.status, outcome.limit) == ("limit", "memory")


def test_a_loop_without_end_meets_the_limit_of_processor_time(marked: Limits) -> None:
    program = "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True:\n    pass"
    for text in ("while True: pass", program):
        outcome = run(text, limits=Limits(wall=60, cpu=1))
        assert (outcome.status, outcome.limit) == ("limit", "cpu")
        assert outcome.seconds < 30


def test_a_sleeper_meets_the_deadline() -> None:
    outcome = run("import time\nprint('begun', flush=True)\ntime.sleep(60)", limits=Limits(wall=0.5))
    assert (outcome.status, outcome.limit, outcome.stdout) == ("limit", "wall", "begun\n")
    assert 0.4 < outcome.seconds < 20


def test_a_file_of_a_hundred_megabytes_is_not_written() -> None:
    is_held("open('big', 'wb').write(bytes(100 << 20))\nopen('big2', 'wb').write(bytes(100 << 20))")


def test_many_small_files_do_not_fill_the_disk() -> None:
    is_held("for n in range(100_000):\n    with open(str(n), 'w') as file:\n        file.write('x' * 4096)")


def test_many_empty_folders_do_not_fill_the_memory(built_in: None) -> None:
    is_held("import os\nfor n in range(100_000):\n    os.mkdir(str(n))")


def test_a_flood_of_output_is_cut(marked: Limits) -> None:
    for stream in ("stdout", "stderr"):
        outcome = run(f"import sys\nwhile True:\n    sys.{stream}.write('ä' * 1001)", limits=marked)
        assert (outcome.status, outcome.limit) == ("limit", "output")
        assert len(getattr(outcome, stream).encode()) <= marked.output + 4
        assert outcome.seconds < marked.wall


def test_it_does_not_kill_who_watches_it(marked: Limits) -> None:
    program = """
import os, signal, time
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL):
    for process in {1, os.getppid(), -1}:
        try:
            os.kill(process, number)
        except OSError:
            pass
print("alive", flush=True)
time.sleep(60)
"""
    outcome = run(program, limits=marked)
    assert (outcome.stdout, outcome.limit) == ("alive\n", "wall")


def test_it_starts_no_program_of_its_own_or_others() -> None:
    is_held(
        "open('x', 'w').write('#!/bin/sh\\necho hi')\nimport os\nos.chmod('x', 0o755)\nos.execv('x', ['x'])"
    )
    is_held("import os\nos.execv('/bin/sh', ['sh'])")
    is_held("import subprocess, sys\nsubprocess.run([sys.executable, '-c', '1'])")
    is_held("import os\nos.posix_spawn('/bin/sh', ['sh'], {})")
    is_held("import os\nos.execve(os.memfd_create('x'), ['x'], {})")
    is_held("import glob, os\nos.execv(glob.glob('/lib*/ld-linux*')[0], ['ld'])")


def test_it_mounts_nothing() -> None:
    refused("mount", "b'none', b'/tmp', b'tmpfs', 0, None")
    refused("umount2", "b'/tmp', 2")
    refused("pivot_root", "b'/tmp', b'/tmp'")
    refused("chroot", "b'/tmp'")


def test_it_traces_nobody() -> None:
    refused("ptrace", "16, 1, 0, 0")
    refused("process_vm_readv", "1, None, 0, None, 0, 0")
    refused("ptrace", "0, 0, 0, 0")


# --- and some more -------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are of x86_64")
@pytest.mark.parametrize(
    ("call", "number"),
    {
        "unshare": 272,
        "setns": 308,
        "clone as a process": 56,
        "vfork": 58,
        "bpf": 321,
        "perf_event_open": 298,
        "keyctl": 250,
        "userfaultfd": 323,
        "io_uring_setup": 425,
        "open_by_handle_at": 304,
        "init_module": 175,
        "kexec_load": 246,
        "seccomp": 317,
        "shmget": 29,
        "mq_open": 240,
        "fanotify_init": 300,
        "personality": 135,
        "mknodat": 259,
        "sethostname": 170,
        "clock_settime": 227,
    }.items(),
)
def test_a_system_call_that_python_does_not_need_is_refused(call: str, number: int) -> None:
    refused("syscall", f"{number}, 17, 0, 0, 0, 0")


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="machine code of x86_64")
def test_a_32_bit_system_call_ends_the_program() -> None:
    program = """
import ctypes, mmap
code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
code.write(bytes.fromhex("b814000000cd80c3"))  # mov eax, 20 (getpid); int 0x80; ret
call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
print("got through", call())
"""
    assert run(program).stdout == ""


def test_a_new_system_call_looks_like_one_of_an_old_kernel() -> None:
    library = "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
    assert (
        run(f"{library}print(libc.syscall(435, None, 0), ctypes.get_errno())").stdout == "-1 38\n"
    )  # clone3


def test_a_library_made_in_the_scratch_folder_is_not_loaded(built_in: None) -> None:
    copy = "import _ctypes, ctypes, shutil\nshutil.copy(_ctypes.__file__, 'made.so')"
    is_held(f"{copy}\nctypes.CDLL('./made.so')")


def test_a_limit_is_not_raised() -> None:
    program = "import resource\nresource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))"
    assert run(program).last_words == "ValueError: not allowed to raise maximum limit"


def test_a_program_that_closes_its_streams_still_meets_the_deadline(marked: Limits) -> None:
    program = "import os, time\nos.closerange(0, 3)\ntime.sleep(60)"
    assert run(program, limits=marked).limit == "wall"


def test_a_stack_that_overflows_is_an_error() -> None:
    program = "import sys\nsys.setrecursionlimit(10**9)\ndef f(_): return max([0], key=f)\nf(0)"
    assert run(program).status == "error"  # a RecursionError or SIGSEGV, as the version has it


# --- each layer without the others ---------------------------------------------------------------------------


@pytest.fixture
def unfiltered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The filter of system calls allows all."""
    asyncio.run(sandbox.ready())
    monkeypatch.setattr(seccomp, "program", lambda machine: struct.pack("=HBBI", 6, 0, 0, 0x7FFF0000))


def test_without_the_filter_processes_are_few_and_die_with_their_run(
    unfiltered: None, marked: Limits
) -> None:
    program = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.setsid()
try:
    for count in range(100):
        if os.fork() == 0:
            os.setsid()
            os.closerange(0, 3)
            time.sleep(60)
except OSError:
    print(count)
"""
    assert 16 <= int(run(program, limits=marked).stdout) <= marked.threads + 3


def test_without_the_filter_nothing_is_reached_or_started(unfiltered: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        is_held(f"import socket\nsocket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 2)")
    is_held("import os\nos.kill(1, 9)\nos.execv(os.__file__, ['x'])")
    is_held("import glob, os\nos.execv(glob.glob('/lib*/ld-linux*')[0], ['ld'])")
    refused("mount", "b'none', b'/tmp', b'tmpfs', 0, None")
    unshared = (
        "libc.unshare(0x10020000) or 0, b'/tmp', b'tmpfs', 0, None"  # a user namespace, where it may mount
    )
    refused("mount", unshared)
