"""The template: golden tokens for a Mistral tokenizer and for ours, an exact mask, and prompts that are prefixes."""

from typing import Any

import pytest
from genteach.run import BadInput
from genteach.train.encode import Encoder, Job
from genteach.train.model import describe_tokenizer
from genteach.train.student import train_tokenizer
from genteach.train.template import TAGS, load_template
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers
from transformers import PreTrainedTokenizerFast

CHAT = [
    {"role": "user", "content": "What is the capital?"},
    {"role": "assistant", "content": " Paris. "},
    {"role": "user", "content": "Sure?"},
    {"role": "assistant", "content": "Yes."},
]


def mistral_like() -> Any:
    """A tokenizer built as Mistral-7B-v0.1's: SentencePiece BPE with byte fallback and a prepended ▁."""
    words = [
        "▁What",
        "What",
        "▁is",
        "▁the",
        "▁capital",
        "assistant",
        "user",
        "system",
        "Paris",
        "Sure",
        "Yes",
    ]
    vocabulary = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    vocabulary += sorted({letter for word in words for letter in word} | set("▁<|>?.,"))
    merges: list[tuple[str, str]] = []
    for word in words:
        for end in range(1, len(word)):
            pair = (word[:end], word[end])
            merges += [pair] if pair not in merges else []
            vocabulary += ["".join(pair)] if "".join(pair) not in vocabulary else []
    ids = {token: number for number, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.BPE(ids, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>", chat_template=TAGS
    )


def ours() -> Any:
    return train_tokenizer(iter(["What is the capital? Paris. Sure? Yes. " * 20]), 320)


MISTRAL, OURS = mistral_like(), ours()
BOTH = pytest.mark.parametrize("tokenizer", [MISTRAL, OURS], ids=["mistral", "ours"])


def encode(
    tokenizer: Any, messages: list[dict[str, str]]
) -> tuple[list[int], list[tuple[int, int]], dict[str, int]]:
    """Ids, learned spans and drops, as `genteach tokenize` makes them."""
    encoder = Encoder(Job("messages", TAGS, describe_tokenizer(tokenizer)))
    batch = encoder.encode([{"id": "1", "source": "s", "skill": "k", "messages": messages}])
    return batch.ids.tolist(), [tuple(span) for span in batch.spans.tolist()], batch.dropped


def shown(tokenizer: Any, messages: list[dict[str, str]]) -> list[str]:
    """The tokens, those that are learned in brackets."""
    ids, spans, _ = encode(tokenizer, messages)
    learned = {place for start, end in spans for place in range(start, end)}
    tokens = tokenizer.convert_ids_to_tokens(ids)
    return [f"[{token}]" if place in learned else token for place, token in enumerate(tokens)]


def test_golden_tokens_of_a_mistral_tokenizer() -> None:
    newline = "<0x0A>"
    assert shown(MISTRAL, CHAT) == [
        "<s>", "▁", "<", "|", "user", "|", ">", newline, "What", "▁is", "▁the", "▁capital", "?", "</s>",
        "▁", newline, "<", "|", "assistant", "|", ">", newline, "[Paris]", "[.]", "[</s>]",
        "▁", newline, "<", "|", "user", "|", ">", newline, "Sure", "?", "</s>",
        "▁", newline, "<", "|", "assistant", "|", ">", newline, "[Yes]", "[.]", "[</s>]",
    ]  # fmt: skip


def test_golden_tokens_of_our_own_tokenizer() -> None:
    assert shown(OURS, CHAT) == [
        "<s>", "<|user|>\n", "ĠWhat", "Ġis", "Ġthe", "Ġcapital", "?", "</s>",
        "<|assistant|>\n", "[ĠParis]", "[.]", "[</s>]",
        "<|user|>\n", "ĠSure", "?", "</s>", "<|assistant|>\n", "[ĠYes]", "[.]", "[</s>]",
    ]  # fmt: skip


contents = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
chats = st.lists(st.tuples(contents, contents), min_size=1, max_size=3).map(
    lambda turns: [
        {"role": role, "content": content}
        for pair in turns
        for role, content in zip(("user", "assistant"), pair, strict=True)
    ]
)


@BOTH
@settings(deadline=None, max_examples=60)
@given(messages=chats)
def test_ids_and_mask_are_those_of_the_whole_text(tokenizer: Any, messages: list[dict[str, str]]) -> None:
    whole = tokenizer.apply_chat_template(messages, return_dict=True, return_assistant_tokens_mask=True)
    ids, spans, dropped = encode(tokenizer, messages)
    if not dropped:
        mask = [0] * len(ids)
        for start, end in spans:
            mask[start:end] = [1] * (end - start)
        assert (ids, mask) == (whole["input_ids"], whole["assistant_masks"])


@BOTH
@settings(deadline=None, max_examples=60)
@given(messages=chats)
def test_what_is_learned_follows_the_very_prompt_that_generation_sees(
    tokenizer: Any, messages: list[dict[str, str]]
) -> None:
    ids, spans, dropped = encode(tokenizer, messages)
    if not dropped:
        prompt = tokenizer.apply_chat_template(messages[:-1], add_generation_prompt=True)["input_ids"]
        assert ids[: len(prompt)] == prompt
        assert spans[-1] == (len(prompt), len(ids))
        assert ids[-1] == tokenizer.eos_token_id


@settings(deadline=None, max_examples=60)
@given(messages=chats)
def test_turn_by_turn_our_tokenizer_gives_the_ids_of_the_whole(messages: list[dict[str, str]]) -> None:
    ids, _, dropped = encode(OURS, messages)
    if not dropped:
        pieces = [OURS.bos_token_id]
        for turn in messages:
            pieces += [OURS.convert_tokens_to_ids(f"<|{turn['role']}|>\n")]
            pieces += OURS.encode(turn["content"].strip(), add_special_tokens=False)
            pieces += [OURS.eos_token_id]
        assert ids == pieces


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([{"role": "user", "content": "Hi"}], "without a response"),
        ([{"role": "tool", "content": "Hi"}, *CHAT], "refused by the template"),
        ([{"role": "user", "content": "Is </s> a tag?"}, *CHAT], "with a special token in the text"),
    ],
)
def test_what_cannot_be_learned_is_dropped_with_its_reason(
    messages: list[dict[str, str]], reason: str
) -> None:
    assert encode(OURS, messages) == ([], [], {reason: 1})


def test_a_template_without_generation_marks_is_refused(tmp_path: Any) -> None:
    path = tmp_path / "bare.jinja"
    path.write_text("{{ messages[0]['content'] }}")
    with pytest.raises(BadInput, match="no .*generation.* mark"):
        load_template(str(path))
    with pytest.raises(BadInput, match="neither a file nor one of tags"):
        load_template("chatml")
