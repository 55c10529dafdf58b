"""Keys: made and shown once, switched off, revoked."""

from __future__ import annotations

import re
import urllib.error
import urllib.request

from playwright.sync_api import Page, expect
from tests.browser.axe import assert_accessible
from tests.browser.house import House
from tests.browser.visits import OpenPage

KEY = re.compile(r"lai_[0-9a-f]{32}")


def make(page: Page, name: str, **fields: str) -> str:
    """Make a key on the page and return its text."""
    page.get_by_role("button", name="Create a key").first.click()
    asked = page.get_by_role("dialog", name="Create a key")
    asked.get_by_label("Name").fill(name)
    for label, value in fields.items():
        asked.get_by_label(label.replace("_", " ")).fill(value)
    asked.get_by_role("button", name="Create").click()
    shown = page.get_by_role("dialog", name=f"The key {name}")
    expect(shown).to_contain_text("the only time it is shown")
    found = KEY.search(shown.inner_text())
    assert found is not None
    return found[0]


def status_of(laird: House, key: str) -> int:
    """Return what the list of models answers to a key."""
    asked = urllib.request.Request(f"{laird.url}/v1/models")
    asked.add_header("authorization", f"Bearer {key}")
    try:
        with urllib.request.urlopen(asked) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_key_is_shown_once_and_works(open_page: OpenPage, laird: House) -> None:
    page = open_page("/keys")
    key = make(page, "shown once", Budget="20/month")
    assert_accessible(page)
    assert status_of(laird, key) == 200
    page.get_by_role("button", name="I have kept it").click()
    expect(page.get_by_role("row").filter(has_text="shown once")).to_be_visible()
    page.reload()
    expect(page.get_by_role("row").filter(has_text="shown once")).to_be_visible()
    assert key not in page.content()
    budgets = laird.call("GET", "/api/budgets")["budgets"]
    assert any(one["limit_usd"] == "20" for one in budgets)


def test_a_key_is_switched_off_and_on(open_page: OpenPage, laird: House) -> None:
    page = open_page("/keys")
    key = make(page, "on and off")
    page.get_by_role("button", name="I have kept it").click()
    row = page.get_by_role("row").filter(has_text="on and off")
    row.get_by_role("button", name="Switch off").click()
    expect(row.get_by_role("button", name="Switch on")).to_be_visible()
    assert status_of(laird, key) == 401
    row.get_by_role("button", name="Switch on").click()
    expect(row.get_by_role("button", name="Switch off")).to_be_visible()
    assert status_of(laird, key) == 200


def test_a_revoked_key_is_good_for_nothing(open_page: OpenPage, laird: House) -> None:
    page = open_page("/keys")
    key = make(page, "to be revoked")
    page.get_by_role("button", name="I have kept it").click()
    page.get_by_role("button", name="Revoke to be revoked").click()
    asked = page.get_by_role("alertdialog")
    assert_accessible(page)
    asked.get_by_role("button", name="Revoke it").click()
    expect(asked).to_have_count(0)
    expect(page.get_by_role("button", name="Revoke to be revoked")).to_have_count(0)
    assert status_of(laird, key) == 401


def test_what_is_wrong_is_told_at_its_field(open_page: OpenPage) -> None:
    page = open_page("/keys")
    page.get_by_role("button", name="Create a key").first.click()
    asked = page.get_by_role("dialog", name="Create a key")
    asked.get_by_label("Name").fill("of a wrong budget")
    budget = asked.get_by_label("Budget")
    budget.fill("much")
    asked.get_by_role("button", name="Create").click()
    expect(budget).to_have_attribute("aria-invalid", "true")
    expect(asked).to_contain_text("20/month")
    assert_accessible(page)


def test_viewers_make_none(open_page: OpenPage) -> None:
    page = open_page("/keys", role="viewer")
    expect(page.get_by_role("button", name="Create a key").first).to_be_disabled()
