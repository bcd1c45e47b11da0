"""How a conversation becomes one string, and which characters of it the student must learn to write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..run import BadInput

# Role tags are ordinary text, so no token is added and no embedding is resized (under ZeRO-3 a resize is a
# known source of faults). The base model's own <s> opens the document, as in its pre-training, and its own
# </s> ends every turn. The form is Zephyr's: https://github.com/huggingface/alignment-handbook.
# `generation` marks what the loss is computed on: each response and the </s> that ends it.
TAGS = (
    "{{ bos_token }}"
    "{% for message in messages %}"
    "{% if not loop.first %}{{ '\\n' }}{% endif %}"
    "{% if message['role'] == 'assistant' %}"
    "{{ '<|assistant|>\\n' }}{% generation %}{{ message['content'] | trim + eos_token }}{% endgeneration %}"
    "{% elif message['role'] in ('system', 'user') %}"
    "{{ '<|' + message['role'] + '|>\\n' + message['content'] | trim + eos_token }}"
    "{% else %}"
    "{{ raise_exception('role ' + message['role'] + ': expected system, user or assistant') }}"
    "{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '\\n<|assistant|>\\n' }}{% endif %}"
)

NAMED = {"tags": TAGS}
ROLE_TAGS = ("<|system|>\n", "<|user|>\n", "<|assistant|>\n")


def load_template(name: str) -> str:
    """The text of a template: one of ours by name, or a .jinja file with `{% generation %}` marks."""
    if name in NAMED:
        return NAMED[name]
    path = Path(name)
    if not path.is_file():
        raise BadInput(f"template: {name!r}: neither a file nor one of {', '.join(NAMED)}")
    text = path.read_text(encoding="utf-8")
    if "generation %}" not in text.replace("-%}", " %}"):
        raise BadInput(
            f"{path}: no {{% generation %}} mark, so no token would be learned; put it around the responses"
        )
    return text


def render(
    template: str, messages: list[dict[str, str]], bos: str, eos: str
) -> tuple[str, list[tuple[int, int]]]:
    """The conversation as text, and the character spans [start, end) of its responses."""
    from transformers.utils.chat_template_utils import render_jinja_template

    rendered: Any = render_jinja_template(
        conversations=[messages],
        chat_template=template,
        return_assistant_tokens_mask=True,
        bos_token=bos,
        eos_token=eos,
    )
    [text], [spans] = rendered
    return text, spans
