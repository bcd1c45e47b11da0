"""What the journal has acknowledged is on disk; what it cannot write is said to everyone who waits."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from genteach.generate.journal import DONE, PAIR, Call, ItemName, Journal, Settled
from genteach.generate.snapshot import Snapshot
from genteach.generate.teacher import Reply
from genteach.run import EnvironmentFailure

REPLY = Reply("yes", "stop", 1, 1, "a model")
CALL = Call("asker", b"\0" * 16, 0, REPLY)
A, B = (ItemName(letter * 32, "toy", "seed") for letter in "ab")


def test_a_row_that_cannot_be_written_fails_it_and_all_that_come_later(tmp_path: Path) -> None:
    async def go() -> None:
        journal = Journal(tmp_path / "journal.sqlite")
        await journal.record_call(A, CALL)
        huge = Reply("yes", "stop", 2**70, 1, "a model")
        for call in (replace(CALL, reply=huge), CALL):
            with pytest.raises(EnvironmentFailure, match="journal.sqlite: .*too large.*run again"):
                await asyncio.wait_for(journal.record_call(B, call), 10)
        journal.close()

    asyncio.run(go())
    journal = Journal(tmp_path / "journal.sqlite")
    assert len(journal.calls(A.id)) == journal.count_calls() == 1
    journal.close()


def test_reopening_keeps_the_calls_unless_told_and_remembers_why(tmp_path: Path) -> None:
    async def go() -> None:
        journal = Journal(tmp_path / "journal.sqlite")
        await journal.record_call(A, CALL)
        await journal.settle(Settled(A, DONE, pairs=({"id": "1"},)))
        await journal.reopen(recipe="new")
        with Snapshot(journal.path) as staged:
            assert not list(staged.outcomes(PAIR))
        counts = (journal.count_settled(), journal.count_calls())
        assert (*counts, journal.fact("recipe")) == (0, 1, "new")
        await journal.reopen(keep_calls=False, teacher="another")
        assert (journal.count_calls(), journal.fact("teacher")) == (0, "another")
        journal.close()

    asyncio.run(go())
