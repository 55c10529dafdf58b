"""The setup: from the first link to a first answer, skipped, left, gone on with, by keys alone."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.browser.axe import assert_accessible
from tests.browser.house import House
from tests.browser.visits import OpenPage, in_theme
from tests.clients.node import FOLDER, node
from tests.support import openai_wire
from tests.support.answers import failing, json_answer
from tests.support.people import PASSWORD
from tests.support.upstream import Answer, Received, ScriptedUpstream, threaded_upstream

PAGE = "/setup/assistant"
SECRET = "sk-that-is-accepted"
TITLES = ("Choose providers", "Connect them", "A local model", "Ask something")


def expect_step(page: Page, number: int) -> None:
    """Wait until a step is shown."""
    heading = page.get_by_role("heading", level=2, name=TITLES[number - 1])
    expect(heading).to_be_visible()
    expect(page.get_by_role("status", name="Loading")).to_have_count(0)


def go_on(page: Page) -> None:
    page.get_by_role("button", name="Go on", exact=True).click()


def locked(received: Received) -> Answer:
    """Answer those who come with the right key, and nobody else."""
    if received.headers.get("authorization") != f"Bearer {SECRET}":
        return failing(401, "no such key")
    if received.path.endswith("/models"):
        return json_answer({"object": "list", "data": [{"id": "bright-7b", "object": "model"}]})
    return json_answer(openai_wire.completion("Good day."))


@pytest.fixture
def guarded() -> Iterator[ScriptedUpstream]:
    """A server that wants a key."""
    with threaded_upstream() as up:
        for path in ("/v1/models", "/v1/chat/completions"):
            up.on(path, locked)
        yield up


def test_the_first_administrator_is_led_to_a_first_answer(
    open_page: OpenPage, fresh_laird: House, tmp_path: Path
) -> None:
    page = open_page(fresh_laird.setup_link(), role=None)
    page.get_by_label("Name", exact=True).fill("grace")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Go on", exact=True).click()

    expect_step(page, 1)
    assert page.url.endswith(PAGE)
    configured = page.get_by_role("list", name="Configured")
    expect(configured.get_by_role("checkbox", name="Gaming PC")).to_be_checked()
    anthropic = configured.get_by_role("checkbox", name="Anthropic")
    anthropic.uncheck()
    go_on(page)

    expect_step(page, 2)
    expect(page.get_by_role("heading", name="Anthropic")).to_have_count(0)
    expect(page.get_by_text("Answered in").first).to_be_visible()
    go_on(page)

    expect_step(page, 3)
    checked = page.get_by_role("region", name="System check")
    told = checked.get_by_role("button", name=re.compile("checks (are fine|wants? a look)"))
    expect(told).to_be_visible()
    go_on(page)

    expect_step(page, 4)
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_text("This is the only time it is shown")).to_be_visible()
    page.get_by_label("Model", exact=True).select_option("ollama/llama3.2:3b")
    page.get_by_role("button", name="Send it now").click()
    expect(page.get_by_text("Hello there.")).to_be_visible()
    assert_accessible(page)

    said = [run_snippet(page, language, tmp_path) for language in ("curl", "Python", "JavaScript")]
    assert json.loads(said[0])["choices"][0]["message"]["content"] == "Hello there."
    assert [one.strip() for one in said[1:]] == ["Hello there."] * 2

    page.get_by_role("button", name="I have kept the key, finish").click()
    expect(page.get_by_role("heading", name="Providers", exact=True)).to_be_visible()
    expect(page.get_by_text("The setup is not finished.")).to_have_count(0)
    expect(page.get_by_role("switch", name="Anthropic is on")).not_to_be_checked()


def run_snippet(page: Page, language: str, folder: Path) -> str:
    """Run a program as it stands on the page and return what it prints."""
    page.get_by_role("tab", name=language).click()
    text = page.get_by_role("tabpanel", name=language).get_by_role("code").inner_text()
    if language == "curl":
        file = folder / "ask.sh"
        assert shutil.which("curl"), "curl is needed"
        command = ["sh", str(file)]
    elif language == "Python":
        file = folder / "ask.py"
        command = [sys.executable, str(file)]
    else:
        file = folder / "ask.mjs"
        (folder / "node_modules").symlink_to(FOLDER / "node_modules")
        command = [node(), str(file)]
    file.write_text(text)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_server_with_a_key_is_added_tested_and_used(
    open_page: OpenPage, fresh_laird: House, guarded: ScriptedUpstream
) -> None:
    page = open_page(PAGE, at=fresh_laird.settle())
    page.get_by_role("button", name="Others").click()
    others = page.get_by_role("list", name="Others")
    others.get_by_role("checkbox", name="OpenAI-compatible server").check()
    assert_accessible(page)
    go_on(page)

    expect_step(page, 2)
    form = page.get_by_role("form", name="OpenAI-compatible server")
    form.get_by_label("Address").fill(f"{guarded.url}/v1")
    key = form.get_by_label("Key", exact=True)
    key.fill("sk-wrong")
    expect(key).to_have_attribute("type", "password")
    form.get_by_role("button", name="Show").click()
    expect(key).to_have_attribute("type", "text")
    form.get_by_role("button", name="Add and test").click()

    refused = page.get_by_text("no such key").first
    expect(refused).to_be_visible()
    assert_accessible(page)
    card = page.get_by_role("listitem").filter(has=refused)
    set_another = card.get_by_role("button", name="Set another one")
    another = card.get_by_label("Another key")
    expect(set_another.or_(another)).to_be_visible()
    if set_another.is_visible():
        set_another.click()
    card.get_by_label("Another key").fill(SECRET)
    page.get_by_role("button", name="Save and test").click()
    offered = page.get_by_role("checkbox", name="bright-7b")
    expect(offered).to_be_visible()
    offered.check()
    page.get_by_role("button", name="Add 1 model").click()
    expect(page.get_by_text("1 model is added")).to_be_visible()

    provider = next(
        one
        for one in fresh_laird.call("GET", "/api/providers")["providers"]
        if one["endpoint"].startswith(guarded.url)
    )
    status, answer = fresh_laird.chat("Hello", model=f"{provider['id']}/bright-7b")
    assert (status, answer["choices"][0]["message"]["content"]) == (200, "Good day.")
    assert SECRET not in page.evaluate("JSON.stringify(localStorage)")
    assert SECRET not in fresh_laird.document.read_text()


def test_a_server_on_a_named_machine_is_found_and_ticked(
    open_page: OpenPage, fresh_laird: House, guarded: ScriptedUpstream
) -> None:
    model = {"id": "bright-7b", "object": "model", "created": 1, "owned_by": "sglang"}
    guarded.on("/v1/models", json_answer({"object": "list", "data": [model]}))
    page = open_page(PAGE, at=fresh_laird.settle())
    page.get_by_label("Other machines to ask").fill(guarded.url.removeprefix("http://"))
    page.keyboard.press("Enter")
    found = page.get_by_role("list", name="Found").get_by_role("checkbox", name=guarded.url)
    expect(found).to_be_checked()
    go_on(page)
    expect_step(page, 2)
    expect(page.get_by_text(guarded.url).first).to_be_visible()
    endpoints = [one["endpoint"] for one in fresh_laird.call("GET", "/api/providers")["providers"]]
    assert any(one.startswith(guarded.url) for one in endpoints)


def test_it_goes_on_where_it_was_left(open_page: OpenPage, laird: House) -> None:
    page = open_page(PAGE)
    unticked = page.get_by_role("list", name="Configured").get_by_role("checkbox", name="Demo")
    unticked.uncheck()
    page.get_by_role("button", name="Skip this step").click()
    expect_step(page, 2)
    page.get_by_role("button", name="Skip this step").click()
    expect_step(page, 3)
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Failover").click()
    expect(page.get_by_text("The setup is not finished.")).to_be_visible()
    assert_accessible(page)
    page.reload()
    page.get_by_role("link", name="Go on with it").click()
    expect_step(page, 3)
    page.get_by_role("button", name="Back").click()
    expect_step(page, 2)
    page.get_by_role("button", name="Back").click()
    expect(unticked).not_to_be_checked()
    # A step that is skipped changes nothing.
    providers = laird.call("GET", "/api/providers")["providers"]
    assert all(one["enabled"] for one in providers if one["id"] == "demo")

    page.get_by_role("button", name="Skip the setup").click()
    expect(page.get_by_role("heading", name="Providers", exact=True)).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Providers", exact=True)).to_be_visible()
    expect(page.get_by_text("The setup is not finished.")).to_have_count(0)


def test_it_can_be_walked_by_keys_alone(open_page: OpenPage, laird: House) -> None:
    page = open_page(PAGE)
    page.get_by_role("heading", level=2, name=TITLES[0]).focus()
    for number in (2, 3, 4):
        tab_to(page, "Go on")
        page.keyboard.press("Enter")
        expect_step(page, number)
        expect(page.get_by_role("heading", level=2, name=TITLES[number - 1])).to_be_focused()
    tab_to(page, "Name")
    page.keyboard.press("Control+a")
    page.keyboard.type("by-keys-alone")
    page.keyboard.press("Enter")
    expect(page.get_by_text("This is the only time it is shown")).to_be_visible()
    laird.call("DELETE", "/api/keys/by-keys-alone")


def tab_to(page: Page, name: str, most: int = 80) -> None:
    """Press Tab until what has a name is focused."""
    named = page.get_by_role("button", name=name, exact=True).or_(
        page.get_by_role("textbox", name=name, exact=True)
    )
    for _ in range(most):
        page.keyboard.press("Tab")
        if named.evaluate("(element) => element === document.activeElement"):
            return
    pytest.fail(f"Tab does not lead to {name}")


@pytest.mark.parametrize("width", [390, 1440])
def test_each_step_is_accessible(open_page: OpenPage, width: int) -> None:
    page = open_page(PAGE, width=width)
    for number in (1, 2, 3, 4):
        expect_step(page, number)
        expect(page.get_by_text("Asking")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        assert_accessible(page)
        in_theme(page, "dark")
        assert_accessible(page)
        in_theme(page, "light")
        if number < 4:
            page.get_by_role("button", name="Skip this step").click()


def test_an_operator_sets_up_all_but_keys_of_providers(open_page: OpenPage) -> None:
    page = open_page(f"{PAGE}?step=configure", role="operator")
    expect_step(page, 2)
    expect(page.get_by_role("heading", name="OpenAI", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Set another one")).to_have_count(0)


def test_a_viewer_is_told_who_sets_laird_up(open_page: OpenPage) -> None:
    page = open_page(PAGE, role="viewer")
    expect(page.get_by_text("An operator sets Laird up")).to_be_visible()
    assert_accessible(page)
