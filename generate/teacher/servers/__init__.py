"""The servers that a recipe can have started: the settings they share, and what a server file makes of them."""

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from ....config import Strict
from ....run import BadInput, EnvironmentFailure

HOST = "127.0.0.1"


class LaunchSettings(Strict):
    """Which server to start, on what, and how often.

    `environment` is the folder of the virtual environment that the server is installed in; without one it is
    looked for on PATH. Each of the `replicas` has `tensor_parallel` of the `gpus` to itself (without a list:
    of those in CUDA_VISIBLE_DEVICES, or else of all). `options` are appended to the command line as they are.
    `command` is for the server `command`: {port}, {model} and {token} are filled in. A server that dies is
    started again, up to `restarts` times an hour; `start_timeout` and `grace` are in seconds.
    """

    server: Literal["vllm", "sglang", "llama_cpp", "transformers", "command"] = "vllm"
    model: str | None = None
    environment: Path | None = None
    replicas: int = Field(1, ge=1, le=1024)
    tensor_parallel: int = Field(1, ge=1)
    gpus: tuple[int, ...] | None = None
    max_model_len: int | None = Field(None, ge=1)
    options: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    start_timeout: float = Field(1800, gt=0)
    restarts: int = Field(3, ge=0)
    grace: float = Field(30, ge=0)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.server == "command") != bool(self.command):
            raise ValueError("give `command`, the command line, for the server `command` and for no other")
        if self.server != "command" and not self.model:
            raise ValueError(f"give the model that {self.server} is to serve")
        return self


@dataclass(frozen=True, slots=True)
class Placement:
    """Where one server runs, and what it goes by.

    Its port, the name that requests call its model by, the token that it asks for, its GPUs (None: whatever it
    sees), and a folder for a file that nobody but this user may read.
    """

    port: int
    name: str
    token: str
    gpus: tuple[str, ...] | None
    folder: Path

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/v1"


@dataclass(frozen=True, slots=True)
class Command:
    """How a server is started: its command line, what is added to its environment, what must exist before."""

    argv: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    files: dict[Path, str] = field(default_factory=dict)  # written for this user alone
    folders: tuple[Path, ...] = ()


def command_for(launch: LaunchSettings, place: Placement) -> Command:
    """What starts this replica; raises EnvironmentFailure when the server is not installed."""
    return import_module(f".{launch.server}", __name__).command(launch, place)


def tries_for(launch: LaunchSettings) -> dict[str, tuple[str, ...]]:
    """Options that may be faster than those given, by name."""
    return import_module(f".{launch.server}", __name__).tries(launch.options)


def environment_for(launch: LaunchSettings, place: Placement, inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment of every server: its own programs first, its GPUs alone, its log unbuffered."""
    environment = {**inherited, "PYTHONUNBUFFERED": "1"}
    if launch.environment:
        home = launch.environment.expanduser()
        environment["VIRTUAL_ENV"] = str(home)
        environment["PATH"] = os.pathsep.join([str(home / "bin"), inherited.get("PATH", os.defpath)])
    if place.gpus is not None:
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(place.gpus)
    return environment


def find(name: str, environment: Path | None) -> str | None:
    """The program of that name: in the environment where one is given, else beside this Python or on PATH."""
    if environment:
        return shutil.which(name, path=str(environment.expanduser() / "bin"))
    return shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)


def program(name: str, launch: LaunchSettings) -> str:
    """The path of a program that must be there; raises EnvironmentFailure."""
    if found := find(name, launch.environment):
        return found
    where = f"in {launch.environment}/bin" if launch.environment else "on PATH"
    raise EnvironmentFailure(
        f"teacher.launch.server: no `{name}` {where}; install {launch.server} in a virtual environment of its "
        "own and name its folder in teacher.launch.environment"
    )


def gpu_groups(launch: LaunchSettings, environment: Mapping[str, str]) -> list[tuple[str, ...] | None]:
    """The GPUs of each replica, none shared; None for each where the machine has no GPU. Raises BadInput."""
    visible = _visible_gpus(launch, environment)
    if visible is None:
        return [None] * launch.replicas
    size = launch.tensor_parallel
    if visible and len(visible) < launch.replicas * size:
        raise BadInput(
            f"teacher.launch: {launch.replicas} replicas of {size} GPUs need {launch.replicas * size}; "
            f"there are {len(visible)} ({', '.join(visible)})"
        )
    return [visible[number * size :][:size] for number in range(launch.replicas)]


def _visible_gpus(launch: LaunchSettings, environment: Mapping[str, str]) -> tuple[str, ...] | None:
    if launch.gpus is not None:
        return tuple(str(gpu) for gpu in launch.gpus)
    if (named := environment.get("CUDA_VISIBLE_DEVICES")) is not None:
        return tuple(name.strip() for name in named.split(",") if name.strip())
    devices = [path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*")]
    return tuple(sorted(devices, key=int)) or None
