"""The facts in a GGUF header: its keys and values, of which those that matter are kept."""

from __future__ import annotations

from laird.library.gguf_bytes import ArrayValue, BadGguf, GgufBytes, Value

LAYERS_LIMIT = 8_192
"""Layers that a model may have; llama.cpp itself ends at 512."""
TEMPLATE = "tokenizer.chat_template"
TOKENS = "tokenizer.ggml.tokens"
SPLIT_NUMBER, SPLIT_COUNT = "split.no", "split.count"

_KEY_LIMIT = 512
_NUMBER_LIMIT = 2**31
_TEXT_KEPT = 300
_TEMPLATE_KEPT = 1024 * 1024

# What is wanted of `<architecture>.<key>` and of `general.<key>`.
_MODEL_KEYS = frozenset(
    (
        "context_length",
        "block_count",
        "embedding_length",
        "vocab_size",
        "expert_count",
        "expert_used_count",
        "pooling_type",
        "full_attention_interval",
        "attention.head_count",
        "attention.head_count_kv",
        "attention.key_length",
        "attention.value_length",
        "attention.key_length_mla",
        "attention.value_length_mla",
        "attention.shared_kv_layers",
        "attention.sliding_window",
        "attention.sliding_window_pattern",
        "ssm.inner_size",
        "ssm.state_size",
        "ssm.conv_kernel",
    )
)
_GENERAL_KEYS = frozenset(
    ("architecture", "name", "type", "file_type", "alignment", "license", "size_label")
)
_OTHER_KEYS = frozenset((TEMPLATE, TOKENS, SPLIT_NUMBER, SPLIT_COUNT))


def read_facts(source: GgufBytes, count: int) -> Facts:
    """Read so many facts.

    Raises:
        BadGguf: One comes twice or can't be, or the architecture is not among them.
    """
    seen: set[bytes] = set()
    facts: dict[str, Value] = {}
    for _ in range(count):
        key = source.string(_KEY_LIMIT, "the name of a fact")
        if not key or key in seen:
            raise BadGguf(f"The file tells the fact {key!r} twice." if key else _NAMELESS)
        seen.add(key)
        name = key.decode("ascii", "replace")
        wanted = _is_wanted(name)
        value = source.value(text=_text_kept(name), numbers=LAYERS_LIMIT if wanted else 0)
        if not wanted:
            continue
        if value is None:
            raise BadGguf(f"The file's '{name}' is a text and must be a number.")
        facts[name] = value
    return Facts(facts)


_NAMELESS = "The file has a fact without a name."


def _is_wanted(key: str) -> bool:
    family, _, rest = key.partition(".")
    if family == "general":
        return rest in _GENERAL_KEYS
    return rest in _MODEL_KEYS or key in _OTHER_KEYS


def _text_kept(key: str) -> int:
    if key == TEMPLATE:
        return _TEMPLATE_KEPT
    return _TEXT_KEPT if key.startswith("general.") else 0


class Facts:
    """The facts of a header, checked as they are asked for."""

    def __init__(self, facts: dict[str, Value]) -> None:
        self._facts = facts
        self.architecture = self.text("general.architecture") or ""
        if not self.architecture:
            raise BadGguf("The file does not tell the architecture of its model.")
        self._prefix = f"{self.architecture}."

    def text(self, key: str) -> str | None:
        """Return a text, fit to be shown anywhere."""
        value = self._facts.get(key)
        if value is None:
            return None
        if not isinstance(value, bytes):
            raise BadGguf(f"The file's '{key}' is no text.")
        return "".join(filter(str.isprintable, value.decode("utf-8", "replace"))).strip() or None

    def raw(self, key: str) -> Value:
        """Return a value as it is."""
        return self._facts.get(key)

    def of_model(self, key: str) -> int:
        """Return a number of `<architecture>.<key>`, the largest of several; 0 if it is not told.

        Raises:
            BadGguf: It is no number, or one that no model can have.
        """
        return max(self.per_layer(key), default=0)

    def per_layer(self, key: str) -> tuple[int, ...]:
        """Return the numbers of `<architecture>.<key>`: one for all layers, or one for each."""
        return self.numbers(self._prefix + key)

    def numbers(self, key: str) -> tuple[int, ...]:
        """Return a number or an array of them as a tuple, empty if it is not told."""
        value = self._facts.get(key)
        if value is None:
            return ()
        found = value.numbers if isinstance(value, ArrayValue) else (value,)
        if found is None:
            raise BadGguf(f"The file's '{key}' is longer than it can be.")
        return tuple(_whole(key, number) for number in found)

    def number(self, key: str, default: int) -> int:
        """Return one number, whatever family its key is of."""
        return next(iter(self.numbers(key)), default)

    def flags(self, key: str) -> tuple[bool, ...]:
        """Return the truth values of `<architecture>.<key>`, where it is an array of them."""
        value = self._facts.get(self._prefix + key)
        if not isinstance(value, ArrayValue) or value.numbers is None:
            return ()
        return tuple(bool(number) for number in value.numbers)


def _whole(key: str, number: object) -> int:
    if not isinstance(number, int) or isinstance(number, bool):
        raise BadGguf(f"The file's '{key}' is no whole number.")
    if not 0 <= number < _NUMBER_LIMIT:
        raise BadGguf(f"The file's '{key}' is {number}, which can't be.")
    return number
