"""How the servers that speak OpenAI's chat format differ, as data: one value per kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

CHAT = frozenset({"openai.chat"})
CHAT_AND_EMBEDDINGS = CHAT | {"openai.embeddings"}
CHAT_EMBEDDINGS_AND_COMPLETIONS = CHAT_AND_EMBEDDINGS | {"openai.completions"}
"""What `OpenAITraits.speaks` may be, beside OpenAI's own, which has `openai.responses` too."""


class Fitting(msgspec.Struct, frozen=True, kw_only=True):
    """What a strict server's chat requests need, the forwarded ones too.

    See `laird.providers.openai_fitting`.
    """

    labels: frozenset[str] = frozenset()
    """Fields that change no answer and that it refuses: taken out."""
    echoes: frozenset[str] = frozenset()
    """Fields of answers that clients send back in an assistant's message and that it refuses:
    taken out."""
    renames: Mapping[str, str] = {}
    """Its names for fields of the body."""
    thinking_field: str | None = None
    """Its name for an assistant's `reasoning_content`; None leaves that as it is."""
    wants_thinking: bool = False
    """It refuses an assistant's message with tool calls and without `reasoning_content`."""
    switches_thinking: bool = False
    """`reasoning_effort: none` is `thinking: {"type": "disabled"}` there."""
    takes_developer: bool = True
    """It knows the role `developer`; where not, that becomes `system`."""
    takes_names: bool = True
    """It takes the `name` of a message; where not, a user's is put before the text."""
    short_call_ids: bool = False
    """Ids of tool calls must be nine letters and digits."""
    document_urls: bool = False
    """Its part for a file is `document_url`."""
    json_schema: bool = True
    """It knows `response_format: json_schema`; where not, that is refused."""


class OpenAITraits(msgspec.Struct, frozen=True, kw_only=True):
    """What one kind of OpenAI-compatible server does otherwise than OpenAI."""

    speaks: frozenset[str] = CHAT
    """The client dialects that it takes as they are (see `Adapter.speaks`); the others are
    translated into chat. Without `openai.embeddings` it makes no embeddings."""
    limit_field: str = "max_tokens"
    """The field for the output limit when Laird writes the body."""
    knows_completion_limit: bool = False
    """It reads `max_completion_tokens`; where not, that is renamed to `max_tokens`."""
    top_k: bool = True
    """It honours `top_k`, which is not in OpenAI's format."""
    takes_reasoning: bool = True
    """It reads an assistant's earlier thinking in `reasoning_content`."""
    ignores: frozenset[str] = frozenset()
    """Fields that it drops in silence: asking for them is refused."""
    api_key_header: str = "authorization"
    """Where a credential of authType api_key goes; in `authorization` it is a bearer token."""
    thinking_field: str = "reasoning_content"
    """Its name for an assistant's earlier thinking, where Laird writes the body."""
    takes_details: bool = False
    """It reads `reasoning_details`, and so gets signatures back."""
    takes_google_signatures: bool = False
    """It may be Google's endpoint: signatures of tool calls go along in `extra_content`."""
    image_urls: bool = True
    """It fetches images by itself."""
    files: bool = False
    """It reads file parts; where not, only text files can be sent, as text."""
    file_urls: bool = False
    """It fetches files by itself."""
    tool_images: bool = False
    """It takes images in the result of a tool; where not, they follow it as the user's."""
    limits_calls: bool = True
    """It can be told to call one tool at a time."""
    fitting: Fitting | None = None
    """What its servers are strict about; None where they are not."""


