"""Whether the launcher gave what was asked for; several known ways to misconfigure it fail in silence."""

from __future__ import annotations

import os
from typing import Any

from ..run import BadInput, EnvironmentFailure
from .recipe import Recipe

SMALL = 50_000_000  # parameters; below, threads wait for each other longer than they work


def is_deepspeed() -> bool:
    """Whether `accelerate launch` asked for DeepSpeed."""
    return os.environ.get("ACCELERATE_USE_DEEPSPEED", "false") == "true"


def settle_on_cpu() -> None:
    """On a machine without a GPU, tell DeepSpeed so, which transformers imports: it would warn."""
    import torch

    if not torch.cuda.is_available():
        os.environ.setdefault("DS_ACCELERATOR", "cpu")


def settle_threads(parameters: int) -> None:
    """On a machine without a GPU: one thread for a small model, unless OMP_NUM_THREADS says otherwise.

    The threads of a small model spend their time waiting for each other: two were 8 times slower than one
    (measured with a million parameters on two shared cores). Where there are more processes, torchrun sets one.
    """
    import torch

    if not torch.cuda.is_available() and parameters < SMALL and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)


def world_size() -> int:
    """The processes that the launcher says it started."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def name_backend(accelerator: Any) -> str:
    """The name, in a recipe's `expected_backend`, of what joins the processes."""
    kind = accelerator.distributed_type.value
    if kind == "DEEPSPEED":
        return f"zero{accelerator.state.deepspeed_plugin.zero_stage}"
    return {"NO": "plain", "FSDP": "fsdp"}.get(kind, "ddp")


def check_launch(recipe: Recipe, processes: int, backend: str) -> None:
    """EnvironmentFailure unless the processes are as many, and joined in the way, that launcher and recipe say."""
    if processes != world_size():
        raise EnvironmentFailure(
            f"the launcher started {world_size()} processes but {processes} of them work together; they would train "
            "apart from each other. Use a file of recipes/accelerate/"
        )
    if is_deepspeed() and not backend.startswith("zero"):
        raise EnvironmentFailure(
            f"DeepSpeed was asked for, but the processes are joined by {backend}; is it installed?"
        )
    if recipe.expected_processes not in (None, processes):
        raise EnvironmentFailure(
            f"expected_processes: {recipe.expected_processes}, but the launcher gave {processes}; "
            "check num_processes in the accelerate file (`accelerate launch --cpu --num_processes 2` starts one)"
        )
    if recipe.expected_backend not in (None, backend):
        raise EnvironmentFailure(
            f"expected_backend: {recipe.expected_backend}, but the launcher gave {backend}"
        )


def check_resume(written_by: dict[str, Any], processes: int, backend: str) -> None:
    """BadInput where a checkpoint cannot be read by this launch: ZeRO's is cut for its own number of processes."""
    before = (written_by.get("backend", backend), written_by.get("processes", processes))
    zero = any(name.startswith("zero") for name in (before[0], backend))
    if zero and before != (backend, processes):
        raise BadInput(
            f"output_dir: its newest checkpoint was written by {before[0]} on {before[1]} processes and cannot be "
            f"read by {backend} on {processes}; launch as before, or start in another output_dir"
        )
