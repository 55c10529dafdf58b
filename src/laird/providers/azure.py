"""Azure OpenAI: OpenAI's formats at Azure's addresses, in both of their forms.

- The v1 form, `https://{resource}.openai.azure.com/openai/v1/`, is OpenAI's API with another
  header.
- The older form names the deployment in the path and the version of the API in the query:
  `/openai/deployments/{deployment}/chat/completions?api-version=2024-10-21`.

Which one is meant is told by the path of the configured endpoint alone: it ends in `/v1`, or not.
Wire facts: `openai/lib/azure.py` of the Python SDK, and Microsoft's reference of the REST API.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from laird.domain.catalog import Capabilities, Model, Provider
from laird.domain.chat import ChatRequest
from laird.domain.embedding import EmbeddingRequest
from laird.domain.errors import UpstreamError, UpstreamFailed, UpstreamRejected
from laird.providers import openai_traits as traits
from laird.providers.base import FoundModel
from laird.providers.openai_compat import OpenAIAdapter
from laird.transport.base import RequestHead, UpstreamRequest
from laird.wire.faults import plain
from laird.wire.openai import load_object

DEFAULT_API_VERSION = "2024-10-21"
"""The `api-version` of the older form where the endpoint does not say one: the last dated one that
is not a preview."""

V1 = msgspec.structs.replace(traits.OPENAI, api_key_header="api-key")
DATED = msgspec.structs.replace(V1, speaks=traits.CHAT_AND_EMBEDDINGS)
"""The older form has its Responses in preview versions only, so they are translated into chat."""

_PATHS: Mapping[str, str] = {
    "openai.chat": "chat/completions",
    "openai.embeddings": "embeddings",
}
_ENDINGS = ("/chat/completions", "/embeddings", "/responses", "/models")
_DEPLOYMENTS = "/openai/deployments/"


class Place(msgspec.Struct, frozen=True):
    """What a configured endpoint says."""

    base: str
    """Scheme, host and path: up to `/v1`, or up to where `/openai` begins."""
    query: str
    """`?api-version=…` and whatever else was written there; empty only in the v1 form."""
    v1: bool
    deployment: str | None = None
    """The one deployment that the endpoint names, as it is written there."""


def place_of(endpoint: str) -> Place:
    """Read an endpoint in either form, also one that was copied from Azure's portal.

    Raises `ValueError` for a deployment without a name.
    """
    parts = urlsplit(endpoint)
    path = parts.path.rstrip("/")
    for ending in _ENDINGS:
        path = path.removesuffix(ending)
    query = f"?{parts.query}" if parts.query else ""
    v1 = path.endswith("/v1")
    deployment = None
    if not v1:
        if "api-version=" not in parts.query:
            query = f"{query}&" if query else "?"
            query += f"api-version={DEFAULT_API_VERSION}"
        before, found, deployment = f"{path}/".partition(_DEPLOYMENTS)
        path = before.removesuffix("/").removesuffix("/openai")
        deployment = deployment.strip("/") if found else None
        if found and not (deployment and "/" not in deployment):
            raise ValueError(
                "The address must name one deployment after /openai/deployments/, or end before"
                " /openai."
            )
    base = urlunsplit((parts.scheme, parts.netloc, path, "", parts.fragment))
    return Place(base, query, v1, deployment)


class AzureAdapter(OpenAIAdapter):
    """One resource of Azure OpenAI. See `laird.providers.base.Adapter`."""

    def __init__(self, provider: Provider) -> None:
        place = place_of(provider.endpoint)
        bare = msgspec.structs.replace(provider, endpoint=place.base)
        super().__init__(bare, V1 if place.v1 else DATED)
        self.provider = provider
        self._place = place
        self._deployed: dict[tuple[str, str], RequestHead] = {}
        """Heads by dialect and deployment; as many as the configuration has models."""
        posting = self._heads["openai.chat"]
        listing = self._models.head
        path = urlsplit(place.base).path
        self._root = posting if place.v1 else _at(posting, f"{path}{_DEPLOYMENTS}")
        list_path = listing.target if place.v1 else f"{path}/openai/models"
        unprobed = self._probe is self._models
        self._models = UpstreamRequest(_at(listing, list_path + place.query))
        if unprobed:
            self._probe = self._models
        if place.v1 and place.query:
            self._heads = {
                dialect: _at(head, head.target + place.query)
                for dialect, head in self._heads.items()
            }

    def chat_request(self, model: Model, request: ChatRequest) -> UpstreamRequest:
        """Build the upstream request. Raises `UnsupportedField` for what can't be honoured."""
        return self._addressed("openai.chat", model, super().chat_request(model, request))

    def forward_request(
        self,
        dialect: str,
        model: Model,
        body: Mapping[str, Any],
        passed: Mapping[str, str] | None = None,
    ) -> UpstreamRequest:
        """Build the upstream request from a body in an OpenAI format; unknown fields go along."""
        built = super().forward_request(dialect, model, body, passed)
        return self._addressed(dialect, model, built)

    def embedding_request(self, model: Model, request: EmbeddingRequest) -> UpstreamRequest:
        """Build the request for embeddings. Raises `UnsupportedField` for what can't be done."""
        built = super().embedding_request(model, request)
        return self._addressed("openai.embeddings", model, built)

    def _addressed(self, dialect: str, model: Model, built: UpstreamRequest) -> UpstreamRequest:
        """Send a request to its deployment, where that is told by the path."""
        if self._place.v1:
            return built
        key = (dialect, model.upstream_model)
        head = self._deployed.get(key)
        if head is None:
            name = self._place.deployment or quote(model.upstream_model, safe="")
            target = f"{self._root.target}{name}/{_PATHS[dialect]}{self._place.query}"
            head = self._deployed[key] = _at(self._root, target)
        return UpstreamRequest(head, built.body)

    def read_error(self, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamError:
        """Turn an answer other than 200 into the error tree."""
        error = super().read_error(status, headers, body)
        if isinstance(error, UpstreamRejected) and error.upstream_code == "content_filter":
            return self._filtered(error, body)
        if status == 404 and isinstance(error, UpstreamFailed):
            cause = plain(_message(body), self._secret).rstrip(" .") or "it gave no reason"
            return UpstreamFailed(
                f"{self.provider.id} answered 404: {cause}. Check the provider's endpoint and the"
                " api-version in it.",
                status=status,
            )
        return error

    def _filtered(self, error: UpstreamRejected, body: bytes) -> UpstreamRejected:
        """Return the refusal of a prompt, with what it was refused for."""
        found = ", ".join(filtered_for(body))
        cause = f" for {found}" if found else ""
        return UpstreamRejected(
            f"{self.provider.id} answered {error.status}: Azure's content filter refused the"
            f" prompt{cause}. Change the request, or ask another model.",
            status=error.status or 400,
            upstream_code=error.upstream_code,
            param=error.param,
            error_type=error.error_type,
        )

    def _found(self, item: Mapping[str, Any]) -> FoundModel:
        """Return a model of the resource; what it can do is told by the older form alone."""
        found = super()._found(item)
        known = item.get("capabilities")
        if not isinstance(known, dict):
            return found
        chats, embeds = known.get("chat_completion"), known.get("embeddings")
        return msgspec.structs.replace(
            found,
            capabilities=Capabilities(
                streaming=chats if isinstance(chats, bool) else None,
                embeddings=embeds if isinstance(embeds, bool) else None,
            ),
        )


def filtered_for(body: bytes) -> list[str]:
    """Return the categories that a content filter names in a refusal, such as `hate`."""
    try:
        inner = load_object(body)["error"]["innererror"]
        results = inner.get("content_filter_result") or inner.get("content_filter_results")
        return [
            name[:40].replace("_", " ")
            for name, result in results.items()
            if isinstance(result, dict) and result.get("filtered") is True
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []


def _message(body: bytes) -> str:
    """Return the words of an error, or nothing where there are none."""
    try:
        value = load_object(body)
    except ValueError:
        return ""
    error = value.get("error")
    message = (error if isinstance(error, dict) else value).get("message")
    return message if isinstance(message, str) else ""


def _at(head: RequestHead, target: str) -> RequestHead:
    return msgspec.structs.replace(head, target=target)
