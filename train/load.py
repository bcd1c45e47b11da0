"""The student's weights into memory, with the attention that this machine is best at."""

from __future__ import annotations

from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM

from ..run import BadInput
from . import attention
from .launch import is_deepspeed
from .recipe import Recipe


def load_student(recipe: Recipe) -> tuple[Any, str]:
    """The model, and a phrase that says which attention it uses; BadInput when the weights do not load."""
    dtype = _dtype(recipe)
    asked, phrase = attention.choose(recipe.attn_implementation, torch.bfloat16 if recipe.bf16 else dtype)
    attention.register()
    try:
        model = AutoModelForCausalLM.from_pretrained(
            recipe.model_name_or_path, dtype=dtype, attn_implementation=asked
        )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise BadInput(f"model_name_or_path: {recipe.model_name_or_path} does not load: {reason}") from error
    return model, phrase


def _dtype(recipe: Recipe) -> torch.dtype:
    """DeepSpeed keeps float32 masters beside bfloat16 weights; elsewhere the weights are the masters."""
    if recipe.dtype == "auto":
        return torch.bfloat16 if recipe.bf16 and is_deepspeed() else torch.float32
    return getattr(torch, recipe.dtype)
