"""The prompts that stand in tests/prompts/ are those that are sent, whole, and with nothing of another record."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from genteach.generate.agent import SYSTEM
from genteach.generate.author.walk import walks
from genteach.generate.seeds import Seed
from genteach.generate.skills import NAMES, load
from genteach.generate.teacher import TeacherSettings

from .prompt_snapshots import FOLDER, snapshot

CANARY = "the canary of document {} sings at dawn"


@pytest.mark.parametrize("name", NAMES)
def test_the_prompts_for_reading_are_those_that_are_sent(name: str) -> None:
    written = (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    assert written == snapshot(load(name)), "on purpose? python tests/prompt_snapshots.py"


@pytest.mark.parametrize("name", NAMES)
def test_each_says_role_task_format_and_when_to_decline(name: str) -> None:
    prompts = (FOLDER / f"{name}.txt").read_text(encoding="utf-8").split("##### ")[1:]
    assert [prompt.split(":")[0] for prompt in prompts] == ["a transformation", "an entry", "a refinement"]
    for prompt in prompts:
        assert SYSTEM in prompt and prompt.count("=== ") == 2
        assert re.search(r"\[end of document 0123456789ab\]\n\nYou [^\n]+\n\nTask: ", prompt)
        assert "Reply in exactly this format" in prompt and "<unsuitable>" in prompt


@pytest.mark.parametrize("name", [name for name in NAMES if not load(name).needs])
def test_no_prompt_holds_the_text_of_another_document(name: str, tmp_path: Path) -> None:
    skill, offline = load(name), TeacherSettings.parse("offline")
    seeds = [_seed(number, min(skill.kinds)) for number in range(4)]

    async def walk() -> dict[str, str]:
        found = [each async for each in walks(skill, seeds, offline, tmp_path)]
        return {each.seed.id: str([request.messages for request, _ in each.asked]) for each in found}

    prompts = asyncio.run(walk())
    for number, seed in enumerate(seeds):
        assert CANARY.format(number) in prompts[seed.id]
        others = [CANARY.format(other) for other in range(4) if other != number]
        assert not any(other in prompts[seed.id] for other in others)


def _seed(number: int, kind: str) -> Seed:
    """A document that is mostly its canary, and otherwise like the others."""
    text = f"In {1900 + number} the river rose by {number + 2} metres. {CANARY.format(number)}. " * 12
    return Seed(f"{number:032x}", text, kind, f"document {number}", (0, len(text)), "tests", "CC0-1.0")
