"""The embedded default teacher: it answers by rule from what an agent's prompt was filled with."""

import importlib
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import orjson

from ..reply import Declined, Fields, decline
from ..skills import load
from . import Draining, Guided, Reply, Request

NAME = "offline rule-based teacher"
FOLDER = Path(__file__).parents[1] / "skills" / "offline"
Rule = Callable[[Fields, Random], list[Fields] | Fields | str]
"""From what the agent reads, and a source of chance: the items of its reply, the one item, or a free text."""


class Rules:
    """The rules beside the skills: a file per skill in skills/offline, with `RULES`, agent name to rule."""

    def __init__(self, by_skill: dict[str, dict[str, Rule]], digest: str) -> None:
        self.digest = digest
        self._by_skill = by_skill

    @classmethod
    def load(cls, folder: Path = FOLDER) -> "Rules":
        """Import every rule file of the folder; the digest is that of their sources."""
        files = sorted(path for path in folder.glob("*.py") if not path.name.startswith("_"))
        return cls({path.stem: _rules_in(path) for path in files}, _digest(sorted(folder.glob("*.py"))))

    def agents(self, skill: str) -> frozenset[str]:
        """The agents of the skill for which there is a rule."""
        return frozenset(self._by_skill.get(skill, {}))

    def answer(self, skill: str, agent: str, seed_id: str, n: int, fields: dict[str, Any]) -> str:
        """The reply, the same for the same arguments; it declines where the rule does, or is missing."""
        rule = self._by_skill.get(skill, {}).get(agent)
        if rule is None:
            return decline(f"the {NAME} has no rule for the agent {agent!r} of the skill {skill!r}")
        identity = orjson.dumps([skill, agent, seed_id, n, fields], option=orjson.OPT_SORT_KEYS)
        # The rule gets what JSON keeps of the fields: the same in process and behind HTTP.
        _, _, _, _, inputs = orjson.loads(identity)
        try:
            said = rule(inputs, Random(sha256(identity).digest()))
        except Declined as declined:
            return decline(str(declined))
        return said if isinstance(said, str) else _written(skill, agent, said)


class OfflineTeacher:
    """The rules as a teacher. Its tokens are words counted by white space: it has no tokenizer."""

    name = NAME
    guided: Guided = "none"
    limit = 32

    def __init__(self, rules: Rules | None = None) -> None:
        self._rules = rules
        self._draining = False

    async def start(self) -> dict[str, Any]:
        self._rules = self._rules or Rules.load()
        return {"kind": "offline", "model": NAME, "guided": self.guided, "rules": self._rules.digest}

    async def ask(self, request: Request) -> Reply:
        if self._rules is None:
            raise RuntimeError("start() the teacher before asking it")
        if self._draining:
            raise Draining
        text = self._rules.answer(request.skill, request.agent, request.seed_id, request.n, request.fields)
        asked = sum(words(message["content"]) for message in request.messages)
        return Reply(text, "stop", asked, words(text), NAME)

    def drain(self) -> None:
        self._draining = True

    def report(self) -> dict[str, Any]:
        """Nothing to say: it has no replicas, no queue and no cache."""
        return {}

    async def close(self) -> None:
        """Nothing is open."""


def words(text: str) -> int:
    """The number of words: what the teachers without a tokenizer report as tokens."""
    return len(text.split())


def _written(skill: str, agent: str, said: list[Fields] | Fields) -> str:
    """The reply that says this in the form that the agent asks for."""
    asked = load(skill).agent(agent)
    if asked is None:
        raise ValueError(f"a rule answers for {agent!r}, which the skill {skill!r} does not have")
    return asked.form.write(said if isinstance(said, list) else [said])


def _rules_in(path: Path) -> dict[str, Rule]:
    return importlib.import_module(f"..skills.offline.{path.stem}", __package__).RULES


def _digest(files: Iterable[Path]) -> str:
    digest = sha256()
    for path in files:
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return digest.hexdigest()
