"""Names of files tell quantizations, parts and sizes; estimates follow from them."""

from __future__ import annotations

import gguf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from laird.library.quantization import (
    BITS_PER_WEIGHT,
    FILE_TYPES,
    TENSOR_TYPES,
    Part,
    bits_per_weight,
    estimated_size,
    parameters_of,
    part_of,
    parts_of,
    quality,
    quantization_of,
)


@pytest.mark.parametrize(
    ("file", "quantization"),
    [
        ("mistral-7b-instruct-v0.2.Q4_K_M.gguf", "Q4_K_M"),
        ("Qwen3-8B-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"),
        ("Llama-3.2-1B-Instruct-IQ2_XXS.gguf", "IQ2_XXS"),
        ("model-IQ4_NL.gguf", "IQ4_NL"),
        ("gpt-oss-20b-mxfp4.gguf", "MXFP4"),
        ("gpt-oss-20b-MXFP4_MOE.gguf", "MXFP4"),
        ("model-NVFP4.gguf", "NVFP4"),
        ("model-BF16.gguf", "BF16"),
        ("model.fp16.gguf", "F16"),
        ("ggml-model-f32.gguf", "F32"),
        ("qwen2.5-7b-instruct-q8_0.gguf", "Q8_0"),
        ("model_q5_k_s.gguf", "Q5_K_S"),
        ("model-Q6_K.gguf", "Q6_K"),
        ("model-Q6_K_L.gguf", "Q6_K_L"),
        ("BitNet-TQ1_0.gguf", "TQ1_0"),
        ("Big-Q4_K_M-00002-of-00003.gguf", "Q4_K_M"),
        ("Q8_0/Big-00001-of-00002.gguf", "Q8_0"),
        ("Q8_0/Big-Q4_0.gguf", "Q4_0"),
        ("Q4_K_M-of-something-Q5_0.gguf", "Q5_0"),
        ("UD-IQ1_S/DeepSeek-R1-UD-IQ1_S-00001-of-00003.gguf", "UD-IQ1_S"),
        ("phi-2.gguf", None),
        ("Q9_K.gguf", None),
        ("FAQ4_0ish.gguf", None),
        ("", None),
    ],
)
def test_a_quantization_is_read_from_a_file_name(file: str, quantization: str | None) -> None:
    assert quantization_of(file) == quantization


@pytest.mark.parametrize(
    ("file", "part"),
    [
        ("big-00002-of-00003.gguf", Part("big", 2, 3)),
        ("a/big-00001-of-00001.GGUF", Part("a/big", 1, 1)),
        ("big-00004-of-00003.gguf", None),
        ("big-00000-of-00003.gguf", None),
        ("big-2-of-3.gguf", None),
        ("big.gguf", None),
    ],
)
def test_parts_are_known_by_their_names(file: str, part: Part | None) -> None:
    assert part_of(file) == part


def test_a_model_needs_all_its_parts() -> None:
    assert parts_of("x/big-00002-of-00003.gguf") == (
        "x/big-00001-of-00003.gguf",
        "x/big-00002-of-00003.gguf",
        "x/big-00003-of-00003.gguf",
    )
    assert parts_of("small.gguf") == ("small.gguf",)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("Mistral-7B-Instruct", 7_000_000_000),
        ("TinyLlama-1.1B-Chat", 1_100_000_000),
        ("Mixtral-8x7B", 56_000_000_000),
        ("SmolLM2-135M", 135_000_000),
        ("Qwen3-30B-A3B", 30_000_000_000),
        ("TheBloke/llama-2-70b", 70_000_000_000),
        ("phi-2", None),
        ("model-0B", None),
        ("7Brides", None),
    ],
)
def test_the_number_of_weights_is_read_from_a_name(name: str, parameters: int | None) -> None:
    assert parameters_of(name) == parameters


def test_types_are_those_of_the_gguf_package() -> None:
    theirs = {int(kind): (kind.name, *sizes) for kind, sizes in gguf.GGML_QUANT_SIZES.items()}
    ours = {number: tuple(kind) for number, kind in TENSOR_TYPES.items()}
    assert theirs.items() <= ours.items()
    for kind in gguf.LlamaFileType:
        name = kind.name.removeprefix("MOSTLY_").removeprefix("ALL_").removesuffix("_MOE")
        if kind is not gguf.LlamaFileType.GUESSED:
            assert FILE_TYPES[int(kind)] == name


def test_every_quantization_of_files_can_be_estimated_and_sorted() -> None:
    for name in FILE_TYPES.values():
        assert name in BITS_PER_WEIGHT
        assert quality(name) >= 0
        assert quantization_of(f"model-{name}.gguf") == name


def test_a_size_is_near_that_of_real_files() -> None:
    assert estimated_size(7_240_000_000, "Q4_K_M") == pytest.approx(4_368_439_584, rel=0.03)
    assert estimated_size(6_740_000_000, "Q8_0") == pytest.approx(7_161_089_632, rel=0.03)
    assert estimated_size(6_740_000_000, "F16") == pytest.approx(13_478_104_576, rel=0.01)
    assert bits_per_weight(None) == bits_per_weight("Q77") == 5.0
    assert bits_per_weight("UD-Q4_K_XL") == bits_per_weight("q4_k_xl")


def test_better_quantizations_sort_higher() -> None:
    best_first = ["Q8_0", "UD-Q5_K_XL", "Q4_K_M", "Q4_0", "Q3_K_M", "Q2_K", "IQ1_S", "nothing"]
    assert sorted(best_first, key=quality) == best_first[::-1]
    assert quality(None) == -1
    assert quality("F16") < quality("BF16") < quality("F32")


@given(st.text(max_size=60))
def test_any_name_can_be_asked(name: str) -> None:
    quantization_of(name)
    parameters_of(name)
    assert name in parts_of(name)
