"""Replies are kept as they come: torn lines are cut, whole ones are never touched, and nothing is measured twice."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from genteach.evaluate.item import Reply
from genteach.evaluate.store import Store, key
from genteach.run import BadInput, EnvironmentFailure

WRITER = """
import sys
from pathlib import Path
from genteach.evaluate.item import Reply
from genteach.evaluate.store import Store
with Store(Path(sys.argv[1])) as store:
    for number in range(10**9):
        store.put(f"key {number}", "task", str(number), Reply("x" * 3000, "stop", 1, 2, "p"))
        print(number, flush=True)
"""


def test_a_reply_comes_back_as_it_went_in(tmp_path: Path) -> None:
    reply = Reply("a\nb \u2028 é \ud800 \x00", "length", 7, 9, "digest")
    with Store(tmp_path / "replies.jsonl") as store:
        store.put("k", "task", "item", Reply("first"))
        store.put("k2", "task", "item", reply)
    with Store(tmp_path / "replies.jsonl") as store:
        found = store.replies["k2"]
        assert str(found) == "a\nb \u2028 é ? \x00"  # a lone surrogate is no text
        assert (found.finish_reason, found.prompt_tokens, found.new_tokens) == ("length", 7, 9)
        assert found.prompt_sha256 == "digest"


@pytest.mark.parametrize("tail", ['{"key": "k2", "te', "{", "\x00\x00"])
def test_a_torn_last_line_is_cut_and_never_glued(tmp_path: Path, tail: str) -> None:
    path = tmp_path / "replies.jsonl"
    with Store(path) as store:
        store.put("k1", "task", "item", Reply("one"))
    whole = path.read_bytes()
    path.write_bytes(whole + tail.encode())
    with Store(path) as store:
        assert list(store.replies) == ["k1"]
        store.put("k2", "task", "item", Reply("two"))
    with Store(path) as store:
        assert [str(reply) for reply in store.replies.values()] == ["one", "two"]
    assert path.read_bytes().startswith(whole)


def test_a_broken_line_within_is_named(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    path.write_text("nonsense\n")
    with pytest.raises(BadInput, match=r"replies.jsonl:1: not a stored reply"):
        Store(path)


def test_two_evaluations_do_not_write_into_one_file(tmp_path: Path) -> None:
    with Store(tmp_path / "replies.jsonl"), pytest.raises(EnvironmentFailure, match="another evaluation"):
        Store(tmp_path / "replies.jsonl")


def test_every_counted_reply_outlives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, env=os.environ, text=True
    )
    assert writer.stdout is not None
    counted = [next(writer.stdout) for _ in range(50)]
    writer.send_signal(signal.SIGKILL)
    counted += writer.stdout.readlines()
    writer.wait()
    with Store(path) as store:
        kept = set(store.replies)
    assert {f"key {int(number)}" for number in counted if number.endswith("\n")} <= kept


def test_a_key_depends_on_all_that_decides_a_reply() -> None:
    asked = ("task", "item", "model", "prompt", {"temperature": 0.0})
    others = [
        (*asked[:place], other, *asked[place + 1 :])
        for place, other in enumerate(["task2", "item2", "model2", "prompt2", {"temperature": 1.0}])
    ]
    assert len({key(*each) for each in [asked, *others]}) == 6  # type: ignore[arg-type]
    assert key("ab", "c", "m", "p", {}) != key("a", "bc", "m", "p", {})
