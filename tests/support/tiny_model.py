"""A tiny real GGUF model (llama architecture, 0.5 MB) for tests with a real llama.cpp.

Its weights are made so that at temperature 0 it says one given text and stops: the embedding of
each word points to the next word, and attention and feed-forward contribute nothing.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

_CONTROL = ("<s>", "</s>", "<|system|>", "<|user|>", "<|assistant|>")
_END, _ASSISTANT = 2, 5
_WIDTH, _HEADS, _FEED_FORWARD, _LAYERS = 64, 2, 128, 2
_TEMPLATE = (
    "{% for m in messages %}<|{{m.role}}|>{{m.content}}</s>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def write_tiny_model(
    path: Path, text: str, *, context: int = 2048, vectors: bool = False, ballast: int = 0
) -> None:
    """Write a model that says `text`, whose words must all differ.

    With `vectors` it calls itself one that makes vectors. `ballast` are bytes of weights more,
    about, which contribute nothing.
    """
    words = [("\u2581" if place else "") + word for place, word in enumerate(text.split())]
    assert len(set(words)) == len(words), "each word may occur once"
    tokens = _tokens(words)
    first_word = len(_CONTROL) + 1 + 256
    writer = gguf.GGUFWriter(str(path), "llama")
    feed_forward = _FEED_FORWARD + ballast // (3 * 4 * _WIDTH * _LAYERS)
    _write_facts(writer, tokens, context, feed_forward)
    if vectors:
        writer.add_pooling_type(gguf.PoolingType.MEAN)
    random = np.random.default_rng(0)
    embedding = random.standard_normal((len(tokens), _WIDTH)).astype(np.float32)
    embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
    said = list(range(first_word, first_word + len(words)))
    output = np.zeros((len(tokens), _WIDTH), np.float32)
    for word, following in zip([_ASSISTANT, *said], [*said, _END], strict=True):
        output[following] += 4 * embedding[word]
    for name, values in _tensors(random, embedding, output, feed_forward).items():
        writer.add_tensor(f"{name}.weight", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _tokens(words: list[str]) -> list[tuple[str, gguf.TokenType]]:
    kinds = gguf.TokenType
    single = [chr(code) for code in range(33, 127) if chr(code) not in words]
    return [
        ("<unk>", kinds.UNKNOWN),
        *((name, kinds.CONTROL) for name in _CONTROL),
        *((f"<0x{byte:02X}>", kinds.BYTE) for byte in range(256)),
        *((word, kinds.NORMAL) for word in [*words, *single, "\u2581"]),
    ]


def _write_facts(
    writer: gguf.GGUFWriter,
    tokens: list[tuple[str, gguf.TokenType]],
    context: int,
    feed_forward: int,
) -> None:
    writer.add_name("tiny")
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_vocab_size(len(tokens))
    writer.add_context_length(context)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(_LAYERS)
    writer.add_feed_forward_length(feed_forward)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(1)
    writer.add_rope_dimension_count(_WIDTH // _HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([token.encode() for token, _ in tokens])
    writer.add_token_scores([-place / 100 for place in range(len(tokens))])
    writer.add_token_types([int(kind) for _, kind in tokens])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(_END)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(_TEMPLATE)


def _tensors(
    random: np.random.Generator, embedding: Array, output: Array, feed_forward: int
) -> dict[str, Array]:
    def noise(*shape: int) -> Array:
        return (random.standard_normal(shape) * 0.3).astype(np.float32)

    def plenty(count: int, width: int) -> Array:
        return np.resize(noise(_FEED_FORWARD, width), (count, width))

    ones = np.ones(_WIDTH, np.float32)
    head = _WIDTH // _HEADS
    tensors: dict[str, Array] = {
        "token_embd": embedding,
        "output": output,
        "output_norm": ones,
    }
    for layer in range(_LAYERS):
        block = {
            "attn_norm": ones,
            "ffn_norm": ones,
            "attn_q": noise(_WIDTH, _WIDTH),
            "attn_k": noise(head, _WIDTH),
            "attn_v": noise(head, _WIDTH),
            "attn_output": np.zeros((_WIDTH, _WIDTH), np.float32),
            "ffn_gate": plenty(feed_forward, _WIDTH),
            "ffn_up": plenty(feed_forward, _WIDTH),
            "ffn_down": np.zeros((_WIDTH, feed_forward), np.float32),
        }
        tensors |= {f"blk.{layer}.{name}": values for name, values in block.items()}
    return tensors
