"""A GGUF header tells what it has to tell, and nothing wrong with it does harm."""

from __future__ import annotations

import io
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import gguf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.library.gguf_files import (
    ARRAY,
    BOOL,
    F32,
    I32,
    I64,
    STRING,
    U8,
    U32,
    U64,
    Raw,
    Tensor,
    Typed,
    array,
    header,
    mistral_7b,
    text,
)
from tests.support.tiny_model import write_tiny_model

from laird.library.gguf import BadGguf, GgufCutShort, GgufHeader, read_header
from laird.library.gguf_bytes import ITEM_LIMIT

LLAMA: dict[str, Any] = {
    "general.architecture": "llama",
    "llama.block_count": 2,
    "llama.embedding_length": 64,
    "llama.attention.head_count": 4,
}
ONE = (Tensor("blk.0.attn_q.weight"),)


def read(facts: dict[str, Any], tensors: tuple[Tensor, ...] = ONE, **more: Any) -> GgufHeader:
    written = header(facts, tensors, **more)
    return read_header(written + bytes(sum(tensor.size for tensor in tensors)))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    write_tiny_model(path, "one two three")
    return path


class TestWhatIsTold:
    def test_a_real_file_is_read_as_the_gguf_package_reads_it(self, tiny: Path) -> None:
        told = read_header(tiny)
        oracle = gguf.GGUFReader(tiny)
        assert told.weights == sum(int(tensor.n_bytes) for tensor in oracle.tensors)
        assert told.parameters == sum(int(tensor.n_elements) for tensor in oracle.tensors)
        assert told.tensor_count == len(oracle.tensors)
        assert told.data_offset == oracle.data_offset
        assert told.file_size == tiny.stat().st_size
        tokens = oracle.get_field("tokenizer.ggml.tokens")
        assert tokens is not None
        assert told.vocabulary == len(tokens.data)
        assert told.architecture == "llama"
        assert told.name == "tiny"
        assert told.quantization == "F32"
        assert (told.version, told.block_count, told.context_length) == (3, 2, 2048)
        assert (told.embedding_length, told.head_count, told.heads_kv) == (64, 2, (1, 1))
        assert (told.key_length, told.value_length) == (32, 32)
        assert told.chat_template
        assert not told.tools
        assert not told.embeddings
        assert told.runnable
        assert told.layer_weights + told.token_weights < told.weights

    def test_path_open_file_and_bytes_tell_the_same(self, tiny: Path) -> None:
        whole = read_header(tiny)
        assert read_header(str(tiny)) == whole
        assert read_header(tiny.read_bytes()) == whole
        with tiny.open("rb") as file:
            assert read_header(file) == whole
        beginning = tiny.read_bytes()[: whole.data_offset]
        assert read_header(beginning, size=whole.file_size) == whole

    def test_types_and_sizes_of_tensors_are_those_of_the_gguf_package(self) -> None:
        for kind, (block, size) in gguf.GGML_QUANT_SIZES.items():
            told = read(LLAMA, (Tensor("blk.0.x", (block * 2, 3), int(kind), size * 6),))
            assert told.weights == size * 6, kind
            assert told.parameters == block * 6
            assert told.quantization == kind.name

    def test_mistral_7b_weighs_what_its_file_does(self) -> None:
        written, size = mistral_7b()
        told = read_header(written, size=size)
        # What the published file has: 4,368,439,584 bytes, of which the tensors begin at 735,520.
        assert told.weights == 4_368_439_584 - 735_520
        assert told.tensor_count == 291
        assert told.quantization == "Q4_K_M"
        assert 7_200_000_000 < told.parameters < 7_300_000_000
        assert (told.key_length, set(told.heads_kv), len(told.heads_kv)) == (128, {8}, 32)
        assert told.vocabulary == 32_000

    def test_version_2_and_other_alignments_are_read(self) -> None:
        facts = LLAMA | {"general.alignment": 64}
        told = read(facts, (Tensor("a", size=128), Tensor("b", size=128)), alignment=64, version=2)
        assert (told.version, told.weights, told.data_offset % 64) == (2, 256, 0)

    @pytest.mark.parametrize("kind", [U8, I32, U64, I64])
    def test_numbers_of_any_whole_type_count(self, kind: int) -> None:
        assert read(LLAMA | {"llama.context_length": Typed(kind, 100)}).context_length == 100

    def test_heads_may_differ_from_layer_to_layer(self) -> None:
        facts = LLAMA | {
            "llama.attention.head_count": array(U32, [4, 8]),
            "llama.attention.head_count_kv": array(I32, [2, 0]),
        }
        told = read(facts)
        assert (told.head_count, told.heads_kv, told.key_length) == (8, (2, 0), 8)

    def test_heads_without_groups_are_all_kept(self) -> None:
        assert read(LLAMA).heads_kv == (4, 4)

    def test_a_model_without_attention_keeps_no_heads(self) -> None:
        facts = {
            "general.architecture": "mamba",
            "mamba.block_count": 3,
            "mamba.ssm.inner_size": 10,
            "mamba.ssm.state_size": 3,
            "mamba.ssm.conv_kernel": 4,
        }
        told = read(facts)
        assert (told.heads_kv, told.state_size, told.key_length) == ((0, 0, 0), 70, 0)

    def test_layers_between_those_of_full_attention_keep_no_heads(self) -> None:
        facts = LLAMA | {"llama.block_count": 4, "llama.full_attention_interval": 4}
        assert read(facts).heads_kv == (0, 0, 0, 4)

    def test_layers_that_share_what_others_keep_have_no_heads_of_their_own(self) -> None:
        facts = LLAMA | {"llama.block_count": 4, "llama.attention.shared_kv_layers": 3}
        assert read(facts).heads_kv == (4, 0, 0, 0)

    def test_latent_attention_keeps_no_values(self) -> None:
        facts = LLAMA | {
            "llama.attention.head_count_kv": 1,
            "llama.attention.key_length": 576,
            "llama.attention.value_length": 512,
            "llama.attention.key_length_mla": 192,
            "llama.attention.value_length_mla": 128,
        }
        told = read(facts)
        assert (told.heads_kv, told.key_length, told.value_length) == ((1, 1), 576, 0)

    @pytest.mark.parametrize(
        ("architecture", "pattern", "windowed"),
        [
            ("gemma2", None, (True, False, True, False)),
            ("llama", None, ()),
            ("any", 2, (True, False, True, False)),
            ("any", 0, (True, True, True, True)),
            ("any", array(BOOL, [True, True, False, False]), (True, True, False, False)),
            ("any", array(BOOL, [False, True]), (False, True, False, True)),
        ],
    )
    def test_layers_with_a_window_are_told_apart(
        self, architecture: str, pattern: object, windowed: tuple[bool, ...]
    ) -> None:
        facts: dict[str, object] = {
            "general.architecture": architecture,
            f"{architecture}.block_count": 4,
            f"{architecture}.attention.sliding_window": 512,
        }
        if pattern is not None:
            facts[f"{architecture}.attention.sliding_window_pattern"] = pattern
        told = read(facts)
        assert (told.sliding_window, told.windowed) == (512, windowed)

    @pytest.mark.parametrize(
        ("architecture", "pooling", "name", "vectors"),
        [
            ("bert", None, None, True),
            ("nomic-bert", 1, "mean", True),
            ("jina-bert-v2", 2, "cls", True),
            ("gemma-embedding", 1, "mean", True),
            ("bert", 4, "rank", False),
            ("qwen3", 3, "last", True),
            ("qwen3", 0, "none", False),
            ("qwen3", 9, None, False),
            ("llama", None, None, False),
        ],
    )
    def test_models_for_vectors_are_known(
        self, architecture: str, pooling: int | None, name: str | None, vectors: bool
    ) -> None:
        facts: dict[str, object] = {
            "general.architecture": architecture,
            f"{architecture}.block_count": 1,
        }
        if pooling is not None:
            facts[f"{architecture}.pooling_type"] = pooling
        told = read(facts)
        assert (told.pooling, told.embeddings) == (name, vectors)

    def test_the_file_type_may_be_marked_as_guessed_or_missing_or_unknown(self) -> None:
        assert read(LLAMA | {"general.file_type": 1024 + 15}).quantization == "Q4_K_M"
        assert read(LLAMA | {"general.file_type": 999}).quantization == "F32"
        assert read(LLAMA).quantization == "F32"
        assert read(LLAMA, ()).quantization is None

    def test_a_chat_template_may_speak_of_tools(self) -> None:
        told = read(LLAMA | {"tokenizer.chat_template": "{% if tools %}{% endif %}"})
        assert told.chat_template
        assert told.tools
        assert not read(LLAMA).chat_template

    def test_names_are_cut_and_cleaned_for_any_screen(self) -> None:
        told = read(
            LLAMA | {"general.name": "\x1b[31mre\u202ed" + "x" * 9000, "general.license": b"\xff"}
        )
        assert told.name is not None
        assert told.name.startswith("[31mredxxx")
        assert len(told.name) <= 300
        assert told.license == "\ufffd"
        assert read(LLAMA | {"general.name": " \n "}).name is None

    def test_words_of_the_vocabulary_are_counted_and_not_kept(self) -> None:
        words = array(STRING, [f"word {place}" for place in range(50_000)])
        assert read(LLAMA | {"tokenizer.ggml.tokens": words}).vocabulary == 50_000
        assert read(LLAMA | {"llama.vocab_size": 7}).vocabulary == 7

    def test_a_header_is_read_without_what_follows(self, tiny: Path) -> None:
        class Counting(io.BytesIO):
            taken = 0

            def read(self, size: int | None = -1, /) -> bytes:
                data = super().read(size)
                self.taken += len(data)
                return data

        file = Counting(tiny.read_bytes() + bytes(20_000_000))
        read_header(file)
        assert file.taken < 1_000_000


