"""The typed train.yaml: the names of TRL's SFTConfig, flat, and a few of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BeforeValidator, Field, model_validator

from ..config import Strict, load
from ..run import BadInput

Backend = Literal["plain", "ddp", "zero1", "zero2", "zero3", "fsdp"]


def _number(value: Any) -> Any:
    """YAML 1.1 reads 2e-5 as text; better refused than guessed."""
    if isinstance(value, str):
        raise ValueError("expected a number, found text")
    return value


Number = Annotated[float, BeforeValidator(_number)]
Count = Annotated[int, Field(ge=1)]


class Recipe(Strict):
    """One training run. Names that SFTConfig knows mean what they mean there."""

    # Ours: what is read and written.
    model_name_or_path: str
    data: tuple[Path, ...] = Field(min_length=1)
    data_format: Literal["messages", "text"] = "messages"
    template: str = "tags"
    tokens: Path
    output_dir: Path

    # Ours: the batch. Gradient accumulation is derived, so that the product holds on any machine.
    global_batch_size: Count
    attn_implementation: str = "auto"
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"

    # Ours: what the launcher must have given, checked before the first step.
    expected_processes: Count | None = None
    expected_backend: Backend | None = None

    # SFTConfig's.
    max_length: Annotated[int, Field(ge=8)]
    per_device_train_batch_size: Count = 1
    learning_rate: Annotated[Number, Field(gt=0, lt=1)]
    lr_scheduler_type: Literal["cosine", "linear", "constant", "constant_with_warmup"] = "cosine"
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    weight_decay: Annotated[Number, Field(ge=0)] = 0.0
    adam_beta1: Annotated[Number, Field(ge=0, lt=1)] = 0.9
    adam_beta2: Annotated[Number, Field(ge=0, lt=1)] = 0.999
    adam_epsilon: Annotated[Number, Field(gt=0)] = 1.0e-8
    max_grad_norm: Annotated[Number, Field(ge=0)] = 1.0
    num_train_epochs: Annotated[Number, Field(gt=0)] = 1.0
    max_steps: int = -1
    optim: str = "adamw_torch_fused"
    bf16: bool = False
    activation_checkpointing: bool = False
    activation_checkpointing_kwargs: dict[str, Any] | None = None
    seed: int = 0
    logging_steps: Count = 10
    save_steps: Count = 500
    save_total_limit: Annotated[int, Field(ge=2)] = 3
    dataloader_num_workers: Annotated[int, Field(ge=0)] = 0
    ddp_timeout: Count = 1800
    report_to: Literal["none", "tensorboard", "wandb", "mlflow"] = "none"

    @model_validator(mode="before")
    @classmethod
    def _one_or_many(cls, values: Any) -> Any:
        """`data: folder` is `data: [folder]`."""
        if isinstance(values, dict) and isinstance(values.get("data"), str | Path):
            return {**values, "data": (values["data"],)}
        return values

    @model_validator(mode="after")
    def _agree(self) -> Recipe:
        if self.save_steps % self.logging_steps:
            raise ValueError(
                f"save_steps ({self.save_steps}) must be a multiple of logging_steps ({self.logging_steps}), "
                "or a resumed run would log another loss"
            )
        if self.global_batch_size % self.per_device_train_batch_size:
            raise ValueError(
                f"global_batch_size ({self.global_batch_size}) must be a multiple of "
                f"per_device_train_batch_size ({self.per_device_train_batch_size})"
            )
        return self


# What tells one run from another on disk; the rest may change between a run and its resumption.
NOT_IN_FINGERPRINT = {
    "output_dir", "tokens", "data", "model_name_or_path", "per_device_train_batch_size", "expected_processes",
    "expected_backend", "attn_implementation", "activation_checkpointing", "activation_checkpointing_kwargs",
    "save_total_limit", "dataloader_num_workers", "ddp_timeout", "report_to",
}  # fmt: skip
OURS = {
    "model_name_or_path", "data", "data_format", "template", "tokens", "global_batch_size", "attn_implementation",
    "dtype", "expected_processes", "expected_backend",
}  # fmt: skip


def read_recipe(path: Path, settings: dict[str, Any] | None = None) -> Recipe:
    """The recipe in `path` with `settings` (command-line values) over it; BadInput for the first mistake."""
    return load(path, Recipe, settings or {})


def parse_settings(settings: list[str]) -> dict[str, Any]:
    """`KEY=VALUE` arguments as the recipe would hold them; BadInput for one without a key or a readable value."""
    parsed = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key:
            raise BadInput(f"--set {setting}: expected KEY=VALUE, as in --set max_steps=100")
        try:
            parsed[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise BadInput(
                f"--set {setting}: the value is not YAML; quote it, or close its bracket"
            ) from error
    return parsed
