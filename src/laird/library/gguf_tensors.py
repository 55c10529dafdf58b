"""The tensors that a GGUF header tells of: how many, how large and where."""

from __future__ import annotations

import math
from typing import NamedTuple

from laird.library.gguf_bytes import BadGguf, GgufBytes
from laird.library.quantization import TENSOR_TYPES

_NAME_LIMIT = 63
_DIMENSIONS = 4
_LAYER, _TOKEN_TABLE = b"blk.", b"token_embd.weight"


class Tensors(NamedTuple):
    """What the tensors of a file come to. Sizes are in bytes."""

    number: int
    parameters: int
    weights: int
    layer_weights: int
    """Those of the layers, which are numbered."""
    token_weights: int
    """The table that turns tokens into vectors."""
    main_type: str | None
    """The type that most of the bytes are of."""
    data_offset: int


class _Tensor(NamedTuple):
    name: bytes
    kind: str
    values: int
    size: int
    offset: int


def read_tensors(source: GgufBytes, count: int, *, alignment: int, size: int) -> Tensors:
    """Read what is told of so many tensors.

    Args:
        source: The header, behind its facts.
        count: How many there are.
        alignment: What each tensor's place is a multiple of.
        size: Bytes of the whole file.

    Raises:
        BadGguf: One comes twice, does not lie behind the one before it or not in the file.
    """
    seen: set[bytes] = set()
    by_type: dict[str, int] = {}
    parameters = layers = table = behind = end = 0
    for _ in range(count):
        tensor = _tensor(source)
        if tensor.name in seen:
            raise BadGguf(f"The file has the tensor {tensor.name!r} twice.")
        if tensor.offset != behind:
            raise BadGguf(f"The file's tensor {tensor.name!r} is not where it must be.")
        seen.add(tensor.name)
        end = behind + tensor.size
        behind = _padded(end, alignment)
        parameters += tensor.values
        by_type[tensor.kind] = by_type.get(tensor.kind, 0) + tensor.size
        layers += tensor.size if tensor.name.startswith(_LAYER) else 0
        table += tensor.size if tensor.name == _TOKEN_TABLE else 0
    data_offset = _padded(source.place, alignment)
    if count and data_offset + end > size:
        raise BadGguf(
            f"The file has {size:,} bytes and its header tells of {data_offset + end:,}:"
            " it is not whole."
        )
    return Tensors(
        number=count,
        parameters=parameters,
        weights=sum(by_type.values()),
        layer_weights=layers,
        token_weights=table,
        main_type=max(by_type, key=by_type.__getitem__, default=None),
        data_offset=data_offset,
    )


def _padded(count: int, alignment: int) -> int:
    return -(-count // alignment) * alignment


def _tensor(source: GgufBytes) -> _Tensor:
    name = source.string(_NAME_LIMIT, "the name of a tensor")
    dimensions = source.u32()
    if dimensions > _DIMENSIONS:
        raise BadGguf(f"The file has a tensor of {dimensions:,} dimensions.")
    shape = [source.u64() for _ in range(dimensions)]
    number = source.u32()
    kind = TENSOR_TYPES.get(number)
    if kind is None:
        raise BadGguf(f"The file has tensors of type {number}, which Laird does not know.")
    if (shape[0] if shape else 1) % kind.block:
        raise BadGguf("The file has a tensor whose rows are no whole blocks of its type.")
    values = math.prod(shape)
    return _Tensor(name, kind.name, values, values // kind.block * kind.size, source.u64())
