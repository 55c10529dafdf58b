"""Images and files by URL reach providers that fetch nothing, once for a request, and safely."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.answers import failing, json_answer, text_answer
from tests.support.documents import chain, document, provider
from tests.support.laird import running_laird
from tests.support.upstream import ScriptedUpstream

from laird.config.settings import Settings
from laird.domain.catalog import Egress, Model, Provider
from laird.domain.chat import ChatRequest, Document, Image, Message, Role, Text, ToolResult
from laird.domain.errors import InvalidRequest, StartError, UnsupportedField
from laird.domain.keys import PrivacyClass
from laird.gateway import images as images_module
from laird.gateway.images import Inliner
from laird.keys.draft import KeyDraft
from laird.providers.base import Adapter
from laird.providers.registry import build_adapter
from laird.transport.addresses import read_allowed
from laird.transport.guard import Guard
from laird.wiring.program import open_program

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
PDF = b"%PDF-1.4\n%%EOF\n"
SAID: dict[str, Any] = {
    "model": "m",
    "message": {"role": "assistant", "content": "A cat."},
    "done": True,
    "done_reason": "stop",
    "prompt_eval_count": 5,
    "eval_count": 3,
}


@pytest.fixture(autouse=True)
def open_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the test's own picture server be fetched from."""
    monkeypatch.setenv("LAIRD_FETCH_ALLOW", "127.0.0.1")


@pytest.fixture
async def pictures() -> Any:
    async with ScriptedUpstream() as upstream:
        upstream.always(text_answer(PNG, content_type="image/png"))
        upstream.on("/a.pdf", text_answer(PDF, content_type="application/pdf"))
        yield upstream


@pytest.fixture
async def ollama() -> Any:
    async with ScriptedUpstream() as upstream:
        upstream.on("/api/version", json_answer({"version": "0.12.0"}))
        upstream.on("/api/ps", json_answer({"models": []}))
        upstream.always(json_answer(SAID))
        yield upstream


def looking(*urls: str) -> dict[str, Any]:
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    content = [{"type": "text", "text": "What is it?"}, *parts]
    return {"model": "one/m", "messages": [{"role": "user", "content": content}]}


def chats(upstream: ScriptedUpstream) -> list[dict[str, Any]]:
    return [request.json() for request in upstream.requests if request.path == "/api/chat"]


async def ask(laird: Any, body: dict[str, Any], key: str | None = None) -> Any:
    return await laird.client(key).request("POST", "/v1/chat/completions", body)


async def test_an_image_is_fetched_and_sent_inline(
    ollama: ScriptedUpstream, pictures: ScriptedUpstream, tmp_path: Path
) -> None:
    text = document(provider("one", ollama.url, kind="ollama"))
    async with running_laird(tmp_path, text) as laird:
        url = f"{pictures.url}/cat.png"
        reply = await ask(laird, looking(url, url))
        assert reply.status == 200
    inline = base64.b64encode(PNG).decode()
    assert chats(ollama)[0]["messages"][-1]["images"] == [inline, inline]
    assert len(pictures.requests) == 1, "one URL is fetched once"


async def test_all_candidates_share_what_was_fetched(
    ollama: ScriptedUpstream, pictures: ScriptedUpstream, tmp_path: Path
) -> None:
    async with ScriptedUpstream() as broken:
        broken.on("/api/version", json_answer({"version": "0.12.0"}))
        broken.on("/api/ps", json_answer({"models": []}))
        broken.always(failing(500))
        text = document(
            provider("one", broken.url, kind="ollama"),
            provider("two", ollama.url, kind="ollama"),
            rest=chain("both", "one/m", "two/m"),
        )
        async with running_laird(tmp_path, text) as laird:
            reply = await ask(laird, {**looking(pictures.url), "model": "both"})
            assert reply.status == 200
            assert reply.headers["x-laird-provider"] == "two"
        assert len(chats(broken)) == 1
    assert len(pictures.requests) == 1


