"""What must be known of a model before it is loaded: its tokenizer, its limits, and which weights it holds."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..run import BadInput, sha256


@dataclass(frozen=True)
class Vocabulary:
    """A tokenizer as one string, and the facts of it that training needs."""

    serialized: str
    sha256: str
    size: int
    bos: str
    eos: str
    eos_id: int
    special: tuple[str, ...]


def load_tokenizer(model: str) -> Any:
    """The model's fast tokenizer; BadInput when there is none, or it has no <s> or </s> of its own."""
    from transformers import AutoTokenizer

    check_model(model)
    try:
        tokenizer = AutoTokenizer.from_pretrained(model)
    except (OSError, ValueError) as error:
        raise BadInput(
            f"model_name_or_path: {model!r} has no tokenizer that loads ({_first_line(error)})"
        ) from error
    if not tokenizer.is_fast:
        raise BadInput(
            f"model_name_or_path: {model!r} has no tokenizer.json (a fast tokenizer); convert it first"
        )
    if tokenizer.bos_token is None or tokenizer.eos_token is None:
        raise BadInput(f"model_name_or_path: the tokenizer of {model!r} names no bos_token or no eos_token")
    return tokenizer


def describe_tokenizer(tokenizer: Any) -> Vocabulary:
    """The facts of a loaded tokenizer, ready to travel to other processes."""
    serialized = tokenizer.backend_tokenizer.to_str()
    return Vocabulary(
        serialized=serialized,
        sha256=hashlib.sha256(serialized.encode()).hexdigest(),
        size=len(tokenizer),
        bos=tokenizer.bos_token,
        eos=tokenizer.eos_token,
        eos_id=tokenizer.eos_token_id,
        special=tuple(sorted(tokenizer.get_added_vocab())),
    )


def check_model(model: str) -> None:
    """BadInput when `model` is a path that holds no model; a name on the hub (owner/name) passes."""
    path = Path(model)
    if (path / "config.json").is_file():
        if not any(path.glob("*.safetensors")):
            raise BadInput(f"model_name_or_path: {model} has a config but no weights (*.safetensors)")
        return
    if path.exists():
        raise BadInput(f"model_name_or_path: {model} is not a model (no config.json there)")
    if model.count("/") != 1 or model.startswith((".", "/", "~")) or path.parent.is_dir():
        raise BadInput(
            f"model_name_or_path: {model}: no such folder; give a folder with config.json, or owner/name on the hub"
        )


def read_limits(model: str) -> dict[str, Any]:
    """The model's config as a dictionary; BadInput when it cannot be had."""
    local = Path(model) / "config.json"
    if local.is_file():
        return json.loads(local.read_text())
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(model).to_dict()
    except (OSError, ValueError) as error:
        raise BadInput(
            f"model_name_or_path: {model!r} is neither a folder with config.json nor reachable on the hub ({_first_line(error)})"
        ) from error


def check_fits(model: str, limits: dict[str, Any], max_length: int, vocabulary_size: int) -> None:
    """BadInput when rows are longer than the model's positions, or tokens outnumber its embeddings."""
    positions, embeddings = limits.get("max_position_embeddings"), limits.get("vocab_size")
    if positions and max_length > positions:
        raise BadInput(
            f"max_length: {max_length}, but {model} has {positions} positions; lower it to {positions} or less"
        )
    if embeddings and vocabulary_size > embeddings:
        raise BadInput(
            f"model_name_or_path: {model} has {embeddings} embeddings, its tokenizer {vocabulary_size} tokens; "
            "they do not belong together"
        )


def digest(model: str) -> str:
    """The sha256 over the hashes of the model's config and weights; of a hub model, its name and revision."""
    folder = Path(model)
    if not folder.is_dir():
        return f"{model}@{_revision(model)}"
    files = sorted(folder.glob("*.safetensors")) + [folder / "config.json"]
    return hashlib.sha256("".join(sha256(file) for file in files).encode()).hexdigest()


def _revision(model: str) -> str:
    from transformers import AutoConfig

    return str(getattr(AutoConfig.from_pretrained(model), "_commit_hash", None))


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
