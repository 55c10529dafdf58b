"""Writes docs/support.md: what each kind of provider can do, as its adapter itself says.

    python -m tests.clients.support_table

Each adapter is handed the questions of the suite: it builds a request, or refuses the field.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.clients.house import ROUTES
from tests.providers.contract import PIXEL, REQUESTS, asking
from tests.providers.profiles import model_of

from laird.domain.catalog import AuthType, Kind, Provider
from laird.domain.chat import (
    ChatRequest,
    Document,
    Image,
    ResponseFormat,
    Sampling,
)
from laird.domain.embedding import EmbeddingRequest
from laird.domain.errors import LairdError
from laird.domain.secret import Secret
from laird.providers.base import Adapter
from laird.providers.registry import KINDS, build_adapter

PAGE = Path(__file__).parents[2] / "docs" / "support.md"
NO = "-"
BY_URL = "images by URL"

_INTERFACES: Mapping[str, str] = {
    "/v1/chat/completions": "openai.chat",
    "/v1/responses": "openai.responses",
    "/v1/messages": "anthropic.messages",
    "/v1/messages/count_tokens": "anthropic.count_tokens",
    "/v1/completions": "openai.completions",
    "/v1/embeddings": "openai.embeddings",
}
_PDF = "JVBERi0xLjQK"
_ABILITIES: Mapping[str, ChatRequest] = {
    "streams": REQUESTS["stream"],
    "tools": REQUESTS["tools"],
    "several calls and results": REQUESTS["tool_turns"],
    "a forced tool": REQUESTS["tool_named"],
    "images": asking("What is it?", Image(media_type="image/png", data=PIXEL)),
    "PDF files": asking(
        "Sum up.", Document(media_type="application/pdf", data=_PDF, name="report.pdf")
    ),
    "`json_schema`": REQUESTS["json_schema"],
    "`json_object`": asking("In JSON.", response_format=ResponseFormat(kind="json_object")),
    "`reasoning_effort`": asking("Think.", reasoning_effort="medium", max_tokens=4000),
    "`logprobs`": asking("Hello", sampling=Sampling(logprobs=True, top_logprobs=2)),
    "`seed`": asking("Hello", sampling=Sampling(seed=7)),
    "`n`": asking("Hello", sampling=Sampling(n=2)),
    "penalties": asking("Hello", sampling=Sampling(presence_penalty=0.5)),
}

_HEAD = """\
# What works with what

Any client interface reaches any provider. Where a provider speaks the client's own format, the
request and its answer are *passed on* as they came, with the model's name and the credential put
in; else they are *translated*. What a provider can't do is refused with a 400 that names the field,
never dropped in silence, and the next candidate of a chain is tried where there is one.

The test suite puts OpenAI's and Anthropic's own SDKs in front of every kind, with a scripted server
of that kind behind Laird, and compares text, tool calls, finish, token counts, errors and broken
streams of every pair. `library` is the exception: there is no server to script, so its format is
tested like the others', and OpenAI's SDK is put in front of a model that really runs. This page is
written from the adapters by `python -m tests.clients.support_table`, and a test fails when it is
out of date.

## Interfaces

"""
_BETWEEN = """
`-` means that there are no such models; *estimated*, that Laird counts four characters as a token.

## Abilities

What a translated request may ask for. `-` is refused by name. Whether a model honours it is its own
affair, and where a request is passed on, the server has the last word.

"""
_END = """
All of them stream. Reasoning is shown where the model shows it. Token counts come with every answer
and every stream that asks for them; where a server keeps them to itself, the ledger has an estimate
and says so.
"""


def _adapter(kind: Kind) -> Adapter:
    provider = Provider(
        id=kind.id,
        name=kind.title,
        kind=kind.id,
        egress=kind.egress,
        endpoint=kind.endpoint or "http://127.0.0.1:1/openai/v1",
        auth_type=kind.auth_type,
        secret=Secret("x") if kind.auth_type is not AuthType.NONE else None,
    )
    return build_adapter(provider)


def _interface(adapter: Adapter, dialect: str) -> str:
    if dialect in adapter.speaks:
        return "passed on"
    if dialect == "anthropic.count_tokens":
        return "estimated"
    if dialect == "openai.embeddings":
        return "translated" if _embeds(adapter) else NO
    return "translated"


def _embeds(adapter: Adapter) -> bool:
    try:
        adapter.embedding_request(model_of(adapter.provider), EmbeddingRequest(inputs=("x",)))
    except LairdError:
        return False
    return True


def _ability(adapter: Adapter, name: str) -> str:
    can = KINDS[adapter.provider.kind].capabilities
    if name.startswith("images") and can.vision is False:
        return NO
    if name == BY_URL:
        return "yes" if adapter.takes_image_urls else "Laird fetches"
    request = _ABILITIES[name]
    try:
        adapter.chat_request(model_of(adapter.provider), request)
    except LairdError:
        # What is passed on is never refused here: the server itself answers for it.
        return NO
    return "yes"


def _table(first: str, names: Iterable[str], rows: Mapping[str, list[str]]) -> str:
    head = [first, *names]
    lines = [head, ["---"] * len(head), *([name, *cells] for name, cells in rows.items())]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def page() -> str:
    """Return the page as it should be."""
    adapters = {kind.id: _adapter(kind) for kind in KINDS.values()}
    routes = {path: dialect for path, dialect in _INTERFACES.items() if path in ROUTES}
    ways = {
        f"`{kind}`": [_interface(adapter, dialect) for dialect in routes.values()]
        for kind, adapter in adapters.items()
    }
    abilities = {
        name: [_ability(adapter, name) for adapter in adapters.values()]
        for name in (*_ABILITIES, BY_URL)
    }
    interfaces = _table("kind", (f"`{path.removeprefix('/v1')}`" for path in routes), ways)
    asked_for = _table("", (f"`{kind}`" for kind in adapters), abilities)
    return f"{_HEAD}{interfaces}{_BETWEEN}{asked_for}{_END}"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
