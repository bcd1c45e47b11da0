"""Complete runs with recorded replies, over HTTP: every skill comes to accepted pairs, and loses what is wrong."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from genteach.generate.author.walk import Walk, walks
from genteach.generate.skills import NAMES, load
from genteach.generate.teacher import TeacherSettings
from genteach.generate.teacher.fake import Call, FakeTeacher, answers_recorded
from genteach.generate.tools import sandbox
from genteach.run import EnvironmentFailure

from .recordings import FOLDER, Recording, index, recordings, sections

RUNS = 3
MODEL = "recorded answers"


class Played:
    """A skill's recorded runs, played back once: what came of each, and the replies that nobody asked for."""

    def __init__(self, skill: str, folder: Path) -> None:
        self.skill = load(skill)
        self.recordings = recordings(skill)
        self.used: set[tuple[str, str, int]] = set()
        (folder / "replies").mkdir()
        shutil.copy(FOLDER / skill / "replies.jsonl", folder / "replies")
        self.known = answers_recorded(folder / "replies")
        if "index" in self.skill.needs:
            index(folder)
        self.walks = asyncio.run(self._play(folder))

    def _answer(self, call: Call) -> str:
        reply = self.known(call)
        self.used.add((call.seed_id, call.agent, call.number))
        return reply

    async def _play(self, folder: Path) -> list[Walk]:
        async with FakeTeacher(self._answer, MODEL).serve() as url:
            teacher = TeacherSettings(url=url)
            return [await self._walk(recording, teacher, folder) for recording in self.recordings]

    async def _walk(self, recording: Recording, teacher: TeacherSettings, folder: Path) -> Walk:
        told = (teacher, folder, recording.dials, recording.run_seed)
        [walk] = [each async for each in walks(self.skill, [recording.seed], *told)]
        return walk


@pytest.fixture(scope="module", params=NAMES)
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Played:
    if not sections() and '"document"' in (FOLDER / request.param / "seeds.jsonl").read_text():
        pytest.skip("its seeds are sections of OpenStax: set GENTEACH_DATA to the folder that has seeds/")
    if "sandbox" in load(request.param).needs:
        try:
            asyncio.run(sandbox.ready())
        except EnvironmentFailure as failure:
            pytest.skip(str(failure))
    return Played(request.param, tmp_path_factory.mktemp(request.param))


def test_every_recorded_run_ends_with_an_accepted_pair(played: Played) -> None:
    assert len(played.walks) == RUNS
    for walk in played.walks:
        assert not walk.failure
        assert walk.pairs, [outcome.reason for outcome in walk.outcomes]


def test_every_reply_was_asked_for(played: Played) -> None:
    lines = (FOLDER / played.skill.name / "replies.jsonl").read_text().splitlines()
    own = {seed for seed, _, _ in played.used} - {""}
    assert own == {recording.seed.id for recording in played.recordings}
    assert len([key for key in played.used if key[0]]) == len(lines)


def test_what_was_lost_has_its_reason(played: Played) -> None:
    lost = [outcome for walk in played.walks for outcome in walk.outcomes if not outcome.verdict]
    assert all(outcome.step and outcome.reason for outcome in lost)
    assert lost or any(walk.declined for walk in played.walks), (
        "a strong model declines or slips now and then"
    )


def test_the_runs_cover_different_parts_of_the_skill(played: Played) -> None:
    records = [outcome.record for walk in played.walks for outcome in walk.pairs]
    assert len({record.entry for record in records}) >= RUNS
    assert len({record.fields["transformation"] for record in records}) >= min(
        RUNS, len(played.skill.transform)
    )
    assert any("goal" in record.fields for record in records), "no refined instruction became a pair"
