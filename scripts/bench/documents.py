"""Synthetic documents: distinct, the same in every run, about 1,500 characters of words each."""

import json
from pathlib import Path
from random import Random

WORDS, WORDS_PER_DOCUMENT = 4000, 235


def write_documents(path: Path, numbers: range, length: int = WORDS_PER_DOCUMENT) -> Path:
    """The documents of these numbers, a line {"id", "document"} each; `length` counts words."""
    letters, random = "abcdefghijklmnopqrstuvwxyz", Random(0)
    words = ["".join(random.choices(letters, k=random.randint(2, 9))) for _ in range(WORDS)]
    with path.open("w") as file:
        for number in numbers:
            text = " ".join(Random(number).choices(words, k=length))
            file.write(json.dumps({"id": f"{number:032x}", "document": f"{number} {text}"}) + "\n")
    return path
