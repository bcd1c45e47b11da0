"""`genteach try` and `genteach new-skill`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import ExitStack, aclosing
from pathlib import Path
from tempfile import TemporaryDirectory

from ...progress import say
from ...run import BadInput, Failure, make_folder
from ..flow import Skill
from ..seeds import Corpus, Seed
from ..skills import find, load_file
from ..teacher import (
    Request,
    Sampling,
    Teacher,
    TeacherFailure,
    TeacherSettings,
    open_teacher,
    response_format,
)
from .check import faults
from .draft import AGAIN, ASKED, Draft, Invalid, read
from .render import render
from .tree import counted, show
from .walk import Walk, first_seeds, walks

SYSTEM = "You design data sets that teach language models, and you write prompts that others can act on."
DRAFTING = Sampling(temperature=0.5, max_tokens=32_000)  # 43 entries of a few sentences each, and then some


def try_skill(
    name: str, corpus: Corpus, count: int, teacher: TeacherSettings, out: Path | None, show_prompts: bool
) -> None:
    """Walk a skill, by its name or its file, over the first seeds of a corpus and print what came of each.

    `out` keeps the replies. Raises BadInput for a skill or seeds that are not there.
    """
    skill = find(name)
    with ExitStack() as held:
        folder = out or Path(held.enter_context(TemporaryDirectory(prefix="genteach-try-")))
        seeds = first_seeds(corpus, skill, count, make_folder(folder))
        asyncio.run(show_all(skill, seeds, teacher, folder, show_prompts))


async def show_all(
    skill: Skill, seeds: Sequence[Seed], teacher: TeacherSettings, folder: Path, prompts: bool = False
) -> None:
    """Print each walk as it ends, and what they gave and took together."""
    done: list[Walk] = []
    async with aclosing(walks(skill, seeds, teacher, folder)) as walked:
        async for walk in walked:
            show(walk, prompts=prompts)
            done.append(walk)
    pairs = sum(len(walk.pairs) for walk in done)
    tokens = sum(sum(walk.tokens) for walk in done)
    each = f", {tokens / pairs:,.0f} for each pair" if pairs else ""
    found = f"{counted(pairs, 'pair')} from {counted(len(done), 'seed')}"
    say(f"{skill.name}: {found}; {tokens:,} tokens{each}")


def new_skill(
    specification: str, settings: TeacherSettings, out: Path, corpus: Corpus | None, count: int
) -> None:
    """Have the teacher draft a skill, write it to `out`/NAME.py, and walk it over the first seeds of the corpus.

    Raises BadInput for a teacher that cannot draft, Failure where the draft stays wrong.
    """
    if settings.kind == "offline":
        raise BadInput(
            "--teacher offline: its rules cannot draft; name a server, such as http://127.0.0.1:8000/v1"
        )
    path, skill = asyncio.run(_drafted(specification, settings, make_folder(out)))
    say(f"{path}: {len(skill.transform)} transformations, {len(skill.instruct)} entries, no fault found")
    if corpus:
        seeds = first_seeds(corpus, skill, count, out)
        asyncio.run(show_all(skill, seeds, settings, out))
    say(
        f"Read its prompts: genteach try {path} --seeds … --show-prompts; to use it, put it into generate/skills/"
    )


async def _drafted(specification: str, settings: TeacherSettings, out: Path) -> tuple[Path, Skill]:
    """The skill's file; a draft that is wrong goes back once, with every fault by its field."""
    teacher = open_teacher(settings, out / "logs")
    messages = [_message("system", SYSTEM), _message("user", _asked(specification))]
    try:
        await teacher.start()
        reply = await _reply(teacher, messages, 0)
        try:
            return _accepted(reply, out)
        except Invalid as invalid:
            say(f"The draft goes back: {invalid}")
            complaint = AGAIN.format(faults="\n".join(f"- {fault}" for fault in invalid.faults))
        messages += [_message("assistant", reply), _message("user", complaint)]
        try:
            return _accepted(await _reply(teacher, messages, 1), out)
        except Invalid as invalid:
            raise Failure(f"{settings.url}: its draft stays wrong: {invalid}") from invalid
    finally:
        await teacher.close()


def _accepted(reply: str, out: Path) -> tuple[Path, Skill]:
    """Write the skill that a reply drafts; raises Invalid, and leaves no file then."""
    draft = read(reply)
    path = out / f"{draft.name}.py"
    path.write_text(render(draft), encoding="utf-8")
    skill = load_file(path)
    if found := faults(skill):
        path.unlink()
        raise Invalid(found)
    return path, skill


def _asked(specification: str) -> str:
    schema = json.dumps(Draft.model_json_schema(), ensure_ascii=False)
    return ASKED.substitute(specification=specification.strip(), schema=schema)


async def _reply(teacher: Teacher, messages: Sequence[dict[str, str]], number: int) -> str:
    form = response_format(Draft.model_json_schema(), teacher.guided)
    request = Request(tuple(messages), DRAFTING, form, skill="new_skill", agent="draft", number=number)
    try:
        reply = await teacher.ask(request)
    except TeacherFailure as failure:
        raise Failure(f"{teacher.name}: gave no draft: {failure}") from failure
    return reply.text


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}
