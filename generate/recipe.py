"""What generate.yaml may say: seeds, skills and their shares, teacher, and the few dials of a run."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from ..config import Strict
from ..run import BadInput, sha256
from .flow import Dials, Skill
from .seeds import Corpus
from .skills import NAMES, load
from .teacher import TeacherSettings

FOLDER = Path(__file__).parent
# With the skills themselves: the files that a prompt, the reading of a reply and its verdict depend on.
DECISIVE = (
    "flow.py",
    "agent.py",
    "reply.py",
    "habits.py",
    "record.py",
    "formats.py",
    "context.py",
    "injection.py",
    "difficulty.py",
)
DECISIVE_FOLDERS = ("steps", "verifiers", "tools", "tools/sandbox", "seeds")
Share = Annotated[float, Field(gt=0, le=1)]


class SkillChoice(Strict):
    """How much of one skill: the share of seeds that it is given (drawn by hash), and what it may draw from."""

    share: Share = 1.0
    transform: tuple[str, ...] = ()
    entries: tuple[str, ...] = ()


class Companion(Strict):
    """A public data set that is mixed with the generated pairs for training (the paper's 3.8 M)."""

    dataset: str
    rows: int = Field(gt=0)
    licence: str


class GenerateRecipe(Strict):
    """One run of `genteach generate`."""

    out: Path
    seeds: tuple[Corpus, ...] = Field(min_length=1)
    skills: dict[str, SkillChoice] = Field(default_factory=dict, min_length=1)
    teacher: TeacherSettings = TeacherSettings.parse("offline")
    more_teachers: tuple[TeacherSettings, ...] = ()
    weaker: TeacherSettings | None = None
    run_seed: int = 0
    held_out: float = Field(0.1, ge=0, lt=1)
    limit: int | None = Field(None, ge=1)
    entries_per_seed: int = Field(3, ge=1)
    refine_rounds: int = Field(1, ge=0, le=5)
    format_share: float = Field(0.5, ge=0, le=1)
    keep_flagged: bool = False
    window: int | None = Field(None, ge=1, le=100_000)
    quarantine_limit: float = Field(0.01, ge=0, le=1)
    companions: tuple[Companion, ...] = ()

    @field_validator("skills", mode="before")
    @classmethod
    def _all_or_named(cls, value: Any) -> Any:
        """`all`, a comma-separated text, a list of names, or a mapping of names to choices."""
        if value == "all":
            value = list(NAMES)
        if isinstance(value, str):
            value = [name.strip() for name in value.split(",")]
        if isinstance(value, list | tuple):
            return {name: {} for name in value}
        return (
            {name: {} if choice is None else choice for name, choice in value.items()}
            if isinstance(value, dict)
            else value
        )

    @model_validator(mode="after")
    def _known_skills(self) -> GenerateRecipe:
        for name in self.skills:
            if name not in NAMES:
                near = difflib.get_close_matches(name, NAMES, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(NAMES)}"
                raise ValueError(f"no skill {name!r}; {hint}")
        return self

    @field_validator("weaker")
    @classmethod
    def _a_model(cls, weaker: TeacherSettings | None) -> TeacherSettings | None:
        if weaker and weaker.kind == "offline":
            raise ValueError("a weaker responder is a model: give the URL of a server, or `launch` one")
        return weaker

    @model_validator(mode="after")
    def _gpus_of_their_own(self) -> GenerateRecipe:
        everyone = (*self.teachers, *([self.weaker] if self.weaker else []))
        launched = [each.launch for each in everyone if each.launch]
        if len(launched) > 1 and any(launch.gpus is None for launch in launched):
            raise ValueError("several teachers to launch: give each its own `gpus` in teacher.launch")
        return self

    @property
    def teachers(self) -> tuple[TeacherSettings, ...]:
        """Those whom the work items are shared among; mostly one."""
        return (self.teacher, *self.more_teachers)

    def flows(self) -> dict[str, tuple[Skill, SkillChoice, Dials]]:
        """The skills to run; raises BadInput for an unknown entry, and for companions."""
        if self.companions:
            raise BadInput("companions: mixing them in is not built yet; leave the key out, or train on both")
        flows = {}
        for name, choice in self.skills.items():
            skill = load(name)
            _check_names(name, "transform", choice.transform, [agent.name for agent in skill.transform])
            _check_names(name, "entries", choice.entries, [entry.name for entry in skill.instruct])
            dials = Dials(
                self.entries_per_seed,
                self.refine_rounds,
                frozenset(choice.transform),
                frozenset(choice.entries),
                self.format_share,
                self.keep_flagged,
            )
            flows[name] = (skill, choice, dials)
        return flows

    def corpora(self) -> list[Corpus]:
        """The seeds' corpora; the built-in one, where its kind is left open, gives what the skills take."""
        kinds = {kind for skill, _, _ in self.flows().values() for kind in skill.kinds}
        if kinds != {"text"}:
            return list(self.seeds)
        return [
            corpus.model_copy(update={"kind": "text"}) if corpus.builtin and not corpus.kind else corpus
            for corpus in self.seeds
        ]

    def decides(self) -> dict[str, Any]:
        """The part that decides the output: what a resumed run must not change."""
        free = {"out", "window", "quarantine_limit", "companions", "more_teachers"}
        resolved = self.model_dump(mode="json", exclude=free)
        who = [{"kind": each.kind, "model": each.serves, "share": each.share} for each in self.teachers]
        resolved["teacher"] = who if len(who) > 1 else who[0]
        resolved["weaker"] = self.weaker and self.weaker.serves
        return resolved | {"code": _digest_of_code(self.skills)}


def _digest_of_code(skills: Iterable[str]) -> str:
    """A hash of the sources that decide what these skills make of a seed."""
    skill_files = [FOLDER / "skills" / f"{name}.py" for name in skills]
    others = [
        *(FOLDER / name for name in DECISIVE),
        *(file for name in DECISIVE_FOLDERS for file in FOLDER.glob(f"{name}/*.py")),
    ]
    digest = hashlib.sha256()
    for path in sorted([*skill_files, *others]):
        digest.update(f"{path.relative_to(FOLDER)}\0{sha256(path)}\n".encode())
    return digest.hexdigest()[:16]


def _check_names(
    skill: str, key: Literal["transform", "entries"], chosen: tuple[str, ...], known: list[str]
) -> None:
    for name in chosen:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            raise BadInput(f"skills.{skill}.{key}: no {name!r}; {hint}")
