"""What the journal has acknowledged is on disk; what it cannot write is said to everyone who waits."""

import asyncio
from pathlib import Path

import pytest
from genteach.generate.journal import DONE, Journal, Settled
from genteach.generate.teacher import Reply
from genteach.run import EnvironmentFailure

REPLY = Reply("yes", "stop", 1, 1, "a model")
KEY = b"\0" * 32


def test_a_row_that_cannot_be_written_fails_it_and_all_that_come_later(tmp_path: Path) -> None:
    async def go() -> None:
        journal = Journal(tmp_path / "journal.sqlite")
        await journal.record_call("a", KEY, 0, "asker", REPLY)
        huge = Reply("yes", "stop", 2**70, 1, "a model")
        for reply in (huge, REPLY):
            with pytest.raises(EnvironmentFailure, match="journal.sqlite: .*too large.*run again"):
                await asyncio.wait_for(journal.record_call("b", KEY, 0, "asker", reply), 10)
        journal.close()

    asyncio.run(go())
    journal = Journal(tmp_path / "journal.sqlite")
    assert len(journal.calls("a")) == journal.count("calls") == 1
    journal.close()


def test_reopening_keeps_the_calls_unless_told_and_remembers_why(tmp_path: Path) -> None:
    async def go() -> None:
        journal = Journal(tmp_path / "journal.sqlite")
        await journal.record_call("a", KEY, 0, "asker", REPLY)
        await journal.settle(Settled("a", "toy", "seed", DONE, pairs=({"id": "1"},)))
        await journal.reopen(recipe="new")
        counts = [journal.count(table) for table in ("items", "outcomes", "calls")]
        assert (counts, journal.fact("recipe")) == ([0, 0, 1], "new")
        await journal.reopen(keep_calls=False, teacher="another")
        assert (journal.count("calls"), journal.fact("teacher")) == (0, "another")
        journal.close()

    asyncio.run(go())
