"""The rules of routing, and where a request would go."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect
from tests.browser.axe import assert_accessible
from tests.browser.house import House
from tests.browser.test_every_page import assert_fits
from tests.browser.visits import OpenPage

PRIVACY = """
privacy:
  detect: {cards: local}
  rules:
    - {name: bills, when: {workflows: [billing-*]}, then: refuse}
"""
CARD = "Charge 4111 1111 1111 1111"


def asked(page: Page, model: str) -> None:
    """Ask where a request for a model would go."""
    page.get_by_label("Model", exact=True).fill(model)
    page.get_by_role("button", name="Explain", exact=True).click()


def test_the_rules_in_force_are_shown(open_page: OpenPage) -> None:
    page = open_page("/routing", role="viewer")
    expect(page.get_by_text("Local before external", exact=False)).to_be_visible()
    aliases = page.get_by_role("table", name="Aliases")
    expect(aliases.get_by_role("row").nth(1)).to_contain_text("openai/gpt-5-mini")
    expect(page.get_by_role("heading", name="Cache")).to_be_visible()
    expect(page.get_by_text("Nothing is looked for")).to_be_visible()
    # A viewer asks nothing in the name of others.
    expect(page.get_by_role("tab")).to_have_count(0)


def test_a_plan_has_its_order_and_its_reasons(open_page: OpenPage) -> None:
    page = open_page("/routing", role="operator")
    page.get_by_role("tab", name="Explain a request").click()
    expect(page).to_have_url(re.compile(r"tab=explain"))
    asked(page, "rescue")
    tried = page.get_by_role("list", name="What would be tried").get_by_role("listitem")
    expect(tried).to_have_count(2)
    expect(tried.nth(0)).to_contain_text("demo/demo-fail")
    expect(tried.nth(1)).to_contain_text("demo/demo")
    expect(page).to_have_url(re.compile(r"model=rescue"))
    page.get_by_role("tab", name="Explain it").click()
    expect(page.get_by_text("/api/routing/explain", exact=False)).to_be_visible()
    assert_accessible(page)


def test_what_must_stay_local_says_what_is_left_out(open_page: OpenPage) -> None:
    page = open_page("/routing?tab=explain&model=coding", width=390, theme="dark")
    page.get_by_label("It asks to stay local").check()
    page.get_by_role("button", name="Explain", exact=True).click()
    left_out = page.get_by_role("table", name="Left out")
    expect(left_out).to_contain_text("anthropic/claude-sonnet-4-5")
    expect(left_out).to_contain_text("Must stay local")
    expect(page.get_by_text("because the client asked for it by a header")).to_be_visible()
    assert_fits(page)
    assert_accessible(page)


def test_an_unknown_name_is_told_at_its_field(open_page: OpenPage) -> None:
    page = open_page("/routing?tab=explain")
    asked(page, "nobody-has-this")
    expect(page.get_by_role("alert")).to_contain_text("nobody-has-this")
    asked(page, "demo")
    expect(page.get_by_role("list", name="What would be tried")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_an_alias_leads_to_its_plan(open_page: OpenPage) -> None:
    page = open_page("/routing")
    page.get_by_role("link", name="openai/gpt-5-mini").click()
    expect(page.get_by_label("Model", exact=True)).to_have_value("fast")


def test_another_document_shows_by_itself(open_page: OpenPage, fresh_laird: House) -> None:
    house = fresh_laird.settle()
    page = open_page("/routing", at=house)
    expect(page.get_by_text("Nothing is looked for")).to_be_visible()
    house.call("PUT", "/api/config", {"document": house.document.read_text() + PRIVACY})
    looked_for = page.get_by_role("table", name="What is looked for")
    expect(looked_for.get_by_role("row").filter(has_text="Payment cards")).to_contain_text(
        "stays local"
    )
    rules = page.get_by_role("table", name="Privacy rules")
    expect(rules.get_by_role("row").nth(1)).to_contain_text("workflow billing-*")
    assert_accessible(page)
    page.get_by_role("tab", name="Explain a request").click()
    page.get_by_label("Text", exact=True).fill(CARD)
    asked(page, "coding")
    expect(page.get_by_text("because a payment card was found in it")).to_be_visible()