class TestWhatCanBeRun:
    @pytest.mark.parametrize(
        ("facts", "reason"),
        [
            ({"general.type": "adapter"}, "adapter for another model"),
            ({"general.type": "imatrix"}, "measurements"),
            ({"general.type": "vocab"}, "words of a model only"),
            ({"general.type": "other"}, "type 'other'"),
            ({"split.no": Typed(U8, 2), "split.count": Typed(U8, 3)}, "part 3 of 3"),
            ({"llama.block_count": 0}, "no layers"),
        ],
    )
    def test_what_is_no_model_says_what_it_is(self, facts: dict[str, Any], reason: str) -> None:
        told = read(LLAMA | facts)
        assert told.why_not_runnable is not None
        assert reason in told.why_not_runnable
        assert not told.runnable

    def test_a_projector_is_known_by_its_architecture(self) -> None:
        told = read({"general.architecture": "clip"})
        assert told.kind == "mmproj"
        assert not told.runnable

    def test_a_file_without_tensors_is_run_only_as_the_first_of_several(self) -> None:
        assert not read(LLAMA, ()).runnable
        split = {"split.no": Typed(U8, 0), "split.count": Typed(U8, 3)}
        told = read(LLAMA | split, ())
        assert (told.split_number, told.split_count, told.runnable) == (1, 3, True)


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (b"PK\x03\x04" + bytes(100), "no GGUF file"),
            (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
            (b"<!DOCTYPE html><html></html>", "web page"),
            (b"tjgg" + bytes(100), "older than GGUF"),
            (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian"),
            (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "version 1"),
            (b"GGUF" + struct.pack("<IQQ", 4, 0, 0), "version 4"),
            (b"GGUF" + struct.pack("<IQQ", 0, 0, 0), "version 0"),
            (b"GGUF" + struct.pack("<IQQ", 3, 2**60, 0), "more than any model has"),
            (b"GGUF" + struct.pack("<IQQ", 3, 0, 2**63), "more than any model has"),
            (header({}), "architecture"),
            (header({"general.architecture": ""}), "architecture"),
            (header({"general.architecture": 3}), "no text"),
            (header([("a", 1), ("a", 2)]), "twice"),
            (header([("", 1)]), "without a name"),
            (header([("k" * 600, 1)]), "too long"),
            (header([("a", Raw(77, bytes(8)))]), "type 77"),
            (header([("a", Raw(ARRAY, struct.pack("<IQ", 77, 1)))]), "array of type 77"),
            (header([("a", Raw(BOOL, b"\x07"))]), "neither true nor false"),
            (header(LLAMA | {"general.alignment": 24}), "power of two"),
            (header(LLAMA | {"general.alignment": 0}), "power of two"),
            (header(LLAMA | {"llama.context_length": Typed(F32, 4096.0)}), "no whole number"),
            (header(LLAMA | {"llama.context_length": True}), "no whole number"),
            (header(LLAMA | {"llama.context_length": Typed(I32, -1)}), "can't be"),
            (header(LLAMA | {"llama.context_length": Typed(U64, 2**62)}), "can't be"),
            (header(LLAMA | {"llama.block_count": 100_000}), "100,000 layers"),
            (header(LLAMA | {"llama.attention.head_count_kv": array(U32, [1] * 5)}), "5 layers"),
            (
                header(LLAMA | {"llama.attention.head_count_kv": array(U32, [1] * 9_000)}),
                "longer than it can be",
            ),
            (
                header(
                    LLAMA
                    | {f"{x}.attention.head_count_kv": array(U8, [1] * 8_000) for x in "abcdefghi"}
                ),
                "more of its layers",
            ),
        ],
    )
    def test_wrong_headers_are_refused_with_what_is_wrong(self, data: bytes, words: str) -> None:
        with pytest.raises(BadGguf, match=words):
            read_header(data)

    @pytest.mark.parametrize(
        ("tensors", "words"),
        [
            ((Tensor("a"), Tensor("a")), "twice"),
            ((Tensor("n" * 64),), "too long"),
            ((Tensor("a", (1,) * 5),), "5 dimensions"),
            ((Tensor("a", kind=99),), "type 99"),
            ((Tensor("a", kind=4),), "type 4"),
            ((Tensor("a", (100,), kind=12),), "no whole blocks"),
            ((Tensor("a", (), kind=12),), "no whole blocks"),
            ((Tensor("a", offset=32),), "not where it must be"),
            ((Tensor("a"), Tensor("b", offset=0)), "not where it must be"),
            ((Tensor("a"), Tensor("b", offset=2**63)), "not where it must be"),
            ((Tensor("a", (2**40, 2**40)),), "not whole"),
            ((Tensor("a", (2**63, 2**63, 2**63, 2**63)),), "not whole"),
        ],
    )
    def test_tensors_lie_one_behind_the_other_within_the_file(
        self, tensors: tuple[Tensor, ...], words: str
    ) -> None:
        with pytest.raises(BadGguf, match=words):
            read(LLAMA, tensors)

    def test_a_file_that_lacks_its_last_byte_is_not_whole(self) -> None:
        written = header(LLAMA, ONE)
        assert read_header(written, size=len(written) + 128).weights == 128
        with pytest.raises(BadGguf, match="not whole") as refused:
            read_header(written, size=len(written) + 127)
        assert not isinstance(refused.value, GgufCutShort)

    def test_every_beginning_of_a_header_is_told_to_be_cut_short(self) -> None:
        nested = Raw(
            ARRAY, struct.pack("<IQ", ARRAY, 1) + struct.pack("<IQ", STRING, 1) + text("x")
        )
        facts = LLAMA | {"tokenizer.ggml.tokens": array(STRING, ["a", "bc"]), "n": nested}
        written = header(facts, ONE).rstrip(b"\0")
        for length in range(len(written) - 16):
            with pytest.raises(GgufCutShort):
                read_header(written[:length], size=10_000)

    def test_a_file_that_is_not_there_or_a_folder_is_told_plainly(self, tmp_path: Path) -> None:
        with pytest.raises(BadGguf, match="can't be read: No such file"):
            read_header(tmp_path / "missing.gguf")
        with pytest.raises(BadGguf, match="no file, but a folder"):
            read_header(tmp_path)
        (tmp_path / "empty.gguf").touch()
        with pytest.raises(GgufCutShort):
            read_header(tmp_path / "empty.gguf")

    def test_a_file_that_shrinks_while_it_is_read_is_cut_short(self, tiny: Path) -> None:
        class Shrinking(io.BytesIO):
            def seek(self, place: int, whence: int = 0, /) -> int:
                end = super().seek(place, whence)
                return end * 2 if whence == io.SEEK_END else end

        with pytest.raises(GgufCutShort):
            read_header(Shrinking(tiny.read_bytes()[:500]))

    def test_arrays_in_arrays_end_somewhere(self) -> None:
        body = struct.pack("<IQ", U8, 0)
        for _ in range(3):
            body = struct.pack("<IQ", ARRAY, 1) + body
        assert read(LLAMA | {"deep": Raw(ARRAY, body)}).architecture == "llama"
        for _ in range(3_000):
            body = struct.pack("<IQ", ARRAY, 1) + body
        with pytest.raises(BadGguf, match="too deep"):
            read(LLAMA | {"deep": Raw(ARRAY, body)})


