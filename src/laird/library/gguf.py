"""What the header of a GGUF file tells about its model, read without trusting a byte of it.

The keys are those of docs/gguf.md in the ggml project and of `gguf.constants` in the gguf package.
What llama.cpp refuses to load (ggml/src/gguf.cpp) is refused here too: keys or tensors that come
twice, an alignment that is no power of two, tensors that do not lie one behind the other.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from laird.library.gguf_bytes import ArrayValue, BadGguf, GgufBytes, GgufCutShort
from laird.library.gguf_facts import (
    LAYERS_LIMIT,
    SPLIT_COUNT,
    SPLIT_NUMBER,
    TEMPLATE,
    TOKENS,
    Facts,
    read_facts,
)
from laird.library.gguf_tensors import Tensors, read_tensors
from laird.library.quantization import FILE_TYPES

__all__ = ["BadGguf", "GgufCutShort", "GgufHeader", "read_header"]

_MAGIC = b"GGUF"
_KEYS_LIMIT = 16_384
_TENSORS_LIMIT = 65_536
_DEFAULT_ALIGNMENT = 32
_GUESSED = 1024
_POOLING = ("none", "mean", "cls", "last", "rank")

ENCODERS = frozenset(
    (
        "bert",
        "modern-bert",
        "nomic-bert",
        "nomic-bert-moe",
        "neo-bert",
        "jina-bert-v2",
        "jina-bert-v3",
        "eurobert",
        "gemma-embedding",
        "llama-embed",
        "t5encoder",
    )
)
"""Architectures that make vectors and write no text."""

# How often a layer attends to everything, in architectures whose files need not tell it: the
# `set_swa_pattern` of each model in llama.cpp.
_USUAL_PATTERN = {"gemma2": 2, "gemma3": 6, "gemma3n": 5, "cohere2": 4, "gpt-oss": 2}


class GgufHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What a GGUF file tells about itself. Sizes are in bytes; 0 and None are what is not told."""

    version: int
    """Of the format: 2 or 3."""
    architecture: str
    """As llama.cpp names it: `llama`, `qwen3`, `bert`."""
    kind: str = "model"
    """`model`, or what the file is instead: `adapter`, `mmproj`, `vocab`, `imatrix`."""
    name: str | None = None
    license: str | None = None
    size_label: str | None = None
    """As `7B` or `8x7B`."""
    quantization: str | None = None
    """As in file names: `Q4_K_M`."""
    parameters: int = 0
    """Weights in this file."""
    context_length: int = 0
    """Tokens that the model was made for."""
    block_count: int = 0
    """Layers."""
    embedding_length: int = 0
    head_count: int = 0
    """Attention heads of the layer that has most."""
    heads_kv: tuple[int, ...] = ()
    """Heads whose keys and values are kept, of each layer; 0 for one without attention."""
    key_length: int = 0
    """Numbers in a key of one head."""
    value_length: int = 0
    """Numbers in a value of one head; 0 too where it is made from the key."""
    sliding_window: int = 0
    """Tokens back that the windowed layers see."""
    windowed: tuple[bool, ...] = ()
    """Which layers see that window only; empty where all see everything."""
    state_size: int = 0
    """Numbers that a recurrent layer keeps for each request, whatever its length."""
    experts: int = 0
    """How many a mixture of experts has."""
    vocabulary: int = 0
    """Tokens that it knows."""
    chat_template: bool = False
    tools: bool = False
    """The chat template speaks of tools."""
    pooling: str | None = None
    """How vectors are made: `mean`, `cls`, `last`, `rank` or `none`."""
    embeddings: bool = False
    """It makes vectors and answers no chats."""
    split_number: int = 1
    """Which part this file is, from 1."""
    split_count: int = 1
    """How many files the model is cut into."""
    tensor_count: int = 0
    weights: int = 0
    """What the tensors of this file take."""
    layer_weights: int = 0
    """What those of the layers take, without the tables of tokens at both ends."""
    token_weights: int = 0
    """What the table of tokens takes, which llama.cpp keeps in main memory."""
    file_size: int = 0
    data_offset: int = 0
    """Where the tensors begin."""

    @property
    def runnable(self) -> bool:
        """Whether it is a model that can be run."""
        return self.why_not_runnable is None

    @property
    def why_not_runnable(self) -> str | None:
        """Why it can't be run by itself, in a sentence; None where it can."""
        if self.kind in _OTHER_KINDS:
            return _OTHER_KINDS[self.kind]
        if self.kind != "model":
            return f"This file is no model but of the type '{self.kind}'."
        if self.split_number != 1:
            return (
                f"This is part {self.split_number} of {self.split_count} of a model, which is"
                " started by its first part."
            )
        empty = not self.tensor_count and self.split_count == 1
        if empty or not self.block_count:
            return "This file holds no layers of a model."
        return None