async def test_what_may_not_be_fetched_is_a_400_that_names_the_field(
    ollama: ScriptedUpstream,
    pictures: ScriptedUpstream,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("LAIRD_FETCH_ALLOW")
    text = document(provider("one", ollama.url, kind="ollama"))
    async with running_laird(tmp_path, text) as laird:
        reply = await ask(laird, looking(pictures.url))
        assert reply.status == 400
        assert reply.error["param"] == "messages[0].content[1]"
        assert "public internet" in reply.error["message"]
    assert chats(ollama) == []
    assert pictures.requests == []


async def test_a_provider_that_fetches_gets_the_url(
    first: ScriptedUpstream, pictures: ScriptedUpstream, tmp_path: Path
) -> None:
    text = document(provider("one", first.url))
    async with running_laird(tmp_path, text) as laird:
        assert (await ask(laird, looking(pictures.url))).status == 200
    assert pictures.requests == []


async def test_a_request_that_must_stay_local_fetches_nothing(
    ollama: ScriptedUpstream, pictures: ScriptedUpstream, tmp_path: Path
) -> None:
    text = document(provider("one", ollama.url, kind="ollama"))
    async with running_laird(tmp_path, text) as laird:
        key = await laird.make_key(KeyDraft(name="secret", privacy=PrivacyClass.LOCAL_ONLY))
        reply = await ask(laird, looking(pictures.url), key)
        assert reply.status == 400
        assert "must stay local" in reply.error["message"]
        inline = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
        assert (await ask(laird, looking(inline), key)).status == 200
    assert pictures.requests == []


async def test_fetching_can_be_switched_off(
    ollama: ScriptedUpstream,
    pictures: ScriptedUpstream,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LAIRD_FETCH_IMAGES", "false")
    text = document(provider("one", ollama.url, kind="ollama"))
    async with running_laird(tmp_path, text) as laird:
        reply = await ask(laird, looking(pictures.url))
        assert reply.status == 400
        assert "LAIRD_FETCH_IMAGES" in reply.error["message"]
    assert pictures.requests == []


async def test_a_wrong_list_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAIRD_FETCH_ALLOW", "10.0.0.1/8")
    (tmp_path / "providers.yaml").write_text(document(provider("one", "http://127.0.0.1:9")))
    with pytest.raises(StartError, match="LAIRD_FETCH_ALLOW is wrong"):
        async with open_program(Settings.load({"home": tmp_path}), serving=False):
            pass


# One request, without a server around it.


def adapter(kind: str = "openai") -> Adapter:
    return build_adapter(
        Provider(
            id="box",
            name="Box",
            kind=kind,
            egress=Egress.LOCAL,
            endpoint="http://127.0.0.1:1",
        )
    )


def request(*parts: Any, role: Role = Role.USER) -> ChatRequest:
    return ChatRequest(
        messages=(
            Message(role=Role.USER, parts=(Text("Look."),)),
            Message(role=role, parts=parts),
        )
    )


def inliner(*, guard: bool = True, local_only: bool = False) -> Inliner:
    return Inliner(Guard(read_allowed("127.0.0.1")) if guard else None, local_only=local_only)


async def test_documents_and_results_of_tools_too(pictures: ScriptedUpstream) -> None:
    file = Document(url=f"{pictures.url}/a.pdf", name="a.pdf")
    image = Image(url=pictures.url, detail="low")
    result = ToolResult(call_id="c", parts=(Text("Here:"), file, image))
    out = await inliner().inlined(request(result, role=Role.TOOL), adapter("lmstudio"))
    text, made, shown = out.messages[1].parts[0].parts  # type: ignore[union-attr]
    assert text == Text("Here:")
    assert made == Document(
        media_type="application/pdf", data=base64.b64encode(PDF).decode(), name="a.pdf"
    )
    assert shown == Image(media_type="image/png", data=base64.b64encode(PNG).decode(), detail="low")


async def test_only_what_the_provider_lacks_is_fetched(pictures: ScriptedUpstream) -> None:
    asked = request(Document(url=f"{pictures.url}/a.pdf"), Image(url="http://10.0.0.1/"))
    out = await inliner().inlined(asked, adapter("openai"))
    file, image = out.messages[1].parts
    assert isinstance(file, Document)
    assert file.data is not None
    assert image == Image(url="http://10.0.0.1/")
    assert await inliner().inlined(asked, adapter("openrouter")) is asked
    inline = request(Image(media_type="image/png", data="x"))
    assert await inliner(guard=False).inlined(inline, adapter("lmstudio")) is inline


async def test_the_first_refusal_is_the_one_told(pictures: ScriptedUpstream) -> None:
    asked = request(
        Image(url=pictures.url), Image(url=f"{pictures.url}/a.pdf"), Image(url="http://10.0.0.1/")
    )
    with pytest.raises(InvalidRequest) as caught:
        await inliner().inlined(asked, adapter("lmstudio"))
    assert caught.value.param == "messages[1].content[1]"


async def test_there_is_an_end_to_it(
    pictures: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [Image(url=f"{pictures.url}/{number}") for number in range(21)]
    with pytest.raises(InvalidRequest, match="21 addresses"):
        await inliner().inlined(request(*many), adapter("lmstudio"))
    assert pictures.requests == []
    monkeypatch.setattr(images_module, "MOST_TOGETHER", len(PNG))
    await inliner().inlined(request(*many[:1]), adapter("lmstudio"))
    with pytest.raises(InvalidRequest, match="together"):
        await inliner().inlined(request(*many[:2]), adapter("lmstudio"))


async def test_without_a_way_out_it_is_the_providers_lack() -> None:
    with pytest.raises(UnsupportedField, match="box does not fetch"):
        await inliner(guard=False).inlined(request(Image(url="http://x/")), adapter("lmstudio"))
    with pytest.raises(InvalidRequest, match="must stay local"):
        await inliner(local_only=True).inlined(request(Image(url="http://x/")), adapter("lmstudio"))


def test_what_was_made_is_what_the_provider_gets() -> None:
    model = Model(id="m", name="M", provider_id="box", upstream_model="m", egress=Egress.LOCAL)
    sent = adapter("lmstudio").chat_request(
        model, request(Image(media_type="image/png", data="eA=="))
    )
    part = json.loads(sent.body)["messages"][1]["content"][0]
    assert part["image_url"]["url"] == "data:image/png;base64,eA=="