CLAIMS = (
    ("a text", struct.pack("<IQ", STRING, 2**40)),
    ("words", struct.pack("<IIQ", ARRAY, STRING, 2**40)),
    ("numbers", struct.pack("<IIQ", ARRAY, U64, 2**61)),
    ("arrays", struct.pack("<IIQ", ARRAY, ARRAY, 2**59)),
)


class TestWhatItTakes:
    @pytest.mark.parametrize(("what", "claim"), CLAIMS)
    def test_a_claim_is_not_believed_before_the_bytes_are_there(
        self, what: str, claim: bytes
    ) -> None:
        data = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("llama.block_count") + claim
        tracemalloc.start()
        with pytest.raises(GgufCutShort):
            read_header(data + bytes(1_000))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1_000_000, what

    @pytest.mark.parametrize("claim", [claim for _, claim in CLAIMS])
    def test_a_vast_file_of_nothing_is_soon_refused(self, tmp_path: Path, claim: bytes) -> None:
        path = tmp_path / "vast.gguf"
        with path.open("wb") as file:
            file.write(b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("x") + claim)
            file.truncate(2**42)
        with pytest.raises(BadGguf):
            read_header(path)

    def test_lists_have_an_end(self, tmp_path: Path) -> None:
        path = tmp_path / "long.gguf"
        claim = struct.pack("<IIQ", ARRAY, STRING, ITEM_LIMIT + 1)
        with path.open("wb") as file:
            file.write(b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("x") + claim)
            file.truncate(2**30)
        with pytest.raises(BadGguf, match="more than 4,000,000 entries"):
            read_header(path)

    def test_long_texts_and_lists_take_no_memory(self) -> None:
        facts = LLAMA | {
            "tokenizer.ggml.tokens": array(STRING, ["w" * 40] * 100_000),
            "tokenizer.ggml.scores": Raw(ARRAY, struct.pack("<IQ", F32, 10**6) + bytes(4 * 10**6)),
            "some.text": "y" * 3_000_000,
            "llama.attention.head_count_kv": "z" * 3_000_000,
        }
        file = io.BytesIO(header(facts))
        tracemalloc.start()
        with pytest.raises(BadGguf, match="is a text"):
            read_header(file)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2_000_000


