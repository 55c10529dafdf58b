"""GGUF headers made by hand, right and wrong, byte for byte."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
_FORMATS = {
    U8: "B",
    I8: "b",
    U16: "H",
    I16: "h",
    U32: "I",
    I32: "i",
    F32: "f",
    BOOL: "?",
    U64: "Q",
    I64: "q",
    F64: "d",
}


class Typed(NamedTuple):
    """A value with the number of its type, where it is not the usual one."""

    kind: int
    value: object


class Raw(NamedTuple):
    """A type and bytes that are written as they are."""

    kind: int
    data: bytes


class Tensor(NamedTuple):
    """What is told of a tensor; None as a place is behind the one before it."""

    name: str
    shape: Sequence[int] = (32,)
    kind: int = 0
    size: int = 128
    offset: int | None = None


def text(value: str | bytes) -> bytes:
    """Write a string."""
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(data)) + data


def array(kind: int, values: Sequence[object]) -> Raw:
    """Write an array of one type."""
    if kind == STRING:
        body = b"".join(text(value) for value in values if isinstance(value, str | bytes))
    else:
        body = struct.pack(f"<{len(values)}{_FORMATS[kind]}", *values)
    return Raw(ARRAY, struct.pack("<IQ", kind, len(values)) + body)


def fact(key: str | bytes, value: object) -> bytes:
    """Write a key and its value: texts, whole numbers of 32 bits, truth values or what is given."""
    if isinstance(value, Raw):
        return text(key) + struct.pack("<I", value.kind) + value.data
    if isinstance(value, str | bytes):
        return text(key) + struct.pack("<I", STRING) + text(value)
    if not isinstance(value, Typed):
        value = Typed(BOOL if isinstance(value, bool) else U32, value)
    return text(key) + struct.pack(f"<I{_FORMATS[value.kind]}", value.kind, value.value)


def header(
    facts: Mapping[str, object] | Sequence[tuple[str | bytes, object]],
    tensors: Sequence[Tensor] = (),
    *,
    version: int = 3,
    alignment: int = 32,
) -> bytes:
    """Write a header up to the place where the tensors begin."""
    pairs = list(facts.items()) if isinstance(facts, Mapping) else list(facts)
    written = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(pairs))
    written += b"".join(fact(key, value) for key, value in pairs)
    behind = 0
    for tensor in tensors:
        offset = behind if tensor.offset is None else tensor.offset
        written += text(tensor.name) + struct.pack("<I", len(tensor.shape))
        written += struct.pack(f"<{len(tensor.shape)}Q", *tensor.shape)
        written += struct.pack("<IQ", tensor.kind, offset)
        behind = -(-(offset + tensor.size) // alignment) * alignment
    return written + b"\0" * (-len(written) % alignment)


def mistral_7b() -> tuple[bytes, int]:
    """Return the header of Mistral 7B Instruct v0.2 at Q4_K_M, and the size of its file.

    The shapes are those of the model; of each layer, `attn_v` and `ffn_down` are of Q6_K in the
    layers where llama.cpp's quantization makes them so.
    """
    width, wide, kv, words = 4096, 14336, 1024, 32000
    q4, q6, f32 = 12, 14, 0
    bits = {q4: 144 / 256, q6: 210 / 256, f32: 4.0}
    shapes: list[tuple[str, tuple[int, ...], int]] = [
        ("token_embd.weight", (width, words), q4),
        ("output_norm.weight", (width,), f32),
        ("output.weight", (width, words), q6),
    ]
    for layer in range(32):
        more = q6 if layer < 4 or layer >= 28 or (layer - 4) % 3 == 2 else q4
        shapes += [
            (f"blk.{layer}.{name}.weight", shape, kind)
            for name, shape, kind in (
                ("attn_norm", (width,), f32),
                ("ffn_norm", (width,), f32),
                ("attn_q", (width, width), q4),
                ("attn_k", (width, kv), q4),
                ("attn_v", (width, kv), more),
                ("attn_output", (width, width), q4),
                ("ffn_gate", (width, wide), q4),
                ("ffn_up", (width, wide), q4),
                ("ffn_down", (wide, width), more),
            )
        ]
    tensors = []
    for name, shape, kind in shapes:
        values = shape[0] * (shape[1] if len(shape) > 1 else 1)
        tensors.append(Tensor(name, shape, kind, round(values * bits[kind])))
    facts = {
        "general.architecture": "llama",
        "general.name": "mistralai_mistral-7b-instruct-v0.2",
        "general.file_type": 15,
        "llama.context_length": 32768,
        "llama.embedding_length": width,
        "llama.block_count": 32,
        "llama.feed_forward_length": wide,
        "llama.attention.head_count": 32,
        "llama.attention.head_count_kv": 8,
        "tokenizer.ggml.tokens": array(STRING, [f"w{place}" for place in range(words)]),
        "tokenizer.chat_template": "{{ bos_token }}{% for message in messages %}",
    }
    written = header(facts, tensors)
    return written, len(written) + sum(tensor.size for tensor in tensors)
