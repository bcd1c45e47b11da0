"""The two ways to isolate a program, each as the command that does it: on our own, or with bubblewrap."""

from __future__ import annotations

import functools
import os
import py_compile
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

WARDEN = str(Path(__file__).with_name("warden.py"))
PYTHON = getattr(sys, "_base_executable", None) or sys.executable  # not a venv's link: it would lead out
FLAGS = ("-I", "-S", "-B", "-X", "utf8")  # no environment, no folder of the user, no site-packages
NOBODY = 65534

_SHUT = (
    *("--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--cap-drop", "ALL"),
    *("--hostname", "sandbox", "--uid", str(NOBODY), "--gid", str(NOBODY)),
)
_DEVICES = ("/dev/null", "/dev/urandom")
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64")
_DATA = ("/etc/ld.so.cache", "/usr/share/zoneinfo")


@dataclass(frozen=True)
class Tier:
    """A way to isolate: `command(options, scratch)` starts the warden in it, where `scratch` is in bytes."""

    name: str
    command: Callable[[list[str], int], list[str]]
    user: int | None = None  # who starts it, where not who we are


def built_in() -> Tier:
    """Namespaces, Landlock, a filter of system calls and limits, all asked of the kernel by the warden itself."""
    shown, hidden = shown_paths()
    given = {"show": shown, "hide": hidden, "device": _DEVICES}
    paths = [f"{name}={path}" for name, many in given.items() for path in many]

    def command(options: list[str], scratch: int) -> list[str]:
        return [PYTHON, *FLAGS, compiled_warden(), "build", *paths, *options]

    return Tier("built-in", command)


def bubblewrap(program: str) -> Tier:
    """Namespaces and root by bubblewrap, which some systems allow what they refuse to others; the rest inside.

    Its scratch folder has a limit of bytes but none of files, and lets what is written there be executed: by the
    program itself, for the filter still refuses to start another.
    """
    shown, hidden = shown_paths()
    paths = [word for path in (*shown, os.path.realpath(PYTHON)) for word in ("--ro-bind", path, path)]
    paths += [word for path in _DEVICES for word in ("--dev-bind", path, path)]
    paths += [word for path in hidden for word in ("--tmpfs", path)]
    inside = ["--ro-bind", compiled_warden(), "/warden", "--remount-ro", "/", "--chdir", "/tmp"]
    start = [os.path.realpath(PYTHON), *FLAGS, "/warden", "inside"]

    def command(options: list[str], scratch: int) -> list[str]:
        return [program, *_SHUT, *paths, "--size", str(scratch), "--tmpfs", "/tmp", *inside, *start, *options]

    return Tier("bubblewrap", command, user=NOBODY if os.geteuid() == 0 else None)


@functools.cache
def shown_paths() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a program sees of this machine: the libraries of the system and of the interpreter; and which folders
    of them it does not see, so that it imports the standard library and nothing that happens to be installed."""
    ours = {
        f"{root}/{lib}" for root in (sys.base_prefix, sys.base_exec_prefix) for lib in ("lib", sys.platlibdir)
    }
    shown: list[str] = []
    for path in sorted({*ours, *_LIBRARIES, *_DATA}):
        if os.path.exists(path) and not any(path.startswith(f"{above}/") for above in shown):
            shown.append(path)
    hidden = {str(found) for path in shown for found in Path(path).glob("python3*/*-packages")}
    return tuple(shown), tuple(sorted(hidden))


@functools.cache
def compiled_warden() -> str:
    """The warden as bytecode, which starts sooner by a tenth of a run; its source where nothing can be written."""
    try:
        return py_compile.compile(WARDEN, doraise=True) or WARDEN
    except OSError:
        return WARDEN
