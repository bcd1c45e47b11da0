"""Small real material for the tests of training: passages that Python carries, pairs over them, a tiny student."""

from __future__ import annotations

import pydoc_data.topics
import random
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from genteach.train.student import init_student

SHAPE = {
    "vocab_size": 400,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.08,
    "max_position_embeddings": 1024,
}
RECIPE = {
    "global_batch_size": 4,
    "per_device_train_batch_size": 2,
    "max_length": 256,
    "max_steps": 6,
    "learning_rate": 3.0e-3,
    "warmup_steps": 2,
    "weight_decay": 0.05,
    "logging_steps": 1,
    "save_steps": 3,
}


def passages() -> list[tuple[str, str]]:
    """Topic and text of the language reference's short paragraphs."""
    found = []
    for topic, text in sorted(pydoc_data.topics.topics.items()):
        paragraphs = (" ".join(part.split()) for part in re.split(r"\n\s*\n", text))
        found += [(topic, part) for part in paragraphs if 150 <= len(part) <= 400]
    return found[:200]


def conversation(text: str, rng: random.Random) -> list[dict[str, str]]:
    """A question on the passage and its answer, quoted from it."""
    words = text.split()
    at = rng.randrange(4, len(words) - 1)
    question = f"{text}\n\nWhich word follows '{' '.join(words[at - 3 : at])}'?"
    return [
        {"role": "user", "content": question},
        {"role": "assistant", "content": f"The answer is {words[at]}."},
    ]


def write_pairs(folder: Path, count: int = 120) -> Path:
    """A curated dataset of `count` pairs; returns its folder."""
    rng, texts = random.Random(0), passages()
    rows = []
    for number in range(count):
        topic, text = rng.choice(texts)
        messages = conversation(text, rng)
        rows.append(
            {"id": f"pair-{number}", "source": topic, "skill": "reading_comprehension", "messages": messages}
        )
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "train-00000.parquet")
    return folder


def write_seeds(path: Path) -> Path:
    """seeds.parquet: every tenth passage held out; returns its path."""
    rows = [
        {
            "id": f"seed-{number}",
            "text": text,
            "source": topic,
            "split": "train" if number % 10 else "held_out",
        }
        for number, (topic, text) in enumerate(passages())
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def write_recipe(folder: Path, **changes: Any) -> Path:
    """A train.yaml over the material in `folder`; `changes` are laid over it."""
    places = {
        "model_name_or_path": str(folder / "init"),
        "data": str(folder / "data"),
        "tokens": str(folder / "tokens"),
        "output_dir": str(folder / "student"),
    }
    path = folder / "train.yaml"
    path.write_text(yaml.safe_dump({**places, **RECIPE, **changes}))
    return path


def make_material(folder: Path) -> Path:
    """Seeds, pairs, a random student and a recipe in `folder`; returns the recipe's path."""
    seeds = write_seeds(folder / "seeds.parquet")
    write_pairs(folder / "data")
    (folder / "student.yaml").write_text(yaml.safe_dump(SHAPE))
    init_student(folder / "student.yaml", seeds, folder / "init")
    return write_recipe(folder)
