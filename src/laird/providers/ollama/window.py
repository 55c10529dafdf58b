"""The context window of a request to Ollama: set, checked before, and checked after.

Ollama loads a model with `num_ctx` tokens of context. Until version 0.12.6 it cut a longer prompt
in silence; since then `truncate: false` and `shift: false` make it refuse. Which version answers is
not known when a request is built, so what comes back is compared with what was sent.
Wire facts: `server/prompt.go`, `runner/` and `llm/llama_server.go` of Ollama, 0.5 to 0.30.
"""

from __future__ import annotations

from laird.domain.catalog import Model
from laird.domain.errors import ContextLengthExceeded, UpstreamRejected
from laird.domain.tokens import TokenUsage, estimate_tokens
from laird.transport.base import UpstreamRequest

DEFAULT_NUM_CTX = 8192
"""Tokens of context asked for where the document gives the model no `contextWindow`."""

_MOST_BYTES_PER_TOKEN = 6
"""No ordinary prompt has tokens that are longer on average, so more bytes do not fit."""
_SUSPICIOUS_BYTES_PER_TOKEN = 8
"""A count of tokens that makes them longer than this leaves out part of the text."""
_LEAST_BYTES_PER_TOKEN = 2
"""A text shorter than this for each token of the window fits for certain."""


class SizedRequest(UpstreamRequest, frozen=True):
    """A chat request that remembers what the server is to have read."""

    num_ctx: int = 0
    """Tokens of context asked for; 0 where it was not said, and nothing is checked."""
    text_bytes: int = 0
    """Bytes of the messages' text, without images, tools and earlier thinking."""


def leaves_the_machine(upstream_model: str) -> bool:
    """Tell whether a model of this name runs in Ollama's cloud, which has windows of its own."""
    tag = "".join(upstream_model.lower().split())
    return tag.endswith(("-cloud", ":cloud"))


def num_ctx_of(model: Model) -> int | None:
    """Return the `num_ctx` to send: always the same for a model, for a change reloads it.

    None for a model in Ollama's cloud whose window the document does not tell.
    """
    if model.context_window is not None:
        return model.context_window
    return None if leaves_the_machine(model.upstream_model) else DEFAULT_NUM_CTX


def byte_length(text: str) -> int:
    """Return the length of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def refuse_too_long(model: Model, num_ctx: int | None, text_bytes: int) -> None:
    """Raise `ContextLengthExceeded` for a prompt that is clearly longer than the window."""
    if num_ctx is None or text_bytes <= num_ctx * _MOST_BYTES_PER_TOKEN:
        return
    advice = (
        "Shorten it, or use a model with a larger context."
        if model.context_window is not None
        else "Shorten it, or write the model's contextWindow into the document."
    )
    raise ContextLengthExceeded(
        f"The prompt is about {estimate_tokens(text_bytes)} tokens, but '{model.key}' is run with"
        f" {num_ctx} tokens of context. {advice}",
        param="messages",
    )


def refuse_cut(provider: str, sent: SizedRequest, usage: TokenUsage) -> None:
    """Raise `UpstreamRejected` where the counts say that the prompt was cut in silence.

    A cut prompt fills the window to the brim, or has lost whole messages: then it has far fewer
    tokens than its text could have. The second is only asked where the text may not have fitted.
    """
    if not sent.num_ctx:
        return
    filled = usage.prompt >= sent.num_ctx
    lost = (
        usage.prompt * _SUSPICIOUS_BYTES_PER_TOKEN < sent.text_bytes
        and sent.text_bytes > sent.num_ctx * _LEAST_BYTES_PER_TOKEN
    )
    if filled or lost:
        raise UpstreamRejected(
            f"{provider} read only {usage.prompt} tokens of a prompt of about"
            f" {estimate_tokens(sent.text_bytes)}: it was cut to fit {sent.num_ctx} tokens of"
            " context. Shorten it, raise the model's contextWindow, and update Ollama to 0.12.6 or"
            " later, which refuses such a prompt.",
            upstream_code="context_length_exceeded",
            param="messages",
        )