_OTHER_KINDS = {
    "mmproj": "This file lets another model see or hear, and is no model by itself.",
    "adapter": "This file is an adapter for another model, and is no model by itself.",
    "vocab": "This file holds the words of a model only.",
    "imatrix": "This file holds measurements for quantizing a model, and is no model.",
}


def read_header(
    source: str | os.PathLike[str] | BinaryIO | bytes, *, size: int | None = None
) -> GgufHeader:
    """Read what a GGUF file tells about its model.

    It reads the header alone, which takes some tens of milliseconds, and up to some tenths of a
    second for a model that knows very many words. It blocks, so call it in a thread.

    Args:
        source: A path, an open file that can seek, or bytes.
        size: How large the whole file is where `source` is only its beginning, in bytes.

    Raises:
        GgufCutShort: The header is not whole; more bytes are needed.
        BadGguf: It is no GGUF file, or one that can't be right, or it can't be read.
    """
    try:
        with _opened(source) as (read_at, available):
            return _read(GgufBytes(read_at, available), available if size is None else size)
    except OSError as error:
        raise BadGguf(f"The file can't be read: {error.strerror or error}.") from error


@contextmanager
def _opened(
    source: str | os.PathLike[str] | BinaryIO | bytes,
) -> Iterator[tuple[Callable[[int, int], bytes], int]]:
    if isinstance(source, bytes):
        yield lambda place, count: source[place : place + count], len(source)
    elif isinstance(source, str | os.PathLike):
        if not stat.S_ISREG(Path(source).stat().st_mode):
            raise BadGguf("It is no file, but a folder or a device.")
        # No memory map: a file that is cut while it is read would end the process.
        with Path(source).open("rb", buffering=0) as file:
            yield _reading(file), os.fstat(file.fileno()).st_size
    else:
        yield _reading(source), source.seek(0, io.SEEK_END)


def _reading(file: BinaryIO | io.RawIOBase) -> Callable[[int, int], bytes]:
    def read_at(place: int, count: int) -> bytes:
        file.seek(place)
        return file.read(count) or b""

    return read_at


def _read(source: GgufBytes, size: int) -> GgufHeader:
    version = _version(source)
    tensor_count, key_count = source.u64(), source.u64()
    if key_count > _KEYS_LIMIT or tensor_count > _TENSORS_LIMIT:
        raise BadGguf(
            f"The file tells of {tensor_count:,} tensors and {key_count:,} facts, more than any"
            " model has."
        )
    facts = read_facts(source, key_count)
    tensors = read_tensors(source, tensor_count, alignment=_alignment(facts), size=size)
    return _header(version, facts, tensors, size)


def _version(source: GgufBytes) -> int:
    magic = source.take(4)
    if magic != _MAGIC:
        raise BadGguf(_strange(magic))
    version = source.u32()
    # The same bytes the other way round.
    if version and not version & 0xFFFF:
        raise BadGguf(
            "The file is made for big-endian machines. Take one that is made for usual ones."
        )
    if version not in (2, 3):
        raise BadGguf(f"The file is of version {version} of GGUF; versions 2 and 3 can be read.")
    return version


def _strange(magic: bytes) -> str:
    if magic in {b"vers", b"# pa"}:
        return "The file only points to a model (Git LFS). Download the model itself."
    if magic in {b"ggml", b"lmgg", b"tjgg", b"fmgg"}:
        return "The file is of a format older than GGUF, which llama.cpp reads no more."
    if magic.lstrip()[:1] == b"<":
        return "The file is a web page and no model."
    return "The file is no GGUF file: its first four letters are not 'GGUF'."


def _alignment(facts: Facts) -> int:
    alignment = facts.number("general.alignment", _DEFAULT_ALIGNMENT)
    if alignment < 1 or alignment & (alignment - 1):
        raise BadGguf(f"The file's alignment is {alignment} and must be a power of two.")
    return alignment