OPENAI = OpenAITraits(
    speaks=CHAT_AND_EMBEDDINGS | {"openai.responses"},
    limit_field="max_completion_tokens",
    knows_completion_limit=True,
    top_k=False,
    takes_reasoning=False,
    files=True,
)
"""Its `/v1/completions` knows a few retired models only, so completions are translated."""
LOCAL = OpenAITraits(speaks=CHAT_EMBEDDINGS_AND_COMPLETIONS)
"""LocalAI."""
LMSTUDIO = OpenAITraits(speaks=CHAT_EMBEDDINGS_AND_COMPLETIONS, image_urls=False)
LIGHTLLM = OpenAITraits()
MODERN_LOCAL = OpenAITraits(speaks=CHAT_EMBEDDINGS_AND_COMPLETIONS, knows_completion_limit=True)
"""vLLM and llama.cpp's server."""
CUSTOM = OpenAITraits(
    speaks=CHAT_EMBEDDINGS_AND_COMPLETIONS,
    knows_completion_limit=True,
    api_key_header="x-api-key",
    takes_google_signatures=True,
    files=True,
)
DEMO = OpenAITraits(speaks=CHAT_EMBEDDINGS_AND_COMPLETIONS, knows_completion_limit=True)

_ECHOES = frozenset({"reasoning_details", "extra_content", "annotations", "refusal"})
_LABELS = frozenset(
    {"safety_identifier", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"}
)
MISTRAL = OpenAITraits(
    speaks=CHAT_AND_EMBEDDINGS,
    top_k=False,
    takes_reasoning=False,
    files=True,
    file_urls=True,
    tool_images=True,
    ignores=frozenset({"logprobs", "top_logprobs", "logit_bias", "service_tier", "verbosity"}),
    fitting=Fitting(
        labels=_LABELS | {"stream_options", "user"},
        echoes=_ECHOES | {"reasoning_content", "reasoning"},
        renames={"seed": "random_seed", "dimensions": "output_dimension"},
        takes_developer=False,
        takes_names=False,
        short_call_ids=True,
        document_urls=True,
    ),
)
"""Its API answers 422 to every field that it does not know; usage comes unasked."""
GROQ = OpenAITraits(
    limit_field="max_completion_tokens",
    knows_completion_limit=True,
    top_k=False,
    thinking_field="reasoning",
    ignores=frozenset({"n", "logprobs", "top_logprobs", "logit_bias"}),
    fitting=Fitting(
        labels=_LABELS,
        echoes=_ECHOES,
        thinking_field="reasoning",
        takes_developer=False,
        takes_names=False,
    ),
)
DEEPSEEK = OpenAITraits(
    top_k=False,
    ignores=frozenset({"n", "seed", "logit_bias", "presence_penalty", "frequency_penalty"}),
    limits_calls=False,
    fitting=Fitting(
        wants_thinking=True, switches_thinking=True, takes_developer=False, json_schema=False
    ),
)
OPENROUTER = OpenAITraits(
    speaks=CHAT_EMBEDDINGS_AND_COMPLETIONS,
    knows_completion_limit=True,
    thinking_field="reasoning",
    takes_details=True,
    files=True,
    file_urls=True,
)
TOGETHER = OpenAITraits(
    speaks=CHAT_EMBEDDINGS_AND_COMPLETIONS,
    thinking_field="reasoning",
    ignores=frozenset({"logprobs", "top_logprobs"}),
    fitting=Fitting(takes_developer=False),
)
"""Its `logprobs` is a number, and what it answers has another form."""
XAI = OpenAITraits(
    speaks=CHAT | {"openai.responses"},
    limit_field="max_completion_tokens",
    knows_completion_limit=True,
    top_k=False,
    ignores=frozenset({"logit_bias"}),
)


_DEFAULTS = {"service_tier": "auto", "verbosity": "medium"}


def asks_for(field: str, value: Any) -> bool:
    """Tell whether a value of a field that may be ignored wishes for more than the default."""
    if field in {"n", "best_of"}:
        return value not in {None, 1}
    if field == "tool_choice":
        return value not in (None, "auto", "none")
    if field == "seed":
        return value is not None
    return bool(value) and value != _DEFAULTS.get(field)


def without_tools(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body that offers no tools, which is what `tool_choice: none` means."""
    return {key: value for key, value in body.items() if key not in {"tools", "tool_choice"}}