def accepted_or_refused(data: bytes) -> None:
    """Hold to what every reading keeps: a sensible header, or one kind of error."""
    told, refused = None, ""
    try:
        told = read_header(data)
    except BadGguf as error:
        refused = error.message
    if told is None:
        assert len(refused) < 800
        assert refused.endswith(".")
        return
    assert told.architecture
    assert 0 <= told.layer_weights + told.token_weights <= told.weights <= len(data)
    assert len(told.heads_kv) == told.block_count
    assert len(told.windowed) in {0, told.block_count}
    assert all(0 <= heads < 2**31 for heads in told.heads_kv)
    assert (told.name or "x").isprintable()


SEED = header(
    LLAMA
    | {
        "general.name": "seed",
        "general.file_type": 15,
        "llama.context_length": 4096,
        "llama.attention.head_count_kv": array(U32, [2, 2]),
        "llama.attention.sliding_window": 256,
        "llama.attention.sliding_window_pattern": array(BOOL, [True, False]),
        "llama.pooling_type": 1,
        "tokenizer.ggml.tokens": array(STRING, ["a", "b", "c" * 40]),
        "tokenizer.chat_template": "{{ tools }}",
        "nested": Raw(ARRAY, struct.pack("<IQ", ARRAY, 2) + struct.pack("<IQH", U8, 2, 7) * 2),
        "split.count": Typed(U8, 1),
    },
    (Tensor("token_embd.weight"), Tensor("blk.0.x", (256, 2), 12, 288), Tensor("blk.1.y")),
) + bytes(128 + 288 + 128)


