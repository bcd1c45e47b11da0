"""A GGUF file of a random Llama with 0.1 M parameters, for llama.cpp's servers; needs the packages gguf and numpy."""

from pathlib import Path

CHATS = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant:"
LAYERS, WIDTH, INNER, HEADS, KEYS, CONTEXT = 2, 64, 128, 4, 2, 2048


def byte_alphabet() -> list[str]:
    """The character that stands for each byte in a byte-level vocabulary, as GPT-2 has it."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(others)) for byte in range(256)]


def write_tiny_gguf(path: Path) -> Path:
    """Write the model, with a vocabulary of the 256 bytes and one merge, as there must be one."""
    import gguf
    import numpy

    tokens = ["<s>", "</s>", *byte_alphabet(), "he"]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(LAYERS)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEYS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL] * 2 + [gguf.TokenType.NORMAL] * 257)
    writer.add_token_merges(["h e"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_chat_template(CHATS)
    draw = numpy.random.default_rng(0)

    def add(name: str, *shape: int) -> None:
        values = numpy.ones(shape) if len(shape) == 1 else draw.normal(0, 0.5, shape)
        writer.add_tensor(f"{name}.weight", values.astype(numpy.float32))

    add("token_embd", len(tokens), WIDTH)
    add("output", len(tokens), WIDTH)
    add("output_norm", WIDTH)
    for layer in range(LAYERS):
        block, narrow = f"blk.{layer}", WIDTH * KEYS // HEADS
        add(f"{block}.attn_norm", WIDTH)
        add(f"{block}.attn_q", WIDTH, WIDTH)
        add(f"{block}.attn_k", narrow, WIDTH)
        add(f"{block}.attn_v", narrow, WIDTH)
        add(f"{block}.attn_output", WIDTH, WIDTH)
        add(f"{block}.ffn_norm", WIDTH)
        add(f"{block}.ffn_gate", INNER, WIDTH)
        add(f"{block}.ffn_up", INNER, WIDTH)
        add(f"{block}.ffn_down", WIDTH, INNER)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
