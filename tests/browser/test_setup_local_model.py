"""The setup's third step: what this machine has, and a model that is here when the setup ends."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.browser.axe import assert_accessible
from tests.browser.house import House
from tests.browser.library_house import SAID
from tests.browser.visits import OpenPage, in_theme
from tests.support.hub_server import Fault, HubServer

PAGE = "/setup/assistant?step=model"


def offered(page: Page) -> Locator:
    """Return the models that the step offers."""
    return page.get_by_role("list", name="Models to begin with").get_by_role("listitem")


def press_download(model: Locator) -> None:
    model.get_by_role("button", name=re.compile("^Download")).click()


def go_on(page: Page) -> None:
    page.get_by_role("button", name="Go on", exact=True).click()
    expect(page.get_by_role("heading", level=2, name="Ask something")).to_be_visible()


@pytest.fixture
def stalled(hub: HubServer, library: House) -> Iterator[HubServer]:
    """A hub that falls silent in the middle of each file; what has not come is given up."""
    hub.always_on_bytes(Fault(stall_after=100_000))
    yield hub
    hub.always_on_bytes(Fault())
    for download in library.call("GET", "/api/library/downloads")["downloads"]:
        if download["state"] not in {"done", "cancelled"}:
            library.call("DELETE", f"/api/library/downloads/{download['id']}")


def test_the_recommended_model_is_downloaded_and_answers_in_the_last_step(
    open_page: OpenPage, library: House
) -> None:
    page = open_page(PAGE)
    expect(page.get_by_text(re.compile(r"GB free of .* GB")).first).to_be_visible()
    for name in ("Memory", "Disk", "Processors", "GPU"):
        expect(page.get_by_role("term").get_by_text(name, exact=True)).to_be_visible()
    first = offered(page).first
    expect(first).to_contain_text("Recommended")
    expect(first).to_contain_text(re.compile(r"(Fits|Tight).*Needs about .* of memory"))
    press_download(first)
    expect(first).to_contain_text("Installed")
    go_on(page)

    page.get_by_label("Name", exact=True).fill("asks-the-first-model")
    page.get_by_role("button", name="Create", exact=True).click()
    choice = page.get_by_label("Model", exact=True)
    local = choice.get_by_role("option", name=re.compile("^library.")).first
    expect(local).to_be_attached()
    choice.select_option(local.get_attribute("value"))
    page.get_by_role("button", name="Send it now").click()
    expect(page.get_by_text(SAID)).to_be_visible()
    library.call("DELETE", "/api/keys/asks-the-first-model")


def test_a_download_goes_on_while_the_setup_does(
    open_page: OpenPage, library: House, stalled: HubServer
) -> None:
    page = open_page(PAGE)
    press_download(offered(page).last)
    expect(offered(page).last.get_by_role("progressbar")).not_to_have_attribute(
        "aria-valuenow", "0"
    )
    assert_accessible(page)
    go_on(page)
    expect(page.get_by_text("A model is still being downloaded.")).to_be_visible()
    page.get_by_role("link", name="Look at the downloads").click()
    row = page.get_by_role("list", name="Downloads", exact=True).get_by_role("listitem")
    expect(row).to_contain_text("Downloading")


def test_it_is_skipped_without_a_trace(open_page: OpenPage, library: House) -> None:
    before = library.call("GET", "/api/library/downloads")
    page = open_page(PAGE)
    expect(offered(page).first).to_be_visible()
    page.get_by_role("button", name="Skip this step").click()
    expect(page.get_by_role("heading", level=2, name="Ask something")).to_be_visible()
    expect(page.get_by_text("still being downloaded")).to_have_count(0)
    assert library.call("GET", "/api/library/downloads") == before


@pytest.mark.parametrize("width", [390, 1440])
def test_the_step_is_accessible_with_all_its_checks_open(
    open_page: OpenPage, library: House, width: int
) -> None:
    page = open_page(PAGE, width=width)
    told = page.get_by_role("region", name="System check").get_by_role("button").first
    if told.get_attribute("aria-expanded") == "false":
        told.click()
    expect(page.get_by_role("list", name="Checks").get_by_text("Configuration")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert_accessible(page)
    in_theme(page, "dark")
    assert_accessible(page)
