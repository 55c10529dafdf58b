"""One Laird with a provider of every kind, each with an upstream of its own behind it."""

from __future__ import annotations

import json
from base64 import b64decode
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from tests.clients.anthropic_client import AnthropicClient
from tests.clients.clients import SdkClient
from tests.clients.openai_chat_client import OpenAIChatClient
from tests.clients.openai_responses_client import OpenAIResponsesClient
from tests.clients.scenarios import Scenario
from tests.providers.contract import PIXEL
from tests.providers.profiles import MODEL_NAME, SECRET, Profile
from tests.providers.test_contract import PROFILES
from tests.support.laird import RunningLaird, running_laird
from tests.support.upstream import Answer, Received, ScriptedUpstream, failing, text_answer

from laird.api.inference import Route
from laird.dialects.base import ChatDialect
from laird.domain.catalog import AuthType
from laird.domain.chat import ChatRequest, Image
from laird.domain.local_models import LIBRARY
from laird.providers.base import Adapter
from laird.providers.registry import KINDS as REGISTERED
from laird.wiring.routes import inference_routes

SECRET_NAME = "LAIRD_TESTS_UPSTREAM_KEY"
"""The environment variable that holds the credential of all upstreams."""

ROUTES = inference_routes()
CLIENT_KINDS = tuple(
    kind
    for kind in (OpenAIChatClient, OpenAIResponsesClient, AnthropicClient)
    if kind.path in ROUTES
)
"""The SDKs for which there is a route."""
CLIENT_NAMES = [kind.name for kind in CLIENT_KINDS]


def _one_of_each_kind() -> dict[str, Profile]:
    """Return the first profile of each kind: the others differ in heads and addresses alone.

    The library is left out, since it sends to processes of its own and not to an upstream.
    """
    found: dict[str, Profile] = {}
    for profile in PROFILES:
        found.setdefault(profile.provider("http://127.0.0.1:1").kind, profile)
    found.pop(LIBRARY)
    return found


KINDS = tuple(_one_of_each_kind().values())


@dataclass
class Stand:
    """One provider in the house: its profile, its upstream and what that has been asked."""

    profile: Profile
    upstream: ScriptedUpstream
    adapter: Adapter
    received: list[Received] = field(default_factory=list)
    """The requests that were posted since the last `answers`."""
    _script: deque[Answer] = field(default_factory=deque)

    @property
    def model(self) -> str:
        """The name to ask for: a chain of this provider alone, in which nothing is retried."""
        return f"only-{self.profile.name}"

    def answers(self, *answers: Answer) -> None:
        """Say what is answered to the next requests, and forget the last ones."""
        self.received.clear()
        self._script.clear()
        self._script.extend(answers)

    @staticmethod
    def listed(profile: Profile) -> Answer:
        """Return the upstream's list of models."""
        return text_answer(profile.models([MODEL_NAME]), content_type="application/json")

    def behave(self, received: Received) -> Answer:
        """Answer probes and lists at any time, and what is posted as the script says."""
        if received.method == "GET":
            return self.listed(self.profile)
        self.received.append(received)
        return self._script.popleft() if self._script else failing(418, "nothing was scripted")


@dataclass
class House:
    """The running Laird, its providers by the name of their profile, and the clients."""

    laird: RunningLaird
    stands: dict[str, Stand]
    clients: dict[str, SdkClient]
    pictures: str
    """The address of a picture that Laird may fetch."""

    def request(self, stand: Stand, scenario: Scenario) -> ChatRequest:
        """Return a scenario's question, with this house's picture where Laird has to fetch it."""
        if stand.adapter.takes_image_urls:
            return scenario.request
        url = self.pictures
        return with_images(
            scenario.request, lambda image: Image(url=url) if image.url is not None else image
        )

    def all_is_well(self) -> None:
        """Let all providers start anew: what an earlier test did to their health is forgotten."""
        board = self.laird.program.gateway._means.board
        snapshot = self.laird.program.configuration.snapshot
        board.configure(msgspec.structs.replace(snapshot, providers={}))
        board.configure(snapshot)


def route_of(client: SdkClient) -> Route:
    """Return the route that a client speaks to."""
    return ROUTES[client.path]


def dialect_of(client: SdkClient) -> ChatDialect:
    """Return the dialect that a client speaks."""
    chat = route_of(client).chat
    assert chat is not None
    return chat


def never_happens(stand: Stand, scenario: Scenario) -> bool:
    """Tell whether this upstream has no such answer."""
    return scenario.answer_name in stand.profile.lacks.answers


