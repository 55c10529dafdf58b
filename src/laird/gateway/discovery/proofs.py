"""What the servers answer to the question that is theirs: each function reads one kind's answer.

It returns None where the answer is not that kind's.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec.structs import replace

from laird.domain.catalog import Capabilities, Egress
from laird.gateway.discovery.answers import Answer
from laird.providers.base import FoundModel

Models = tuple[FoundModel, ...]

_EMBEDS = Capabilities(streaming=False, embeddings=True)
_CHATS = Capabilities(embeddings=False)
_UNKNOWN_PATH = "Unexpected endpoint or method"
_COMMIT = re.compile(r"v?\d+\.\d+\S* \([0-9a-f]{7,40}\)")
_JAN_OWNERS = frozenset({"user", "llama.cpp", "mlx"})


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a server tells of itself beside its list of models."""

    version: str | None = None
    needs_key: bool = False
    models: Models | None = None
    """What it tells of its models; those of the list, where there is one."""
    embeds: bool | None = None
    """All its models make embeddings, or none does."""


def lm_studio(answer: Answer) -> Told | None:
    """Read `/api/v0/models`, or `/api/v1/models` of 0.4 and later."""
    if _UNKNOWN_PATH in answer.complaint:
        return Told()
    rows = answer.rows
    if rows and all("compatibility_type" in row for row in rows):
        return Told(models=tuple(_lm_studio_0(row) for row in rows))
    listed = answer.get("models")
    if isinstance(listed, list) and all(
        isinstance(row, dict) and "loaded_instances" in row for row in listed
    ):
        return Told(models=tuple(_lm_studio_1(row) for row in listed))
    # Both are so while it has no model; others have no list at all here.
    return Told(models=()) if rows == [] else None


def _lm_studio_0(row: dict[str, Any]) -> FoundModel:
    window = _count(row.get("loaded_context_length")) or _count(row.get("max_context_length"))
    return FoundModel(
        id=str(row.get("id", "")),
        context_window=window,
        capabilities=_EMBEDS if row.get("type") == "embeddings" else _CHATS,
    )


def _lm_studio_1(row: dict[str, Any]) -> FoundModel:
    sizes = [
        _count(Answer("", b"", each, "").get("config", "context_length"))
        for each in row["loaded_instances"] or ()
    ]
    window = next((size for size in sizes if size), None) or _count(row.get("max_context_length"))
    return FoundModel(
        id=str(row.get("key", "")),
        context_window=window,
        capabilities=_EMBEDS if row.get("type") == "embedding" else _CHATS,
    )


def koboldcpp(answer: Answer) -> Told | None:
    """Read `/api/extra/version`."""
    if answer.get("result") != "KoboldCpp":
        return None
    return Told(version=_word(answer.get("version")), needs_key=answer.get("protected") is True)


def koboldcpp_window(models: Models, answer: Answer) -> Models:
    """Add what `/api/extra/true_max_context_length` says."""
    return with_window(models, _count(answer.get("value")))


def local_ai(answer: Answer) -> Told | None:
    """Read `/.well-known/localai.json`, or `/version` of older ones, which names the commit."""
    version = answer.get("version")
    if not isinstance(version, str):
        return None
    known = isinstance(answer.get("endpoints"), dict) or _COMMIT.fullmatch(version)
    return Told(version=_word(version.partition(" ")[0])) if known else None


def local_ai_abilities(models: Models, answer: Answer) -> Models:
    """Add what `/v1/models/capabilities` says, where there is one."""
    words = {
        row.get("id"): row["capabilities"]
        for row in answer.rows or ()
        if isinstance(row.get("capabilities"), list)
    }
    return tuple(
        replace(model, capabilities=_abilities(words[model.id])) if words.get(model.id) else model
        for model in models
    )


def _abilities(words: list[object]) -> Capabilities:
    chats = "chat" in words or "completion" in words
    if "embeddings" in words:
        return Capabilities(embeddings=True) if chats else _EMBEDS
    return _CHATS if chats else Capabilities()


def llama_cpp(answer: Answer) -> Told | None:
    """Read `/props`, which is for holders of a key where there is one, as newer lists are."""
    if answer.get("error", "type") == "authentication_error":
        return Told(needs_key=True)
    build = answer.get("build_info")
    return Told(version=_word(build)) if isinstance(build, str) else None


def vllm(answer: Answer) -> Told | None:
    """Read `/version`, which is for all."""
    version = answer.get("version")
    return Told(version=_word(version)) if isinstance(version, str) else None


def sglang(answer: Answer) -> Told | None:
    """Read `/get_model_info`, which is for holders of a key like everything else."""
    if answer.body == {"error": "Unauthorized"}:
        return Told(needs_key=True)
    generates = answer.get("is_generation")
    return Told(embeds=not generates) if isinstance(generates, bool) else None


def tgi(answer: Answer) -> Told | None:
    """Read `/info`. The servers for embeddings and reranking of the same maker say less there."""
    name, window = answer.get("model_id"), _count(answer.get("max_total_tokens"))
    if not isinstance(name, str) or window is None:
        return None
    return Told(
        version=_word(answer.get("version")),
        models=(FoundModel(id=name, context_window=window, capabilities=_CHATS),),
    )


def light_llm(answer: Answer) -> Told | None:
    """Read `/get_model_name`."""
    name = answer.get("model_name")
    if not isinstance(name, str) or answer.body.keys() != {"model_name"}:
        return None
    return Told(models=(FoundModel(id=name),))


def jan(answer: Answer) -> Told | None:
    """Read `/openapi.json`. The version in it is the description's own."""
    title = answer.get("info", "title")
    return Told() if isinstance(title, str) and title.startswith("Jan API") else None


def jan_sends_on(owner: str) -> bool:
    """Tell whether a model that Jan lists runs at a provider of Jan's; in doubt, it does."""
    return owner not in _JAN_OWNERS


def ollama(answer: Answer) -> Told | None:
    """Read `/api/version`, which others imitate: they have to be excluded before."""
    version = answer.get("version")
    return Told(version=_word(version)) if isinstance(version, str) else None


def with_window(models: Models, window: int | None) -> Models:
    """Add a context window to models that do not say theirs."""
    if window is None:
        return models
    return tuple(
        model if model.context_window else replace(model, context_window=window) for model in models
    )


def with_embeddings(models: Models, *, embeds: bool) -> Models:
    """Say of all models that they make embeddings and nothing else, or that they make none."""
    return tuple(replace(model, capabilities=_EMBEDS if embeds else _CHATS) for model in models)


def sent_on(model: FoundModel) -> FoundModel:
    """Say of a model that it runs elsewhere."""
    return replace(model, egress=Egress.EXTERNAL)


def _count(value: object) -> int | None:
    return value if type(value) is int and value > 0 else None


def _word(value: object) -> str | None:
    """Return a version as it may be shown, or None for what is none."""
    text = value.strip() if isinstance(value, str) else ""
    return text if 0 < len(text) <= 64 and text.isprintable() else None
