"""Real documents to pairs with the one line that a user types."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from genteach.generate.pairs import read_pairs
from genteach.generate.tools.answers import plain_text
from genteach.generate.verifiers import NOT_STATED

DATA = os.environ.get("GENTEACH_DATA")
GENTEACH = [sys.executable, "-m", "genteach.cli"]


@pytest.mark.skipif(DATA is None, reason="GENTEACH_DATA is not set: no real documents")
def test_a_folder_of_textbook_sections_gives_hundreds_of_verified_pairs(tmp_path: Path) -> None:
    out = tmp_path / "openstax"
    options = [
        "--seeds",
        f"{DATA}/seeds/folder",
        "--teacher",
        "offline",
        "--skills",
        "reading_comprehension,text_modification,open_domain_qa",
        "--out",
        str(out),
    ]
    subprocess.run([*GENTEACH, "generate", *options], check=True, capture_output=True)
    pairs = list(read_pairs(out / "rounds/0001"))
    assert len(pairs) >= 300
    assert min(Counter(pair["skill"] for pair in pairs).values()) >= 50
    for pair in pairs:
        assert (pair["verdict"], bool(pair["verified_by"])) == ("accepted", True)
        assert pair["licence"] == "LicenseRef-user-supplied"
        document = (Path(str(DATA)) / "seeds" / pair["document"]).read_text()
        start, end = pair["span"]
        assert document[start:end].strip()
        if pair["entry"] == "literal_comprehension" and pair["answer"] != NOT_STATED:
            passage, _, _ = pair["messages"][0]["content"].rpartition("\n\n")
            assert plain_text(pair["answer"]) in plain_text(passage)
    assert any(pair["entry"] == "literal_comprehension" for pair in pairs)
