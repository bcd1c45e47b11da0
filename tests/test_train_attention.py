"""Documents of one row never see each other, whichever attention computes it, and a checkpoint does not name ours."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from genteach.run import BadInput
from genteach.train import attention
from transformers import AutoModelForCausalLM, MistralConfig, MistralForCausalLM
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

attention.register()
LENGTHS = [[5, 1, 40, 17], [33, 2, 8, 64, 3]]


def make_model(implementation: str, window: int | None = None) -> MistralForCausalLM:
    torch.manual_seed(0)
    config = MistralConfig(
        vocab_size=100,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        sliding_window=window,
        initializer_range=0.3,
    )
    config._attn_implementation = implementation
    return MistralForCausalLM(config)


def documents() -> list[list[list[int]]]:
    generator = torch.Generator().manual_seed(1)
    return [
        [torch.randint(3, 100, (length,), generator=generator).tolist() for length in row] for row in LENGTHS
    ]


def batch() -> dict[str, torch.Tensor]:
    """Two packed rows as the trainer's collator flattens them."""
    collate = DataCollatorForLanguageModeling(pad_token_id=0, padding_free=True)
    rows = [
        {"input_ids": sum(row, []), "labels": sum(row, []), "seq_lengths": [len(part) for part in row]}
        for row in documents()
    ]
    return collate(rows)


def logits(model: MistralForCausalLM, **changes: torch.Tensor | None) -> torch.Tensor:
    inputs = {name: value for name, value in {**batch(), **changes}.items() if value is not None}
    inputs.pop("labels", None)
    return model(**inputs, use_cache=False).logits[0]


@pytest.mark.parametrize("implementation", [attention.NAME, "sdpa", "eager"])
@pytest.mark.parametrize("window", [None, 16])
def test_a_packed_document_is_what_it_is_alone(implementation: str, window: int | None) -> None:
    model, alone = make_model(implementation, window).eval(), make_model("sdpa", window).eval()
    with torch.no_grad():
        packed = logits(model)
        parts = [
            alone(input_ids=torch.tensor([part]), use_cache=False).logits[0]
            for row in documents()
            for part in row
        ]
    assert (packed - torch.cat(parts)).abs().max() < 1e-5


def test_without_the_borders_documents_do_contaminate_each_other() -> None:
    model = make_model(attention.NAME).eval()
    borders = torch.tensor([0, sum(map(sum, LENGTHS))], dtype=torch.int32)
    with torch.no_grad():
        difference = (logits(model) - logits(model, cu_seq_lens_q=borders)).abs().max()
    assert difference > 0.1


def test_gradients_are_those_of_the_mask() -> None:
    ours, theirs = make_model(attention.NAME), make_model("sdpa")
    for model in (ours, theirs):
        logits(model).logsumexp(-1).sum().backward()
    for mine, reference in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert mine.grad is not None
        assert reference.grad is not None
        assert torch.allclose(mine.grad, reference.grad, atol=1e-4, rtol=1e-4)


def test_a_batch_without_borders_is_refused() -> None:
    with pytest.raises(ValueError, match="use sdpa outside of training"):
        make_model(attention.NAME)(input_ids=torch.tensor([[1, 2, 3]]), use_cache=False)


@pytest.mark.parametrize(
    ("extra", "named"), [({"softcap": 30.0}, "softcap"), ({"s_aux": torch.ones(4)}, "s_aux")]
)
def test_attention_that_has_more_to_it_is_refused(extra: dict[str, Any], named: str) -> None:
    states = torch.ones(1, 4, 3, 8)
    borders = {"cu_seq_lens_q": torch.tensor([0, 3]), "max_length_q": 3}
    with pytest.raises(BadInput, match=f"{named}.*; set eager"):
        attention.attend(torch.nn.Identity(), states, states, states, None, **borders, **extra)


def test_stacks_waste_less_than_half() -> None:
    lengths = torch.tensor([1, 2, 3, 4, 5, 8, 9, 100, 64, 65, 128])
    borders = torch.cat([torch.zeros(1, dtype=torch.long), lengths.cumsum(0)])
    stacks, back = attention.stack_by_length(borders)
    assert sum(stack.numel() for stack in stacks) < 2 * int(lengths.sum())
    flat = torch.cat([stack.flatten() for stack in stacks])
    assert flat[back].tolist() == list(range(int(lengths.sum())))


def test_a_checkpoint_loads_where_ours_is_unknown(tmp_path: Path) -> None:
    make_model(attention.NAME).save_pretrained(tmp_path)
    assert attention.NAME not in json.dumps(json.loads((tmp_path / "config.json").read_text()))
    assert AutoModelForCausalLM.from_pretrained(tmp_path).config._attn_implementation == "sdpa"


def test_what_was_asked_for_is_taken() -> None:
    assert attention.choose("sdpa", torch.float32) == ("sdpa", "sdpa, as asked")


@pytest.mark.gpu
@pytest.mark.parametrize("window", [None, 16])
def test_on_a_gpu_the_flash_kernel_agrees_with_the_mask(window: int | None) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    moved = {
        name: value.cuda() if torch.is_tensor(value) else value
        for name, value in batch().items()
        if name != "labels"
    }
    models: list[torch.nn.Module] = [make_model(name, window).eval() for name in (attention.NAME, "sdpa")]
    ours, theirs = (model.to(torch.device("cuda"), torch.bfloat16) for model in models)
    with torch.no_grad():
        difference = ours(**moved, use_cache=False).logits - theirs(**moved, use_cache=False).logits
    assert difference.abs().max() < 0.1
