"""Budgets: made, met, changed, removed. The calculator: what calls would cost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.browser.axe import assert_accessible
from tests.browser.house import House
from tests.browser.test_every_page import assert_fits
from tests.browser.visits import OpenPage, in_theme


def card(page: Page, name: str) -> Locator:
    return page.get_by_role("article", name=f"Budget {name}")


def in_force(laird: House, name: str) -> dict[str, Any] | None:
    budgets = laird.call("GET", "/api/budgets")["budgets"]
    return next((one for one in budgets if one["name"] == name), None)


@pytest.fixture
def budget(laird: House, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a budget of the test's own, wide enough to hold nobody up."""
    name = request.function.__name__.removeprefix("test_")[:40]
    laird.call("POST", "/api/budgets", {"name": name, "limit_usd": "100000", "alerts": [50, 80]})
    yield name
    for known in (name, f"{name}-2"):
        if in_force(laird, known) is not None:
            laird.call("DELETE", f"/api/budgets/{known}")


def test_a_budget_is_made_for_a_key(open_page: OpenPage, laird: House) -> None:
    laird.key()
    page = open_page("/budgets", role="operator")
    page.get_by_role("button", name="New budget").first.click()
    dialogue = page.get_by_role("dialog", name="New budget")
    dialogue.get_by_label("Name").fill("for-a-key")
    dialogue.get_by_label("US dollars").fill("a lot")
    dialogue.get_by_label("For", exact=True).select_option("One key")
    dialogue.get_by_label("Key", exact=True).select_option("browser-tests")
    dialogue.get_by_label("Alert at percent").fill("half")
    assert_accessible(page)
    dialogue.get_by_role("button", name="Create").click()
    expect(dialogue.get_by_text("Write whole numbers")).to_be_visible()
    dialogue.get_by_label("Alert at percent").fill("50, 90")
    dialogue.get_by_role("button", name="Create").click()
    expect(dialogue.get_by_text("is not an amount in USD")).to_be_visible()
    dialogue.get_by_label("US dollars").fill("20.50")
    dialogue.get_by_role("button", name="Create").click()
    expect(dialogue).to_have_count(0)
    expect(card(page, "for-a-key")).to_contain_text("Key browser-tests, $20.50 a month")
    expect(card(page, "for-a-key").get_by_role("meter")).to_be_visible()
    made = in_force(laird, "for-a-key")
    assert made is not None
    assert made["alerts"] == [50, 90]
    assert made["zone"] == "Europe/London"
    laird.call("DELETE", "/api/budgets/for-a-key")


def test_a_change_sends_what_was_changed(open_page: OpenPage, laird: House, budget: str) -> None:
    page = open_page("/budgets")
    card(page, budget).get_by_role("button", name=f"What to do with {budget}").click()
    page.get_by_role("menuitem", name="Change").click()
    dialogue = page.get_by_role("dialog")
    expect(dialogue.get_by_label("US dollars")).to_have_value("100000")
    # What somebody else changes meanwhile stays.
    laird.call("PATCH", f"/api/budgets/{budget}", {"on_limit": "warn"})
    dialogue.get_by_label("US dollars").fill("90000")
    dialogue.get_by_role("button", name="Save").click()
    expect(card(page, budget)).to_contain_text("$90,000")
    expect(card(page, budget)).to_contain_text("Only warns")
    found = in_force(laird, budget)
    assert found is not None
    assert (found["limit_usd"], found["on_limit"]) == ("90000", "warn")


def test_a_budget_is_switched_off_and_removed(
    open_page: OpenPage, laird: House, budget: str
) -> None:
    page = open_page("/budgets")
    acts = card(page, budget).get_by_role("button", name=f"What to do with {budget}")
    acts.click()
    page.get_by_role("menuitem", name="Switch off").click()
    expect(card(page, budget)).to_contain_text("Off")
    acts.click()
    page.get_by_role("menuitem", name="Remove").click()
    asked = page.get_by_role("alertdialog")
    assert_accessible(page)
    asked.get_by_role("button", name="Cancel").click()
    assert in_force(laird, budget) is not None
    acts.click()
    page.get_by_role("menuitem", name="Remove").click()
    asked.get_by_role("button", name="Remove it").click()
    # While it is asked, nothing behind it can be found.
    expect(asked).to_have_count(0)
    expect(card(page, budget)).to_have_count(0)
    assert in_force(laird, budget) is None


def test_what_is_made_elsewhere_appears_by_itself(
    open_page: OpenPage, laird: House, budget: str
) -> None:
    page = open_page("/budgets")
    laird.call("POST", "/api/budgets", {"name": f"{budget}-2", "limit_usd": "100000"})
    expect(card(page, f"{budget}-2")).to_be_visible()


def test_viewers_look_and_change_nothing(open_page: OpenPage, budget: str) -> None:
    page = open_page("/budgets", role="viewer")
    expect(card(page, budget)).to_be_visible()
    expect(card(page, budget).get_by_role("button")).to_have_count(0)
    expect(page.get_by_role("button", name="New budget")).to_be_disabled()


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.usefixtures("budget")
def test_budgets_are_accessible(open_page: OpenPage, width: int) -> None:
    page = open_page("/budgets", width=width)
    assert_fits(page)
    assert_accessible(page)
    in_theme(page, "dark")
    assert_accessible(page)


def test_there_is_one_thing_to_do_without_budgets(open_page: OpenPage, fresh_laird: House) -> None:
    fresh_laird.settle()
    page = open_page("/budgets", at=fresh_laird)
    expect(page.get_by_text("There is no budget yet")).to_be_visible()
    assert_accessible(page)


def quotes(page: Page) -> Locator:
    return page.get_by_role("table", name="What the calls would cost")


def test_models_are_compared_for_calls_of_a_size(open_page: OpenPage) -> None:
    page = open_page("/models/calculator")
    expect(quotes(page).get_by_role("row").nth(1)).to_be_visible()
    page.get_by_label("Tokens in").fill("2000000")
    page.get_by_label("Tokens out").fill("0")
    page.get_by_label("Calls", exact=True).fill("1")
    expect(page).to_have_url(re.compile("input=2000000"))
    row = quotes(page).get_by_role("row").filter(has_text="openai/gpt-5-mini")
    expect(row).to_contain_text("$0.50")
    page.get_by_label("Whose work it is").select_option("openai/gpt-5-mini")
    expect(page.get_by_text("could not do it")).to_be_visible()
    expect(row).to_contain_text("Chosen")
    page.reload()
    expect(page.get_by_label("Tokens in")).to_have_value("2000000")


def test_what_can_not_be_is_said_at_its_field(open_page: OpenPage) -> None:
    page = open_page("/models/calculator")
    page.get_by_label("read from the cache").fill("5000")
    expect(page.get_by_text("are parts of input")).to_be_visible()
    page.get_by_role("button", name=re.compile("An agent")).click()
    expect(page.get_by_text("are parts of input")).to_have_count(0)
    expect(page.get_by_label("Tokens in")).to_have_value("20000")


@pytest.mark.parametrize("width", [1440, 390])
def test_the_whole_catalogue_is_compared(open_page: OpenPage, width: int) -> None:
    page = open_page("/models/calculator", width=width)
    page.get_by_role("switch", name="The whole catalogue, too").check(force=True)
    known = page.get_by_role("table", name="The cheapest models of the catalogue")
    expect(known.get_by_role("row")).to_have_count(51)
    assert_fits(page)
    assert_accessible(page)
    in_theme(page, "dark")
    assert_accessible(page)
