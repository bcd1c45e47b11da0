"""`genteach init-student`: a random Mistral-architecture student and a tokenizer learnt from the training seeds."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from ..config import Strict, load
from ..progress import say
from ..run import BadInput, fingerprint, make_folder, sha256, versions, write_manifest
from .launch import settle_on_cpu
from .template import ROLE_TAGS, TAGS

Size = Annotated[int, Field(ge=1)]
SPECIAL = ("<pad>", "<s>", "</s>")


class Student(Strict):
    """The shape of a student; names are MistralConfig's, and vocab_size is an upper bound.

    `shared_embedding_std` adds one random vector to every row of the embedding. A constant direction in every
    position is what attention to the previous token needs; a small student then learns to copy much sooner.
    """

    vocab_size: Annotated[int, Field(ge=300)]
    hidden_size: Size
    intermediate_size: Size
    num_hidden_layers: Size
    num_attention_heads: Size
    num_key_value_heads: Size
    initializer_range: Annotated[float, Field(gt=0, lt=1)] = 0.02
    shared_embedding_std: Annotated[float, Field(ge=0, lt=1)] = 0.0
    max_position_embeddings: Size = 8192
    rope_theta: Annotated[float, Field(gt=0)] = 10_000.0
    tie_word_embeddings: bool = True
    seed: int = 0


def init_student(config: Path, seeds: Path, out: Path) -> Path:
    """Create the student of `config` in `out`; its tokenizer is trained on the training split of `seeds`.

    One initialisation serves every arm of a comparison. Nothing is done when `out` already holds just this
    student; another one is refused. Returns `out`.
    """
    shape = load(config, Student)
    if not seeds.is_file():
        raise BadInput(
            f"seeds: {seeds}: no such file; it is the seeds.parquet that `genteach generate` writes"
        )
    key = fingerprint({"shape": shape.model_dump(), "seeds": sha256(seeds), "template": TAGS})
    if _already(out, key):
        say(f"{out}: already holds this student (key {key})")
        return out
    aside = out.with_name(f".{out.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)  # of a run that was killed
    make_folder(aside)
    tokenizer = train_tokenizer(training_texts(seeds), shape.vocab_size)
    tokenizer.save_pretrained(aside)
    parameters = _save_model(shape, tokenizer, aside)
    files = {path.name: 1 for path in sorted(aside.iterdir()) if path.is_file()}
    write_manifest(
        aside, files, key=key, parameters=parameters, versions=versions("torch", "transformers", "tokenizers")
    )
    aside.rename(out)
    say(f"{out}: {parameters:,} parameters, {len(tokenizer)} tokens")
    return out


def _already(out: Path, key: str) -> bool:
    manifest = out / "manifest.json"
    if not manifest.is_file():
        if out.exists() and not (out.is_dir() and not any(out.iterdir())):
            raise BadInput(f"{out}: is not empty and holds no student of ours; choose another folder")
        return False
    if json.loads(manifest.read_text()).get("key") != key:
        raise BadInput(
            f"{out}: holds a student of another shape, seed or tokenizer text; remove it or choose another folder"
        )
    return True


def training_texts(seeds: Path) -> Iterator[str]:
    """The passages of the training split."""
    import pyarrow.parquet as pq

    for batch in pq.ParquetFile(seeds).iter_batches(1_000, columns=["text", "split"]):
        for row in batch.to_pylist():
            if row["split"] == "train":
                yield row["text"]


def train_tokenizer(texts: Iterator[str], vocab_size: int) -> Any:
    """A byte-level BPE tokenizer with single digits, in which a word is one token wherever it stands.

    The head of a text, of a response or of a line is written as if a space came before it, and decoding takes
    that space away again: a small student can then copy a word from the middle of the passage to the head of
    its answer. The role tags are tokens of this tokenizer from the start, so the template still adds none.
    """
    from tokenizers import (
        AddedToken,
        Regex,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        trainers,
    )
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Replace(Regex(r"\n(?=[^\n])"), "\n "), normalizers.Prepend(" ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.Sequence(
        [decoders.ByteLevel(), decoders.Replace("\n ", "\n"), decoders.Strip(" ", 1, 0)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[*SPECIAL, *(AddedToken(tag, lstrip=True, special=True) for tag in ROLE_TAGS)],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>", padding_side="left"
    )
    fast.chat_template = TAGS
    return fast


def _save_model(shape: Student, tokenizer: Any, out: Path) -> int:
    settle_on_cpu()
    import torch
    from transformers import MistralConfig, MistralForCausalLM

    fields = shape.model_dump(exclude={"seed", "vocab_size", "rope_theta", "shared_embedding_std"})
    config = MistralConfig(
        vocab_size=len(tokenizer),
        sliding_window=None,
        rope_parameters={"rope_type": "default", "rope_theta": shape.rope_theta},
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **fields,
    )
    torch.manual_seed(shape.seed)
    model = MistralForCausalLM(config)
    with torch.no_grad():
        model.model.embed_tokens.weight += torch.randn(shape.hidden_size) * shape.shared_embedding_std
    model.save_pretrained(out)
    return sum(parameter.numel() for parameter in model.parameters())
