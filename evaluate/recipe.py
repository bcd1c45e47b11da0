"""evaluate.yaml: which model answers which items, and how."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from ..config import Strict
from ..generate.teacher import TeacherSettings

BENCHMARKS = ("agieval", "bbh", "gsm8k", "mmlu")


class EvaluateRecipe(Strict):
    """One evaluation. `model` is a checkpoint folder, a hub id, or the `http://host:port/v1#name` of a server."""

    model: str = Field(min_length=1)
    tasks: tuple[str, ...] = ()
    """Benchmarks (agieval, bbh, gsm8k, mmlu) or single subtasks of theirs (agieval_zs_aqua_rat)."""
    data: Path | None = None
    """A folder with the benchmarks' files; without one they come from the hub."""
    orca_bench: Path | None = None
    """The folder that `genteach orca-bench build` wrote."""
    limit: int | None = Field(None, ge=1)
    """Items per benchmark, spread over its subtasks by hash; without one, all."""
    out: Path | None = None
    """Without one, `results/NAME` beside the checkpoint, or here for a model that is no folder."""
    batch_size: int = Field(32, ge=1)
    max_new_tokens: int = Field(1024, ge=1)
    device: str = Field("auto", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    judge: TeacherSettings | None = None
    """Who judges the Orca-Bench items that allow no exact match; without one they are not measured."""

    @property
    def folder(self) -> Path:
        """Where the results go."""
        if self.out:
            return self.out
        name = self.model.rpartition("#")[2].rstrip("/").rpartition("/")[2]
        return (Path(self.model).parent if Path(self.model).is_dir() else Path()) / "results" / name

    @property
    def is_server(self) -> bool:
        """Whether `model` is a server's address rather than a checkpoint."""
        return self.model.startswith(("http://", "https://"))

    @field_validator("tasks", mode="before")
    @classmethod
    def _from_commas(cls, value: object) -> object:
        return (
            [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value
        )

    @field_validator("judge")
    @classmethod
    def _a_model(cls, judge: TeacherSettings | None) -> TeacherSettings | None:
        if judge and judge.kind == "offline":
            raise ValueError("the offline teacher cannot judge; give the URL of a server, or leave judge out")
        return judge
