"""Shuts itself in and runs one program there: a script by itself, on the standard library alone.

    python -I -S warden.py build  OPTION=VALUE…     makes namespaces and a root of its own first
    python -I -S warden.py inside OPTION=VALUE…     finds them made, by bubblewrap

Standard input carries the program and then what the program reads, of `program=` and `stdin=` bytes, and closes
when whoever asked for the run has had enough, or is gone. Who is who: the *warden* is this process; *init* is
process 1 of the new pid namespace, with which everything in it dies; the *program* is a child of init, which
watches it. The program never holds the pipe of the report, `report=`: it cannot say how it ended.
"""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import select
import struct
import sys
import time
from importlib.machinery import SourceFileLoader
from types import ModuleType, TracebackType

SCRATCH = "/tmp"
PROGRAM, STDIN = f"{SCRATCH}/program.py", f"{SCRATCH}/stdin"
STAGE = "/proc"  # where the new root is put together: a folder that is always there and holds nothing we show
NOBODY = 65534
LIBC = ctypes.CDLL(None, use_errno=True)

# linux/sched.h, mount.h, prctl.h; numbers of calls so new that they are the same on every machine
NEW_NAMESPACES = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
"""New mount, cgroup, uts, ipc, user, pid and net namespaces."""
RDONLY, NOSUID, NODEV, NOEXEC, REMOUNT, BIND, RECURSIVE, PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
DETACH, HERE, ALL_BELOW = 2, -100, 0x8000
SIGINT, SIGKILL = 2, 9  # the module `signal` costs a quarter of the time that a run takes
PDEATHSIG, SECCOMP, NO_NEW_PRIVS = 1, 22, 38
PIDFD_OPEN, MOUNT_SETATTR, LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 434, 442, 444, 445, 446
LANDLOCK_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
"""How many rights over files the first versions know; there are 16 since the fifth."""
READ, DEVICE, OWN = 0b1100, 0b100_0000_0000_0110, 0b111_0111_1011_1110
"""Landlock's rights: to read files and folders; to read, write and truncate; all but to execute and make devices."""


class Options:
    """The command line: `name=value`, once or more for each name."""

    def __init__(self, words: list[str]) -> None:
        self.values: dict[str, list[str]] = {}
        for word in words:
            name, _, value = word.partition("=")
            self.values.setdefault(name, []).append(value)

    def every(self, name: str) -> list[str]:
        return self.values.get(name, [])

    def number(self, name: str) -> int:
        return int(self.values[name][0])


def main(mode: str, options: Options) -> None:
    """Prepare, and run the program; what goes wrong before it runs is the report's line "failed …"."""
    LIBC.signal(SIGINT, None)  # to its default: with Python's own handler the program could interrupt init
    try:
        if mode == "build":
            enter_namespaces()
            build_root(options)
            become_init(options)
        if program := os.fork():
            supervise(program, options)
            os._exit(0)  # with process 1 of the namespace the kernel kills all the others
        confine(options)
    except OSError as error:
        report(options, f"failed {error.filename or 'sandbox'}: {error.strerror}")
        os._exit(1)
    run()


def report(options: Options, line: str) -> None:
    """Tell whoever asked for the run; lines: failed WHY, begun, ended CODE CPU SECONDS, late, stopped SECONDS."""
    os.write(options.number("report"), f"{line}\n".encode())


def libc(name: str, *arguments: bytes | int | None) -> int:
    """Call the C library; OSError names the call where it fails."""
    wide = (ctypes.c_long(word) if isinstance(word, int) else word for word in arguments)
    if (result := getattr(LIBC, name)(*wide)) == -1:
        called = f"system call {arguments[0]}" if name == "syscall" else name
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), called)
    return result


def enter_namespaces() -> None:
    """New namespaces of every kind. Root maps every user to itself, to show files of any owner; such a map can
    only be written from outside. An ordinary user becomes nobody, and so does a root that knows nobody."""
    with open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")  # where memory runs out, this goes first, and not who asked for it
    uid, gid = os.getuid(), os.getgid()
    users, groups = known("uid_map"), known("gid_map")
    is_root = uid == 0 and all(any(a <= NOBODY < a + n for a, n in each) for each in (users, groups))
    release = map_from_outside(users, groups) if is_root else None
    libc("unshare", NEW_NAMESPACES)
    if release is not None:
        os.close(release)
        os.wait()  # where the map could not be written, a later step fails
    else:
        write_map("self", "setgroups", "deny")
        write_map("self", "uid_map", f"{NOBODY} {uid} 1")
        write_map("self", "gid_map", f"{NOBODY} {gid} 1")
    libc("sethostname", b"sandbox", len(b"sandbox"))