class TestFuzz:
    @given(
        st.lists(
            st.tuples(
                st.integers(0, len(SEED) - 1),
                st.one_of(
                    st.binary(min_size=1, max_size=4),
                    st.sampled_from(
                        [b"\xff" * 8, bytes(8), struct.pack("<Q", 2**63), struct.pack("<I", ARRAY)]
                    ),
                ),
            ),
            min_size=1,
            max_size=6,
        ),
        st.integers(0, len(SEED)),
    )
    @settings(max_examples=300, deadline=None)
    def test_a_damaged_header_is_read_or_refused(
        self, damage: list[tuple[int, bytes]], cut: int
    ) -> None:
        data = bytearray(SEED)
        for place, written in damage:
            data[place : place + len(written)] = written
        accepted_or_refused(bytes(data))
        accepted_or_refused(bytes(data[:cut]))

    @given(st.integers(0, len(SEED)), st.integers(0, len(SEED)), st.binary(max_size=60))
    @settings(max_examples=150, deadline=None)
    def test_a_header_with_parts_moved_is_read_or_refused(
        self, begin: int, end: int, between: bytes
    ) -> None:
        accepted_or_refused(SEED[:begin] + between + SEED[end:])

    @given(st.binary(max_size=400), st.sampled_from([2, 3]), st.integers(0, 4), st.integers(0, 4))
    @settings(max_examples=150, deadline=None)
    def test_chance_bytes_are_read_or_refused(
        self, data: bytes, version: int, tensors: int, facts: int
    ) -> None:
        accepted_or_refused(data)
        accepted_or_refused(b"GGUF" + struct.pack("<IQQ", version, tensors, facts) + data)

    def test_the_seed_itself_is_right(self) -> None:
        told = read_header(SEED)
        assert told.runnable
        assert told.windowed == (True, False)
        assert told.weights == 128 + 288 + 128
