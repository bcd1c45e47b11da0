"""A Hugging Face checkpoint as a backend: loaded by lm-eval's HFLM, identified by its bytes, decoded greedily in batches."""

import os
from collections.abc import Iterator
from typing import Any

import torch
import transformers
from lm_eval.models.huggingface import HFLM
from safetensors import SafetensorError

from ..run import BadInput
from .item import Message, Reply
from .weights import identify, locate

MOST_TOKENS = 300_000  # of one batch, prompts and replies together: what a 7B model's cache holds in 40 GB
SMALL = 50_000_000  # parameters; below, threads wait for each other longer than they work


class Checkpoint:
    """A local folder or hub id with safetensors weights, a tokenizer and a chat template."""

    def __init__(self, model: str, batch_size: int, device: str = "auto", dtype: str = "auto") -> None:
        chosen = _device(device)
        folder = locate(model)
        transformers.utils.logging.disable_progress_bar()
        loader: Any = HFLM  # its decorator hides its type
        try:
            self.facts = {"path": model, **identify(folder)}
            self.inner = loader(pretrained=str(folder), device=chosen, dtype=dtype, batch_size=batch_size)
        except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:160]
            raise BadInput(f"{model}: does not load ({reason})") from error
        self.batch_size = batch_size
        self.tokenizer = self.inner.tokenizer
        if not self.tokenizer.chat_template:
            raise BadInput(
                f"{model}: its tokenizer has no chat template, so a question cannot be put to it as a user's turn"
            )
        self.context = int(self.inner.max_length)
        parameters = sum(weight.numel() for weight in self.inner.model.parameters())
        self.facts |= {
            "parameters": parameters,
            "context": self.context,
            "dtype": str(self.inner.model.dtype)[6:],
        }
        self.facts |= {"device": chosen, "batch_size": batch_size}
        self.ends = self._end_tokens()
        if chosen == "cpu" and parameters < SMALL and "OMP_NUM_THREADS" not in os.environ:
            torch.set_num_threads(1)

    def _end_tokens(self) -> list[int]:
        configured = self.inner.model.generation_config.eos_token_id
        several = configured if isinstance(configured, list) else [configured]
        return sorted({end for end in (*several, self.tokenizer.eos_token_id) if end is not None})

    def render(self, messages: list[Message]) -> str:
        """The chat template's text; an empty system message is none at all."""
        turns = [m for m in messages if m["role"] != "system" or m["content"]]
        return str(self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))

    def generate(self, prompts: list[str], max_new_tokens: int) -> Iterator[tuple[int, Reply]]:
        """Longest prompts first, so that a batch is of one length and memory runs out at once or never."""
        ids = [self.tokenizer(prompt, add_special_tokens=False)["input_ids"] for prompt in prompts]
        fitting = []
        for place in sorted(range(len(ids)), key=lambda place: (-len(ids[place]), place)):
            if len(ids[place]) + max_new_tokens > self.context:
                yield place, Reply("", "too_long", prompt_tokens=len(ids[place]))
            else:
                fitting.append(place)
        lengths = [(place, len(ids[place]) + max_new_tokens) for place in fitting]
        for batch in _batches(lengths, self.batch_size):
            yield from zip(batch, self._decode([ids[place] for place in batch], max_new_tokens), strict=True)

    def _decode(self, prompts: list[list[int]], max_new_tokens: int) -> list[Reply]:
        longest, pad = max(map(len, prompts)), self.tokenizer.pad_token_id
        filled = [[pad] * (longest - len(prompt)) + prompt for prompt in prompts]
        mask = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts]
        model = self.inner.model
        with torch.inference_mode():
            ids = model.generate(
                input_ids=torch.tensor(filled, device=self.inner.device),
                attention_mask=torch.tensor(mask, device=self.inner.device),
                max_new_tokens=max_new_tokens,
                do_sample=False,
                temperature=None,
                top_p=None,
                top_k=None,
                eos_token_id=self.ends,
                pad_token_id=pad,
            )
        new = ids[:, longest:].tolist()
        return [self._reply(prompt, tokens) for prompt, tokens in zip(prompts, new, strict=True)]

    def _reply(self, prompt: list[int], tokens: list[int]) -> Reply:
        end = next((place for place, token in enumerate(tokens) if token in self.ends), None)
        text = self.tokenizer.decode(tokens[:end], skip_special_tokens=True)
        reason = "length" if end is None else "stop"
        return Reply(text.strip(), reason, len(prompt), len(tokens) if end is None else end)


def _device(asked: str) -> str:
    """The device to use; BadInput where the one that is asked for is not there."""
    if asked == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if asked.startswith("cuda") and int(asked.partition(":")[2] or 0) >= torch.cuda.device_count():
        raise BadInput(
            f"device: {asked}: this machine has {torch.cuda.device_count()} CUDA devices; use auto or cpu"
        )
    return asked


def _batches(lengths: list[tuple[int, int]], size: int) -> Iterator[list[int]]:
    """Places in batches, given with their lengths, longest first: none padded to nearly twice its length or past memory."""
    batch: list[int] = []
    longest = 0
    for place, length in lengths:
        full = len(batch) == size or (len(batch) + 1) * longest > MOST_TOKENS
        if batch and (full or length < 0.6 * longest):
            yield batch
            batch = []
        longest = longest if batch else length
        batch.append(place)
    if batch:
        yield batch