def known(kind: str) -> list[tuple[int, int]]:
    """The ranges of users or groups that there are here: first, how many."""
    with open(f"/proc/self/{kind}") as file:
        rows = [line.split() for line in file]
    return [(int(first), int(count)) for first, _, count in rows]


def map_from_outside(users: list[tuple[int, int]], groups: list[tuple[int, int]]) -> int:
    """A process that stays outside and maps this one's users when the pipe that is returned closes."""
    waiting, release = os.pipe()
    if os.fork() == 0:
        os.close(release)
        os.read(waiting, 1)
        for kind, ranges in (("uid_map", users), ("gid_map", groups)):
            same = "\n".join(f"{first} {first} {count}" for first, count in ranges)
            write_map(str(os.getppid()), kind, same)
        os._exit(0)
    os.close(waiting)
    return release


def write_map(process: str, kind: str, text: str) -> None:
    with open(f"/proc/{process}/{kind}", "w") as file:
        file.write(text)


def build_root(options: Options) -> None:
    """A read-only root with the interpreter's libraries, and an empty scratch folder of limited size."""
    mount("none", "/", None, RECURSIVE | PRIVATE)  # nothing that follows is seen outside
    mount("root", STAGE, "tmpfs", NOSUID, "mode=755")
    for path in options.every("show"):
        show(path, RDONLY | NOSUID | NODEV)
    for path in options.every("device"):
        show(path, RDONLY | NOSUID | NOEXEC)
    for path in ("/host", "/empty", SCRATCH):
        os.mkdir(STAGE + path)
    for path in options.every("hide"):
        mount(f"{STAGE}/empty", STAGE + path, None, BIND)
    size = f"size={options.number('scratch')},nr_inodes=4096,mode=1777"
    mount("scratch", STAGE + SCRATCH, "tmpfs", NOSUID | NODEV | NOEXEC, size)
    libc("pivot_root", STAGE.encode(), f"{STAGE}/host".encode())
    os.chdir("/")
    libc("umount2", b"/host", DETACH)
    os.rmdir("/host")
    mount("none", "/", None, REMOUNT | BIND | RDONLY | NOSUID)
    os.chdir(SCRATCH)


def show(path: str, attributes: int) -> None:
    """The host's file or folder under the same path in the new root."""
    target = STAGE + path
    if os.path.isdir(path):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT))
    mount(path, target, None, BIND | RECURSIVE)
    wanted = struct.pack("=4Q", attributes, 0, 0, 0)
    libc("syscall", MOUNT_SETATTR, HERE, target.encode(), ALL_BELOW, wanted, len(wanted))


def mount(source: str, target: str, kind: str | None, flags: int, data: str = "") -> None:
    try:
        libc("mount", source.encode(), target.encode(), kind.encode() if kind else None, flags, data.encode())
    except OSError as error:
        error.filename = f"mount {target.removeprefix(STAGE) or '/'}"
        raise


def become_init(options: Options) -> None:
    """Returns in process 1 of the new namespace; the warden waits until the last process there has gone."""
    if init := os.fork():
        os.close(options.number("report"))
        os.waitpid(init, 0)
        os._exit(0)
    libc("prctl", PDEATHSIG, SIGKILL, 0, 0, 0)


def supervise(program: int, options: Options) -> None:
    """Wait until the program ends, the deadline comes or nobody wants its end any more, and report which."""
    begun = time.monotonic()
    ended = libc("syscall", PIDFD_OPEN, program, 0)
    waiting = select.poll()
    waiting.register(ended, select.POLLIN)
    waiting.register(0, 0)  # its closing only: the program itself may be reading
    ready = [descriptor for descriptor, _ in waiting.poll(options.number("wall"))]
    seconds = time.monotonic() - begun
    if ended in ready:
        _, status, used = os.wait4(program, 0)
        cpu = used.ru_utime + used.ru_stime
        report(options, f"ended {os.waitstatus_to_exitcode(status)} {cpu:.3f} {seconds:.3f}")
    else:
        os.kill(program, SIGKILL)
        report(options, f"{'stopped' if ready else 'late'} {seconds:.3f}")


