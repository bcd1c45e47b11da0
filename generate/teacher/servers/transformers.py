"""`transformers serve`: for a model that no faster server knows. It asks for no token."""

import os
from pathlib import Path

from ....run import BadInput
from . import HOST, Command, LaunchSettings, Placement, program


def command(launch: LaunchSettings, place: Placement) -> Command:
    """Its list of models answers 500 where there is no hub cache, so the folder of one is made."""
    if launch.max_model_len:
        raise BadInput("teacher.launch.max_model_len: `transformers serve` has no such option; leave it out")
    if place.name != launch.model:
        raise BadInput(
            f"teacher.model: {place.name!r}: `transformers serve` calls it {launch.model!r}; leave it out"
        )
    argv = [program("transformers", launch), "serve", str(launch.model)]
    argv += ["--host", HOST, "--port", str(place.port)]
    return Command((*argv, *launch.options), folders=(_hub_cache(),))


def _hub_cache() -> Path:
    """Where huggingface_hub keeps what it downloads."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or f"{home}/huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or f"{home}/hub").expanduser()


def tries(options: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """What may be faster than these options, by name."""
    return {"--continuous-batching": (*options, "--continuous-batching")}
