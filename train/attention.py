"""Attention over a flattened batch in which documents never see each other, by their borders and not by a mask.

transformers isolates packed documents with a T x T mask made from position ids. That is right but slow: the
mask of 8,192 tokens has 67 million entries, nearly all of them empty. Here each document attends within
itself: on CUDA by torch's variable-length flash kernel, elsewhere by causal attention over documents of
similar length stacked together. The same borders, `cu_seq_lens_q`, come with every batch of TRL's collator.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention

from ..run import BadInput

NAME = "genteach_documents"


def choose(asked: str, dtype: torch.dtype) -> tuple[str, str]:
    """What to tell transformers, and what to tell the user, for `attn_implementation: asked` on this machine."""
    if asked != "auto":
        return asked, f"{asked}, as asked"
    if not torch.cuda.is_available():
        return NAME, "document by document (CPU)"
    if dtype in (torch.bfloat16, torch.float16):
        return NAME, "document by document (torch varlen flash)"
    return "sdpa", "sdpa with a block-diagonal mask (float32 has no flash kernel)"


def register() -> None:
    """Make NAME known to transformers; it makes no mask for it, which is the point."""
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, attend)


def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    sliding_window: int | None = None,
    cu_seq_lens_q: torch.Tensor | None = None,
    max_length_q: int | None = None,
    softcap: float | None = None,
    s_aux: torch.Tensor | None = None,
    **unused: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention inside each document; query is (1, heads, tokens, width), the result (1, tokens, heads, width).

    Raises BadInput for a model whose attention has more to it than this computes: capped scores, or sinks.
    """
    if softcap is not None or s_aux is not None:
        what = "caps its attention scores (softcap)" if s_aux is None else "has attention sinks (s_aux)"
        raise BadInput(f"attn_implementation: this model {what}, which {NAME} cannot; set eager")
    if cu_seq_lens_q is None or max_length_q is None or query.shape[0] != 1 or attention_mask is not None:
        raise ValueError(
            f"{NAME} attends over one flattened row with document borders; use sdpa outside of training"
        )
    if query.is_cuda:
        return _varlen(query, key, value, cu_seq_lens_q, max_length_q, dropout, scaling, sliding_window), None
    return _by_length(query, key, value, cu_seq_lens_q, dropout, scaling, sliding_window), None


def _varlen(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    borders: torch.Tensor,
    longest: int,
    dropout: float,
    scaling: float | None,
    window: int | None,
) -> torch.Tensor:
    from torch.nn.attention.varlen import varlen_attn

    if dropout:
        raise ValueError("torch's variable-length attention has no dropout; set attention_dropout to 0")
    # Under autocast the rotary embedding gives float32 back, which the kernel does not take.
    half = torch.get_autocast_dtype("cuda") if query.dtype == torch.float32 else query.dtype
    q, k, v = (states[0].transpose(0, 1).to(half) for states in (query, key, value))
    # A window of w tokens is the token itself and w - 1 before it.
    reach = (window - 1, 0) if window else (-1, 0)
    gqa = query.shape[1] != key.shape[1]
    out = varlen_attn(
        q, k, v, borders, borders, longest, longest, scale=scaling, window_size=reach, enable_gqa=gqa
    )
    assert isinstance(out, torch.Tensor)  # a pair only when auxiliary results are asked for
    return out[None].to(query.dtype)


def _by_length(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    borders: torch.Tensor,
    dropout: float,
    scaling: float | None,
    window: int | None,
) -> torch.Tensor:
    """Stack documents of similar length, attend, and put the tokens back in their order."""
    repeat = query.shape[1] // key.shape[1]
    states = [query[0], *(part[0].repeat_interleave(repeat, dim=0) for part in (key, value))]
    flat = [part.transpose(0, 1).flatten(1) for part in states]
    stacks, back = _layout(borders)
    attended = []
    for places in stacks:
        shape = (*places.shape, query.shape[1], query.shape[3])
        q, k, v = (part.index_select(0, places.flatten()).view(shape).transpose(1, 2) for part in flat)
        band = _band(places.shape[1], window)
        out = scaled_dot_product_attention(q, k, v, band, dropout, is_causal=band is None, scale=scaling)
        attended.append(out.transpose(1, 2).reshape(-1, flat[0].shape[1]))
    return torch.cat(attended).index_select(0, back).view(1, -1, query.shape[1], query.shape[3])


Layout = tuple[list[torch.Tensor], torch.Tensor]
_latest: list[tuple[torch.Tensor, Layout]] = []  # every layer of a step asks for the same borders


def _layout(borders: torch.Tensor) -> Layout:
    if not _latest or _latest[0][0] is not borders:
        _latest[:] = [(borders, stack_by_length(borders))]
    return _latest[0][1]


def stack_by_length(borders: torch.Tensor) -> Layout:
    """Stacks of documents that differ less than twofold in length, and where each token lies in the stacks.

    A stack is (documents, longest) of token positions. Short documents are filled up with their last token:
    it comes after all others, so causal attention never looks at the filling.
    """
    starts, ends = borders[:-1].long(), borders[1:].long()
    lengths = ends - starts
    sizes = torch.ceil(torch.log2(lengths.double())).long()
    stacks, back, used = [], torch.empty(int(borders[-1]), dtype=torch.long), 0
    for size in sizes.unique().tolist():
        of_size = sizes == size
        steps = torch.arange(int(lengths[of_size].max()))
        places = torch.minimum(starts[of_size, None] + steps, ends[of_size, None] - 1)
        real = steps < lengths[of_size, None]
        back[places[real]] = used + real.flatten().nonzero().flatten()
        stacks.append(places)
        used += places.numel()
    return stacks, back


def _band(longest: int, window: int | None) -> torch.Tensor | None:
    """The causal band of a sliding window, when a document is longer than the window."""
    if window is None or longest <= window:
        return None
    distance = torch.arange(longest)[:, None] - torch.arange(longest)
    return (distance >= 0) & (distance < window)
