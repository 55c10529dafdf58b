"""The list of requests, and the page of one: live, filtered by the address, and told in words."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from tests.browser.axe import assert_accessible
from tests.browser.house import House
from tests.browser.test_every_page import assert_fits
from tests.browser.visits import OpenPage, Theme

ENDED_SINCE = re.compile(r"requests? ended since")


@pytest.fixture
def keeping(laird: House) -> Iterator[None]:
    """The key of the tests has its requests kept."""
    laird.key()
    laird.call("PATCH", "/api/keys/browser-tests", {"keep": True})
    yield
    laird.call("PATCH", "/api/keys/browser-tests", {"keep": False})


def request_of(laird: House, workflow: str) -> str:
    """Return the id of the newest request of a workflow."""
    rows = laird.call("GET", f"/api/usage/attempts?workflow={workflow}&limit=1")["rows"]
    return str(rows[0]["request_id"])


def live(page: Page) -> Page:
    """Wait until news arrive at a page."""
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    return page


def test_requests_appear_as_they_end(open_page: OpenPage, laird: House) -> None:
    page = live(open_page("/activity"))
    laird.chat("Hello!", x_laird_workflow="seen-live")
    expect(page.get_by_role("cell", name="seen-live")).to_be_visible()
    laird.chat("Hello!", model="nobody-has-this")
    refused = page.get_by_role("row").filter(has_text="No model of that name")
    expect(refused.first).to_be_visible()


def test_the_list_can_be_held(open_page: OpenPage, laird: House) -> None:
    page = live(open_page("/activity"))
    page.get_by_role("button", name="Pause").click()
    laird.chat("Hello!", x_laird_workflow="while-held")
    since = page.get_by_role("button", name=ENDED_SINCE)
    expect(since).to_be_visible()
    expect(page.get_by_role("cell", name="while-held")).to_have_count(0)
    since.click()
    expect(page.get_by_role("cell", name="while-held")).to_be_visible()
    expect(since).to_have_count(0)
    expect(page.get_by_role("button", name="Pause")).to_be_visible()


def test_filters_are_in_the_address(open_page: OpenPage) -> None:
    page = open_page("/activity")
    page.get_by_label("Outcome", exact=True).select_option("Failed in any way")
    expect(page).to_have_url(re.compile(r"status=failed"))
    page.get_by_label("Provider", exact=True).select_option("OpenAI")
    expect(page).to_have_url(re.compile(r"provider=openai"))
    rows = page.get_by_role("table", name="Requests").get_by_role("row")
    expect(rows.nth(1)).to_contain_text("openai/")
    expect(page.get_by_role("cell", name="Answered", exact=True)).to_have_count(0)
    page.reload()
    expect(page.get_by_label("Outcome", exact=True)).to_have_value("failed")
    expect(rows.nth(1)).to_contain_text("openai/")
    page.get_by_label("Model", exact=True).fill("no-such-model")
    expect(page.get_by_text("No request fits")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("button", name="Clear").click()
    expect(page).to_have_url(re.compile(r"/activity$"))
    expect(page.get_by_label("Model", exact=True)).to_have_value("")
    expect(rows.nth(1)).to_be_visible()


def test_older_requests_follow(open_page: OpenPage) -> None:
    page = open_page("/activity")
    rows = page.get_by_role("table", name="Requests").get_by_role("row")
    expect(rows.nth(1)).to_be_visible()
    before = rows.count()
    page.get_by_role("button", name="Show older ones").click()
    expect(rows.nth(before + 10)).to_be_visible()


def test_a_failover_is_marked_and_told(open_page: OpenPage, laird: House) -> None:
    laird.chat("Hello!", model="rescue", x_laird_workflow="rescued")
    page = open_page("/activity?workflow=rescued")
    row = page.get_by_role("row").filter(has_text="rescued")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("failover")
    page.get_by_role("button", name="Failovers only").click()
    expect(page).to_have_url(re.compile(r"failovers=true"))
    expect(row).to_contain_text("failover")
    row.get_by_role("link").click()
    expect(page.get_by_role("heading", name="Request", exact=True)).to_be_visible()
    attempts = page.get_by_role("list", name="Attempts")
    expect(attempts).to_contain_text("Failover: demo/demo took over from demo/demo-fail")
    expect(attempts.get_by_role("listitem").first).to_contain_text("demo failed")
    expect(page.get_by_text("Its text did not leave our machines")).to_be_visible()
    page.get_by_role("link", name="rescued").click()
    expect(page).to_have_url(re.compile(r"/activity\?workflow=rescued"))


@pytest.mark.parametrize(("width", "theme"), [(1440, "dark"), (390, "light"), (390, "dark")])
def test_the_page_of_a_request_is_accessible(
    open_page: OpenPage, laird: House, width: int, theme: Theme
) -> None:
    laird.chat("Hello!", model="rescue", x_laird_workflow="accessible")
    request = request_of(laird, "accessible")
    page = open_page(f"/activity/{request}", width=width, theme=theme)
    expect(page.get_by_role("heading", name="Privacy receipt")).to_be_visible()
    assert_fits(page)
    assert_accessible(page)


@pytest.mark.usefixtures("keeping")
def test_what_is_kept_is_shown_and_deleted(open_page: OpenPage, laird: House) -> None:
    laird.chat("Remember this sentence.", x_laird_workflow="kept")
    request = request_of(laird, "kept")
    page = open_page(f"/activity/{request}")
    asked = page.get_by_role("region", name="Kept request")
    expect(asked).to_contain_text("Remember this sentence.")
    page.get_by_role("tab", name="Again with curl").click()
    expect(page.get_by_text("/v1/chat/completions")).to_be_visible()
    page.get_by_role("tab", name="Answer").click()
    expect(page.get_by_role("region", name="Kept answer")).to_contain_text("choices")
    assert_accessible(page)
    page.get_by_role("button", name="Delete the copy").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Delete it").click()
    expect(page.get_by_text("Nothing is kept of what was asked")).to_be_visible()
    assert laird.call("GET", f"/api/usage/requests/{request}")["kept"] is None


def test_only_administrators_see_what_is_kept(open_page: OpenPage, laird: House) -> None:
    laird.chat("Hello!", x_laird_workflow="for-viewers")
    page = open_page(f"/activity/{request_of(laird, 'for-viewers')}", role="viewer")
    expect(page.get_by_role("heading", name="Privacy receipt")).to_be_visible()
    expect(page.get_by_role("heading", name="Request and answer")).to_have_count(0)


def test_an_unknown_request_is_no_dead_end(open_page: OpenPage) -> None:
    page = open_page("/activity/req_nobody_made")
    expect(page.get_by_text("Nothing is known of this request")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("link", name="All requests").click()
    expect(page.get_by_role("heading", name="Activity")).to_be_visible()