def _header(version: int, facts: Facts, tensors: Tensors, size: int) -> GgufHeader:
    layers = facts.of_model("block_count")
    if layers > LAYERS_LIMIT:
        raise BadGguf(f"The file tells of {layers:,} layers, more than any model has.")
    heads = facts.of_model("attention.head_count")
    width = facts.of_model("embedding_length")
    head_length = width // heads if heads else 0
    pooling = _pooling(facts)
    template = facts.raw(TEMPLATE)
    window = facts.of_model("attention.sliding_window")
    return GgufHeader(
        version=version,
        architecture=facts.architecture,
        kind=_kind(facts),
        name=facts.text("general.name"),
        license=facts.text("general.license"),
        size_label=facts.text("general.size_label"),
        quantization=_quantization(facts, tensors),
        parameters=tensors.parameters,
        context_length=facts.of_model("context_length"),
        block_count=layers,
        embedding_length=width,
        head_count=heads,
        heads_kv=_heads_kv(facts, layers),
        key_length=facts.of_model("attention.key_length") or head_length,
        value_length=_value_length(facts, head_length),
        sliding_window=window,
        windowed=_windowed(facts, layers) if window else (),
        state_size=_state_size(facts),
        experts=facts.of_model("expert_count"),
        vocabulary=_vocabulary(facts),
        chat_template=isinstance(template, bytes) and bool(template),
        tools=isinstance(template, bytes) and b"tools" in template,
        pooling=pooling,
        embeddings=_makes_vectors(facts, pooling),
        split_number=facts.number(SPLIT_NUMBER, 0) + 1,
        split_count=max(1, facts.number(SPLIT_COUNT, 1)),
        tensor_count=tensors.number,
        weights=tensors.weights,
        layer_weights=tensors.layer_weights,
        token_weights=tensors.token_weights,
        file_size=size,
        data_offset=tensors.data_offset,
    )


def _kind(facts: Facts) -> str:
    told = facts.text("general.type") or "model"
    return "mmproj" if facts.architecture == "clip" else told


def _quantization(facts: Facts, tensors: Tensors) -> str | None:
    told = facts.number("general.file_type", -1)
    return FILE_TYPES.get(told & ~_GUESSED if told >= 0 else told, tensors.main_type)


def _heads_kv(facts: Facts, layers: int) -> tuple[int, ...]:
    """Return the key and value heads of each layer."""
    key = "attention.head_count_kv"
    told = facts.per_layer(key) or facts.per_layer("attention.head_count")
    if len(told) > 1 and len(told) != layers:
        raise BadGguf(f"The file's '{key}' tells of {len(told):,} layers and it has {layers:,}.")
    each = told if len(told) > 1 else (told or (0,)) * layers
    # The last ones may look at what a layer before them keeps, and those between may be recurrent.
    own = layers - facts.of_model("attention.shared_kv_layers")
    interval = 1 if len(told) > 1 else max(1, facts.of_model("full_attention_interval"))
    return tuple(
        heads if layer < own and (layer + 1) % interval == 0 else 0
        for layer, heads in enumerate(each)
    )


def _value_length(facts: Facts, usual: int) -> int:
    """Return what of a value is kept: nothing in models of latent attention (MLA)."""
    latent = facts.of_model("attention.key_length_mla") and facts.of_model(
        "attention.value_length_mla"
    )
    return 0 if latent else facts.of_model("attention.value_length") or usual


def _windowed(facts: Facts, layers: int) -> tuple[bool, ...]:
    """Return which layers see a window only."""
    key = "attention.sliding_window_pattern"
    flags = facts.flags(key)
    if flags:
        return tuple(flags[layer % len(flags)] for layer in range(layers))
    usual = _USUAL_PATTERN.get(facts.architecture)
    if facts.per_layer(key):
        period = facts.of_model(key)
    elif usual is None:
        return ()
    else:
        period = usual
    return tuple(period == 0 or layer % period < period - 1 for layer in range(layers))


def _state_size(facts: Facts) -> int:
    kept = facts.of_model("ssm.state_size") + facts.of_model("ssm.conv_kernel")
    return facts.of_model("ssm.inner_size") * kept


def _vocabulary(facts: Facts) -> int:
    tokens = facts.raw(TOKENS)
    return tokens.length if isinstance(tokens, ArrayValue) else facts.of_model("vocab_size")


def _pooling(facts: Facts) -> str | None:
    told = facts.per_layer("pooling_type")
    return _POOLING[told[0]] if told and told[0] < len(_POOLING) else None


def _makes_vectors(facts: Facts, pooling: str | None) -> bool:
    """Return whether it is made for vectors. A model that ranks texts is not."""
    if pooling == "rank":
        return False
    return facts.architecture in ENCODERS or pooling not in {None, "none"}
