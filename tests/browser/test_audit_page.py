"""The audit log: found, looked at, exported, and changes taken back."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect
from tests.browser.axe import assert_accessible
from tests.browser.house import House
from tests.browser.test_every_page import assert_fits
from tests.browser.visits import OpenPage, in_theme


def rows(page: Page) -> Locator:
    """Return the rows of the log, without its head."""
    return (
        page.get_by_role("table", name="What was done")
        .get_by_role("row")
        .filter(has=page.get_by_role("cell"))
    )


def test_entries_are_found_by_filters_that_stand_in_the_address(
    open_page: OpenPage, laird: House
) -> None:
    laird.call("POST", "/api/keys", {"name": "audited-key"})
    laird.call("DELETE", "/api/keys/audited-key")
    page = open_page("/audit")
    page.get_by_label("What", exact=True).select_option("key")
    page.get_by_label("Search").fill("audited-key")
    expect(rows(page)).to_have_count(2)
    expect(rows(page).first).to_contain_text("key.revoke")
    expect(page).to_have_url(re.compile(r"q=audited-key.*what=key|what=key.*q=audited-key"))
    again = open_page(page.url.removeprefix(laird.url))
    expect(rows(again)).to_have_count(2)
    again.get_by_label("Who").fill("nobody-of-that-name")
    expect(again.get_by_text("Nothing fits")).to_be_visible()
    assert_accessible(again)
    again.get_by_role("button", name="Clear").click()
    expect(rows(again)).not_to_have_count(0)


def test_older_entries_come_page_by_page(open_page: OpenPage, laird: House) -> None:
    for number in range(30):
        laird.call("POST", "/api/keys", {"name": f"paged-{number}"})
        laird.call("DELETE", f"/api/keys/paged-{number}")
    page = open_page("/audit?q=paged-")
    expect(rows(page)).to_have_count(50)
    page.get_by_role("button", name="Show older ones").click()
    expect(rows(page)).to_have_count(60)
    expect(page.get_by_role("button", name="Show older ones")).to_have_count(0)


def test_an_entry_shows_before_and_after(open_page: OpenPage, laird: House) -> None:
    laird.call("POST", "/api/keys", {"name": "looked-at"})
    laird.call("PATCH", "/api/keys/looked-at", {"requests_per_minute": 7})
    page = open_page("/audit?q=looked-at&what=key.change", width=390)
    page.get_by_role("button", name=re.compile("looked-at")).first.click()
    entry = page.get_by_role("dialog", name=re.compile(r"^Entry \d+"))
    changes = entry.get_by_role("region", name="Before and after")
    expect(changes.get_by_role("row").filter(has_text="requests_per_minute")).to_contain_text("7")
    expect(page).to_have_url(re.compile(r"entry=\d+"))
    assert_fits(page)
    assert_accessible(page)
    in_theme(page, "dark")
    assert_accessible(page)
    laird.call("DELETE", "/api/keys/looked-at")


def test_the_log_is_exported_as_it_is_filtered(open_page: OpenPage, laird: House) -> None:
    laird.call("POST", "/api/keys", {"name": "exported"})
    laird.call("DELETE", "/api/keys/exported")
    page = open_page("/audit?q=exported")
    with page.expect_download() as begun:
        page.get_by_role("link", name="CSV").click()
    assert begun.value.suggested_filename == "laird-audit.csv"
    with Path(begun.value.path()).open(newline="") as file:
        actions = [row["action"] for row in csv.DictReader(file)]
    assert actions == ["key.create", "key.revoke"]


def test_a_change_of_the_configuration_is_taken_back(
    open_page: OpenPage, fresh_laird: House
) -> None:
    fresh_laird.settle()
    before = fresh_laird.document.read_text()
    fresh_laird.call("PATCH", "/api/providers/demo", {"name": "Renamed"})
    fresh_laird.call("PATCH", "/api/providers/demo", {"name": "Renamed again"})
    page = open_page("/audit?what=configuration.change")
    rows(page).nth(1).get_by_role("button").click()
    entry = page.get_by_role("dialog", name=re.compile(r"^Entry \d+"))
    expect(entry.get_by_role("region", name="What differs in the document")).to_contain_text(
        "name: Renamed"
    )
    entry.get_by_role("button", name="Roll back…").click()
    entry.get_by_role("button", name="Take it back").click()
    both = page.get_by_role("dialog", name="Somebody changed the configuration meanwhile")
    expect(both.get_by_role("region", name=re.compile("changed since"))).to_contain_text("again")
    assert_accessible(page)
    both.get_by_role("button", name="Make my change anyway").click()
    told = page.get_by_role("region", name="Notifications").get_by_text("The change is taken back")
    expect(told).to_be_visible()
    assert fresh_laird.document.read_text() == before


def test_it_is_for_administrators(open_page: OpenPage) -> None:
    page = open_page("/audit", role="operator")
    expect(page.get_by_text("This is for administrators")).to_be_visible()
