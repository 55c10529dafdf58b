"""Quantizations: how the weights of a model are stored, read from names and from files.

The numbers of types are those of `ggml_type` in ggml.h and `llama_ftype` in llama.h.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class TensorType(NamedTuple):
    """How the values of one tensor are stored: in blocks of values that take so many bytes."""

    name: str
    block: int
    """Values in a block."""
    size: int
    """Bytes of a block."""


TENSOR_TYPES: dict[int, TensorType] = {
    0: TensorType("F32", 1, 4),
    1: TensorType("F16", 1, 2),
    2: TensorType("Q4_0", 32, 18),
    3: TensorType("Q4_1", 32, 20),
    6: TensorType("Q5_0", 32, 22),
    7: TensorType("Q5_1", 32, 24),
    8: TensorType("Q8_0", 32, 34),
    9: TensorType("Q8_1", 32, 40),
    10: TensorType("Q2_K", 256, 84),
    11: TensorType("Q3_K", 256, 110),
    12: TensorType("Q4_K", 256, 144),
    13: TensorType("Q5_K", 256, 176),
    14: TensorType("Q6_K", 256, 210),
    15: TensorType("Q8_K", 256, 292),
    16: TensorType("IQ2_XXS", 256, 66),
    17: TensorType("IQ2_XS", 256, 74),
    18: TensorType("IQ3_XXS", 256, 98),
    19: TensorType("IQ1_S", 256, 50),
    20: TensorType("IQ4_NL", 32, 18),
    21: TensorType("IQ3_S", 256, 110),
    22: TensorType("IQ2_S", 256, 82),
    23: TensorType("IQ4_XS", 256, 136),
    24: TensorType("I8", 1, 1),
    25: TensorType("I16", 1, 2),
    26: TensorType("I32", 1, 4),
    27: TensorType("I64", 1, 8),
    28: TensorType("F64", 1, 8),
    29: TensorType("IQ1_M", 256, 56),
    30: TensorType("BF16", 1, 2),
    34: TensorType("TQ1_0", 256, 54),
    35: TensorType("TQ2_0", 256, 66),
    39: TensorType("MXFP4", 32, 17),
    40: TensorType("NVFP4", 64, 36),
    41: TensorType("Q1_0", 128, 18),
    42: TensorType("Q2_0", 64, 18),
}

FILE_TYPES: dict[int, str] = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    7: "Q8_0",
    8: "Q5_0",
    9: "Q5_1",
    10: "Q2_K",
    11: "Q3_K_S",
    12: "Q3_K_M",
    13: "Q3_K_L",
    14: "Q4_K_S",
    15: "Q4_K_M",
    16: "Q5_K_S",
    17: "Q5_K_M",
    18: "Q6_K",
    19: "IQ2_XXS",
    20: "IQ2_XS",
    21: "Q2_K_S",
    22: "IQ3_XS",
    23: "IQ3_XXS",
    24: "IQ1_S",
    25: "IQ4_NL",
    26: "IQ3_S",
    27: "IQ3_M",
    28: "IQ2_S",
    29: "IQ2_M",
    30: "IQ4_XS",
    31: "IQ1_M",
    32: "BF16",
    36: "TQ1_0",
    37: "TQ2_0",
    38: "MXFP4",
    39: "NVFP4",
    40: "Q1_0",
    41: "Q2_0",
}
"""What `general.file_type` of a file means, as it is written in file names."""

BITS_PER_WEIGHT: dict[str, float] = {
    "IQ1_S": 2.0,
    "IQ1_M": 2.2,
    "Q1_0": 1.2,
    "TQ1_0": 1.7,
    "TQ2_0": 2.1,
    "Q2_0": 2.3,
    "IQ2_XXS": 2.4,
    "IQ2_XS": 2.6,
    "IQ2_S": 2.7,
    "IQ2_M": 2.9,
    "Q2_K_S": 3.0,
    "Q2_K": 3.2,
    "Q2_K_L": 3.3,
    "Q2_K_XL": 3.4,
    "IQ3_XXS": 3.3,
    "IQ3_XS": 3.5,
    "IQ3_S": 3.7,
    "Q3_K_S": 3.7,
    "IQ3_M": 3.8,
    "Q3_K_M": 4.0,
    "Q3_K_L": 4.3,
    "Q3_K_XL": 4.4,
    "MXFP4": 4.5,
    "NVFP4": 4.6,
    "IQ4_XS": 4.5,
    "IQ4_NL": 4.7,
    "Q4_0": 4.7,
    "Q4_K_S": 4.7,
    "Q4_K_M": 4.9,
    "Q4_K_L": 5.0,
    "Q4_1": 5.1,
    "Q4_K_XL": 5.1,
    "Q5_0": 5.6,
    "Q5_K_S": 5.6,
    "Q5_K_M": 5.7,
    "Q5_K_L": 5.8,
    "Q5_1": 6.1,
    "Q5_K_XL": 5.8,
    "Q6_K": 6.6,
    "Q6_K_L": 6.7,
    "Q6_K_XL": 7.0,
    "Q8_0": 8.5,
    "Q8_K_XL": 10.0,
    "BF16": 16.0,
    "F16": 16.0,
    "F32": 32.0,
}
"""Bits that a weight takes in a whole file, on average over the tensors of a usual model of 7B.

