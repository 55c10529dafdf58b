"""Providers: added, tested, changed, moved and removed. The catalogue: found and used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.browser.axe import assert_accessible
from tests.browser.house import House
from tests.browser.visits import OpenPage
from tests.support import openai_wire
from tests.support.answers import Answer, failing, json_answer
from tests.support.laird import free_port
from tests.support.llama_server import LlamaServer
from tests.support.tiny_model import write_tiny_model
from tests.support.upstream import Received, ScriptedUpstream, threaded_upstream

SECRET = "sk-that-is-accepted"
SAID = "real weights say this"


def guarded(up: ScriptedUpstream) -> ScriptedUpstream:
    """Have a server answer those who come with the right key, and nobody else."""

    def answer(received: Received) -> Answer:
        if received.headers.get("authorization") != f"Bearer {SECRET}":
            return failing(401, "no such key")
        if received.path.endswith("/models"):
            return json_answer({"object": "list", "data": [{"id": "bright-7b", "object": "model"}]})
        return json_answer(openai_wire.completion("Good day."))

    for path in ("/v1/models", "/v1/chat/completions"):
        up.on(path, answer)
    return up


@pytest.fixture
def server() -> Iterator[ScriptedUpstream]:
    with threaded_upstream() as up:
        yield guarded(up)


@pytest.fixture
def llama(tmp_path: Path) -> Iterator[LlamaServer]:
    """A real llama.cpp with a tiny model."""
    model = tmp_path / "tiny.gguf"
    write_tiny_model(model, SAID)
    running = LlamaServer(model, free_port()).start()
    yield running
    running.kill()


def describe(page: Page, provider_id: str, address: str, key: str) -> None:
    """Add an OpenAI-compatible server by hand."""
    page.get_by_role("button", name="Add a provider").first.click()
    asked = page.get_by_role("dialog", name="Add a provider")
    asked.get_by_role("tab", name="Describe it").click()
    asked.get_by_label("Kind").select_option("custom")
    asked.get_by_label("Id", exact=True).fill(provider_id)
    asked.get_by_label("Address").fill(address)
    asked.get_by_label("Credential", exact=True).fill(key)
    asked.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("heading", level=1, name=provider_id)).to_be_visible()


def take(page: Page, model: str) -> None:
    """Test the connection and take a model that the server lists."""
    page.get_by_role("button", name="Test connection").click()
    page.get_by_role("checkbox", name=model).check()
    page.get_by_role("button", name="Add 1 model").click()
    expect(page.get_by_text("1 model is added")).to_be_visible()


def test_a_server_is_described_tested_and_asked(
    open_page: OpenPage, fresh_laird: House, server: ScriptedUpstream
) -> None:
    page = open_page("/models", at=fresh_laird.settle())
    describe(page, "box", f"{server.url}/v1", SECRET)
    take(page, "bright-7b")
    assert_accessible(page)
    status, answer = fresh_laird.chat("Hello", model="box/bright-7b")
    assert (status, answer["choices"][0]["message"]["content"]) == (200, "Good day.")
    assert SECRET not in fresh_laird.document.read_text()


def test_a_real_llama_cpp_is_added_and_answers(
    open_page: OpenPage, fresh_laird: House, llama: LlamaServer
) -> None:
    page = open_page("/models", at=fresh_laird.settle())
    describe(page, "workstation", f"{llama.url}/v1", llama.key)
    take(page, "tiny")
    status, answer = fresh_laird.chat("Hello", model="workstation/tiny")
    assert (status, answer["choices"][0]["message"]["content"]) == (200, SAID)
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Activity").click()
    expect(page.get_by_role("row").filter(has_text="workstation").first).to_be_visible()


def test_a_wrong_key_is_told_in_words(
    open_page: OpenPage, fresh_laird: House, server: ScriptedUpstream
) -> None:
    page = open_page("/models", at=fresh_laird.settle())
    describe(page, "box", f"{server.url}/v1", "sk-wrong")
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text("no such key").first).to_be_visible()
    assert_accessible(page)


def test_a_moved_provider_needs_its_credential_once_more(
    open_page: OpenPage, fresh_laird: House, server: ScriptedUpstream
) -> None:
    page = open_page("/models", at=fresh_laird.settle())
    describe(page, "box", f"{server.url}/v1", SECRET)
    with threaded_upstream() as up:
        elsewhere = guarded(up)
        page.get_by_label("Address").fill(f"{elsewhere.url}/v1")
        again = page.get_by_label("Its credential, once more")
        expect(again).to_be_visible()
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text("was given for").last).to_be_visible()
        assert elsewhere.requests == []
        again.fill(SECRET)
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text("The settings of box are saved")).to_be_visible()
        page.get_by_role("button", name="Test connection").click()
        expect(page.get_by_text("Answered in")).to_be_visible()
        assert elsewhere.requests


def test_two_people_change_one_provider(open_page: OpenPage, fresh_laird: House) -> None:
    page = open_page("/models/vllm", at=fresh_laird.settle())
    page.get_by_label("Weight").or_(page.get_by_role("button", name="Advanced")).first.click()
    weight = page.get_by_label("Weight")
    weight.fill("7")
    fresh_laird.call("PATCH", "/api/providers/vllm", {"name": "The box in the cellar"})
    page.get_by_role("button", name="Save", exact=True).click()
    both = page.get_by_role("dialog").filter(has_text="meanwhile")
    expect(both).to_contain_text("7")
    assert_accessible(page)
    both.get_by_role("button", name="Make my change anyway").click()
    expect(page.get_by_text("are saved")).to_be_visible()
    found = fresh_laird.call("GET", "/api/providers")["providers"]
    changed = next(one for one in found if one["id"] == "vllm")
    assert (changed["name"], changed["weight"]) == ("The box in the cellar", 7)


def test_one_that_chains_use_is_removed_with_its_places(
    open_page: OpenPage, fresh_laird: House
) -> None:
    page = open_page("/models/vllm", at=fresh_laird.settle())
    page.get_by_role("button", name="Remove", exact=True).click()
    asked = page.get_by_role("alertdialog")
    expect(asked.get_by_text("Chains use it")).to_be_visible()
    asked.get_by_label("Take it out of chains and aliases too").check()
    asked.get_by_role("button", name="Remove", exact=True).click()
    expect(page.get_by_role("heading", level=1, name="Providers")).to_be_visible()
    found = fresh_laird.call("GET", "/api/providers")["providers"]
    assert "vllm" not in {one["id"] for one in found}


def test_the_catalogue_is_searched_and_says_how_to_ask(open_page: OpenPage) -> None:
    page = open_page("/models/catalog")
    page.get_by_label("Search").fill("haiku")
    use = page.get_by_role("button", name="Use anthropic/claude-haiku-4-5")
    expect(use).to_be_visible()
    expect(page.get_by_role("button", name="Use openai/gpt-5", exact=True)).to_have_count(0)
    assert "q=haiku" in page.url
    use.click()
    shown = page.get_by_role("dialog", name="Use anthropic/claude-haiku-4-5")
    expect(shown.get_by_text("/v1/chat/completions").first).to_be_visible()
    assert_accessible(page)


def test_viewers_look_and_change_nothing(open_page: OpenPage) -> None:
    page = open_page("/models/vllm", role="viewer")
    expect(page.get_by_role("heading", level=1, name="GPU server")).to_be_visible()
    expect(page.get_by_role("button", name="Remove", exact=True)).to_have_count(0)
    expect(page.get_by_role("button", name="Save", exact=True)).to_have_count(0)
    expect(page.get_by_role("button", name="Test connection")).to_have_count(0)
