"""The noun that flows: one seed on its way to becoming a pair, with everything that happened to it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from .seeds import Seed


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened: the agent, the call that it made (its key, in hex), and what was chosen."""

    agent: str
    call: str
    choice: str


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a conversation; of a teacher's turns the student learns, of the others it only reads."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Record:
    """A seed, the fields that agents have written so far, and the lineage; never changed in place.

    `turns` is the conversation so far, of a skill whose pairs have more than one question and one reply.
    """

    seed: Seed
    skill: str
    fields: Mapping[str, str]
    entry: str = ""
    lineage: tuple[Step, ...] = ()
    turns: tuple[Turn, ...] = ()

    @classmethod
    def begin(cls, skill: str, seed: Seed) -> Record:
        """The record with which a flow starts: its only field is the seed's text, as `document`."""
        return cls(seed, skill, {"document": seed.text})

    def with_fields(self, written: Mapping[str, str], step: Step | None = None) -> Record:
        """A new record with `written` laid over its fields, and `step` at the end of its lineage."""
        lineage = (*self.lineage, step) if step else self.lineage
        return replace(self, fields={**self.fields, **written}, lineage=lineage)

    def saying(self, role: Literal["system", "user", "assistant"], content: str) -> Record:
        """A new record with one turn more in its conversation."""
        return replace(self, turns=(*self.turns, Turn(role, content)))

    def at(self, entry: str) -> Record:
        """The record on its way through one entry of the taxonomy."""
        return replace(self, entry=entry)

    @property
    def path(self) -> str:
        """Which way it took, whatever was said on it: what is drawn for a record goes by this, so that the same is drawn
        after a prompt was edited."""
        way = "\0".join(f"{step.agent}\1{step.choice}" for step in self.lineage)
        return hashlib.sha256(f"{self.entry}\0{way}".encode()).hexdigest()[:16]

    @property
    def id(self) -> str:
        """32 hex characters: where it came from and the path that it took; the same on every run."""
        path = "\0".join(f"{step.agent}\1{step.call}\1{step.choice}" for step in self.lineage)
        return hashlib.sha256(f"{self.skill}\0{self.seed.id}\0{self.entry}\0{path}".encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verifier found: whether the answer holds, how it knows, and why not (a short name, a line for people)."""

    accepted: bool
    by: str
    reason: str = ""
    detail: str = ""
    vote_share: float | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