def refuses(stand: Stand, scenario: Scenario) -> bool:
    """Tell whether this provider has to refuse a question."""
    can = REGISTERED[stand.adapter.provider.kind].capabilities
    if can.vision is False and scenario.lacking.startswith("vision"):
        return True
    if scenario.lacking == "vision_url" and not stand.adapter.takes_image_urls:
        return False  # Laird fetches the picture for it.
    return scenario.lacking in stand.profile.lacks.requests


def with_images(request: ChatRequest, change: Callable[[Image], Image]) -> ChatRequest:
    """Return a request with other images."""
    messages = tuple(
        msgspec.structs.replace(
            message,
            parts=tuple(change(p) if isinstance(p, Image) else p for p in message.parts),
        )
        for message in request.messages
    )
    return msgspec.structs.replace(request, messages=messages)


def _fetched(image: Image) -> Image:
    return Image(media_type="image/png", data=PIXEL, detail=image.detail)


def asked(stand: Stand, client: SdkClient, request: ChatRequest) -> None:
    """Assert that the upstream was asked once, and for just this."""
    (received,) = stand.received
    dialect = client.dialect
    # Some servers want a body in their own format fitted as well.
    fitted = getattr(getattr(stand.adapter, "_traits", None), "fitting", None) is not None
    if dialect not in stand.adapter.speaks or (fitted and dialect == stand.profile.dialect):
        stand.profile.check_head(received.method, received.target, received.headers)
        wanted = client.said(request)
        if not stand.adapter.takes_image_urls:
            wanted = with_images(wanted, _fetched)
        stand.profile.check_body(received.body, wanted)
        return
    sent = json.loads(received.body)
    assert sent.pop("model") == MODEL_NAME
    assert sent.pop("stream", False) is request.stream
    sent.pop("stream_options", None)
    params = json.loads(json.dumps(client.params(request)))
    if "max_completion_tokens" not in sent and "max_completion_tokens" in params:
        params["max_tokens"] = params.pop("max_completion_tokens")
    assert sent == params, "a request in the provider's own format was not passed on as it came"


def provider_entry(profile: Profile, url: str) -> str:
    """Return the document's entry for a profile's provider; its id is the profile's name."""
    provider = profile.provider(url)
    auth = provider.auth_type
    lines = [
        f"  - id: {profile.name}",
        f"    kind: {provider.kind}",
        "    type: external",
        f"    endpoint: {provider.endpoint}",
        f"    authType: {'null' if auth is AuthType.NONE else auth.value}",
        f"    models: [{{id: model, upstreamModel: {MODEL_NAME}}}]",
    ]
    if provider.secret is not None:
        lines.append(f"    authSecret: env:{SECRET_NAME}")
    return "\n".join(lines) + "\n"


def _document(stands: list[Stand]) -> str:
    providers = "".join(provider_entry(each.profile, each.upstream.url) for each in stands)
    chains = "".join(
        f"  - id: {stand.model}\n    models:\n"
        f"      - {{providerId: {stand.profile.name}, modelId: model, maxRetries: 0}}\n"
        for stand in stands
    )
    demo = "  - id: demo\n    kind: demo\n    models: [demo, demo-tools, demo-thinking]\n"
    return f"providers:\n{providers}{demo}chains:\n{chains}"


@asynccontextmanager
async def open_house(home: Path) -> AsyncIterator[House]:
    """Build the house, and take it down again."""
    async with AsyncExitStack() as stack:
        environment = stack.enter_context(pytest.MonkeyPatch.context())
        environment.setenv(SECRET_NAME, SECRET)
        environment.setenv("LAIRD_FETCH_ALLOW", "127.0.0.1")
        pictures = await stack.enter_async_context(ScriptedUpstream())
        pictures.always(text_answer(b64decode(PIXEL), content_type="image/png"))
        stands: dict[str, Stand] = {}
        for profile in KINDS:
            upstream = await stack.enter_async_context(ScriptedUpstream())
            adapter = profile.adapter(profile.provider(upstream.url))
            stand = stands[profile.name] = Stand(profile, upstream, adapter)
            upstream.always(stand.behave)
        document = _document(list(stands.values()))
        laird = await stack.enter_async_context(running_laird(home, document))
        # Administration loads in the background, and not while tests come and go.
        await laird.admin("GET", "/api/system")
        clients: dict[str, SdkClient] = {}
        for kind in CLIENT_KINDS:
            client: SdkClient = kind(laird.url, laird.key)
            clients[kind.name] = client
            stack.push_async_callback(client.close)
        yield House(laird, stands, clients, f"{pictures.url}/cat.png")
