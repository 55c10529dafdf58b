"""The list of models.

Wire facts: `google.genai.types.Model` of Google's Python SDK, with the names that the Gemini API
itself gives the fields (`supportedGenerationMethods`).
"""

from __future__ import annotations

import re

import msgspec

from laird.domain.catalog import Capabilities
from laird.providers.base import FoundModel
from laird.providers.gemini.errors import Voice

_CHAT = "generateContent"
_EMBED = "embedContent"
_PLAIN_CHAT = re.compile(r"gemini-(?!.*(?:image|tts|audio|live|robotics|computer|omni))")
"""Models of text that take images, functions and JSON; the list itself does not tell."""


class _Model(msgspec.Struct, rename="camel"):
    name: str
    input_token_limit: int | None = None
    output_token_limit: int | None = None
    supported_generation_methods: list[str] | None = None
    thinking: bool | None = None


class _List(msgspec.Struct):
    models: list[_Model]


_MODELS = msgspec.json.Decoder(_List)


def read_models(body: bytes, voice: Voice) -> tuple[FoundModel, ...]:
    """Read the list, without models that neither chat nor embed. Raises `UpstreamGarbled`."""
    try:
        found = _MODELS.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise voice.garbled(f"a list of models that can't be read ({error})") from error
    return tuple(_found(model) for model in found.models if _is_ours(model))


def _is_ours(model: _Model) -> bool:
    methods = model.supported_generation_methods
    return methods is None or _CHAT in methods or _EMBED in methods


def _found(model: _Model) -> FoundModel:
    return FoundModel(
        id=model.name.removeprefix("models/"),
        context_window=model.input_token_limit,
        max_tokens=model.output_token_limit,
        capabilities=_capabilities(model),
    )


def _capabilities(model: _Model) -> Capabilities:
    methods = model.supported_generation_methods
    if methods is None:
        return Capabilities()
    if _CHAT not in methods:
        return Capabilities(
            streaming=False, function_calling=False, json_mode=False, embeddings=True
        )
    known = True if _PLAIN_CHAT.match(model.name.removeprefix("models/")) else None
    return Capabilities(
        streaming=True,
        function_calling=known,
        vision=known,
        json_mode=known,
        embeddings=_EMBED in methods,
        reasoning=bool(model.thinking),
    )