def confine(options: Options) -> None:
    """The program's process, before the program: its files and limits, no rights, Landlock, the filter of calls."""
    take_files(options)
    set_limits(options)
    drop_rights()
    restrict_files()
    restrict_calls(bytes.fromhex(options.every("filter")[0]))
    report(options, "begun")
    os.closerange(3, 1 << 16)


def take_files(options: Options) -> None:
    """The program's text and its standard input, which is a file without a name."""
    for path, name in ((PROGRAM, "program"), (STDIN, "stdin")):
        with open(path, "wb") as file:
            missing = options.number(name)
            while missing:
                piece = os.read(0, min(missing, 1 << 20)) or os._exit(1)  # nobody wants it any more
                missing -= file.write(piece)
    source = os.open(STDIN, os.O_RDONLY)
    os.unlink(STDIN)
    os.dup2(source, 0)


def set_limits(options: Options) -> None:
    """The limits that the kernel keeps for each process, of which there is one."""
    limits = {
        resource.RLIMIT_AS: options.number("memory"),
        resource.RLIMIT_CPU: options.number("cpu"),
        resource.RLIMIT_FSIZE: options.number("scratch"),
        resource.RLIMIT_NPROC: options.number("threads"),
        resource.RLIMIT_NOFILE: 128,
        resource.RLIMIT_STACK: 8 << 20,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_CORE: 1,  # at 0 a core would still go to the host's crash handler, where one is set
    }
    for kind, value in limits.items():
        most = value + (kind == resource.RLIMIT_CPU)  # first SIGXCPU, a second later SIGKILL
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (min(value, most), most))


def drop_rights() -> None:
    """Nobody, without a capability, and nothing gives one back."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    version_3, none = struct.pack("=Ii", 0x20080522, 0), bytes(24)
    libc("capset", version_3, none)
    libc("prctl", NO_NEW_PRIVS, 1, 0, 0, 0)


def restrict_files() -> None:
    """Landlock: read what there is, write in the scratch folder only, execute nothing, connect nowhere. Where the
    kernel has none, the root of its own and the filter stand alone."""
    version = LIBC.syscall(ctypes.c_long(LANDLOCK_CREATE), None, ctypes.c_long(0), ctypes.c_long(1))
    if version < 1:
        return
    files = (1 << LANDLOCK_RIGHTS.get(version, 16)) - 1
    network, scopes = 3 * (version >= 4), 3 * (version >= 6)  # bind and connect; abstract sockets and signals
    wanted = struct.pack("=3Q", files, network, scopes)[: 8 if version < 4 else 16 if version < 6 else 24]
    rules = libc("syscall", LANDLOCK_CREATE, wanted, len(wanted), 0)
    for path, rights in (("/", READ), (SCRATCH, OWN), ("/dev/null", DEVICE)):
        rule = struct.pack("=Qi", rights & files, os.open(path, os.O_PATH))
        libc("syscall", LANDLOCK_ADD, rules, 1, rule, 0)
    libc("syscall", LANDLOCK_RESTRICT, rules, 0)


def restrict_calls(code: bytes) -> None:
    """Install the filter of system calls (see `seccomp`); from here on there is no way back."""
    kept = ctypes.create_string_buffer(code, len(code))
    rules = struct.pack("@HP", len(code) // 8, ctypes.addressof(kept))
    libc("prctl", SECCOMP, 2, rules, 0, 0)


def run() -> None:
    """The program as `__main__`; what it raises is shown without our frames."""
    os.environ.pop("PWD", None)  # bubblewrap's
    sys.argv, sys.excepthook = [PROGRAM], show_error
    gc.freeze()  # what is ours is not looked through at the end, nor copied for it
    module = sys.modules["__main__"] = ModuleType("__main__")
    module.__file__ = PROGRAM
    SourceFileLoader("__main__", PROGRAM).exec_module(module)


def show_error(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    while trace and trace.tb_frame.f_code.co_filename != PROGRAM:
        trace = trace.tb_next
    sys.__excepthook__(kind, error.with_traceback(trace), trace)


if __name__ == "__main__":
    main(sys.argv[1], Options(sys.argv[2:]))