A file of Q4_K_M has tensors of Q4_K and of Q6_K; smaller models, whose table of words is a larger
part of them, take more.
"""

_UNKNOWN_BITS = 5.0

# By how much the answers suffer, worst first. Types of equal size differ: Q4_0 is older and worse
# than Q4_K_S, and IQ types keep more than K types at the same size.
_QUALITY = (
    "Q1_0",
    "IQ1_S",
    "IQ1_M",
    "TQ1_0",
    "TQ2_0",
    "Q2_0",
    "IQ2_XXS",
    "IQ2_XS",
    "Q2_K_S",
    "IQ2_S",
    "Q2_K",
    "IQ2_M",
    "Q2_K_L",
    "Q2_K_XL",
    "IQ3_XXS",
    "Q3_K_S",
    "IQ3_XS",
    "IQ3_S",
    "Q3_K_M",
    "IQ3_M",
    "Q3_K_L",
    "Q3_K_XL",
    "Q4_0",
    "MXFP4",
    "NVFP4",
    "IQ4_XS",
    "IQ4_NL",
    "Q4_1",
    "Q4_K_S",
    "Q4_K_M",
    "Q4_K_L",
    "Q4_K_XL",
    "Q5_0",
    "Q5_1",
    "Q5_K_S",
    "Q5_K_M",
    "Q5_K_L",
    "Q5_K_XL",
    "Q6_K",
    "Q6_K_L",
    "Q6_K_XL",
    "Q8_0",
    "Q8_K_XL",
    "F16",
    "BF16",
    "F32",
)
_RANK = {name: place for place, name in enumerate(_QUALITY)}

_NAME = re.compile(
    r"(?:^|[-_. /])((?:UD[-_])?"
    r"(?:T?Q[1-8]_[01]|Q[2-8]_K(?:_(?:XS|S|M|L|XL))?|IQ[1-4]_(?:XXS|XS|S|M|L|NL)"
    r"|(?:MX|NV)FP4(?:_MOE)?|BF16|FP?16|FP?32))(?=$|[-_. ])",
    re.IGNORECASE,
)
_PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$", re.IGNORECASE)
_PARAMETERS = re.compile(
    r"(?:^|[-_. /])(?:(\d{1,3})x)?(\d{1,4}(?:\.\d{1,3})?)([BM])(?=$|[-_. ])", re.IGNORECASE
)
_SCALE = {"B": 1_000_000_000, "M": 1_000_000}


def quantization_of(file: str) -> str | None:
    """Return the quantization that a file's name tells, or None.

    `mistral-7b.Q4_K_M.gguf` gives `Q4_K_M`, `Qwen3-8B-UD-Q4_K_XL.gguf` gives `UD-Q4_K_XL` and
    `model-fp16.gguf` gives `F16`. Of a path in folders the file's own name counts first, then the
    folder nearest to it. The last name wins where there are several.
    """
    for name in reversed(file.split("/")):
        found = _NAME.findall(name)
        if found:
            return _canonical(found[-1])
    return None


def _canonical(name: str) -> str:
    upper = name.upper()
    made_dynamically = upper.startswith("UD")
    bare = upper[3:] if made_dynamically else upper
    bare = bare.removesuffix("_MOE").replace("FP16", "F16").replace("FP32", "F32")
    return f"UD-{bare}" if made_dynamically else bare


def base_of(quantization: str) -> str:
    """Return the quantization without the mark of a dynamic one: `UD-Q4_K_XL` gives `Q4_K_XL`."""
    return quantization.upper().removeprefix("UD-")


class Part(NamedTuple):
    """One file of a model that is cut into several."""

    stem: str
    """What the names of all its parts begin with."""
    number: int
    """Its place, from 1."""
    total: int
    """How many there are."""


def part_of(file: str) -> Part | None:
    """Return which part a file is by its name (`...-00001-of-00003.gguf`), or None for a whole."""
    found = _PART.search(file)
    if found is None:
        return None
    number, total = int(found[1]), int(found[2])
    if not 1 <= number <= total:
        return None
    return Part(file[: found.start()], number, total)


def parts_of(file: str) -> tuple[str, ...]:
    """Return the names of all the files that a model needs, the given file's among them."""
    part = part_of(file)
    if part is None:
        return (file,)
    ending = file[-len(".gguf") :]
    return tuple(
        f"{part.stem}-{number:05}-of-{part.total:05}{ending}" for number in range(1, part.total + 1)
    )


def bits_per_weight(quantization: str | None) -> float:
    """Return how many bits a weight takes in such a file; a middling figure for an unknown one."""
    if quantization is None:
        return _UNKNOWN_BITS
    return BITS_PER_WEIGHT.get(base_of(quantization), _UNKNOWN_BITS)


def quality(quantization: str | None) -> int:
    """Return a number to sort by: higher keeps more of the model, -1 is unknown."""
    return -1 if quantization is None else _RANK.get(base_of(quantization), -1)


def parameters_of(name: str) -> int | None:
    """Return how many weights a model has as its name tells, or None.

    `Mistral-7B` gives 7,000,000,000 and `Mixtral-8x7B` 56,000,000,000, which is somewhat more than
    it has, since its experts share layers. The first such figure counts: `Qwen3-30B-A3B` is of 30B.
    """
    found = _PARAMETERS.search(name)
    if found is None:
        return None
    count = round(float(found[2]) * _SCALE[found[3].upper()]) * int(found[1] or 1)
    return count or None


def estimated_size(parameters: int, quantization: str | None) -> int:
    """Return how many bytes the file of a model of so many weights has, estimated."""
    return round(parameters * bits_per_weight(quantization) / 8)
