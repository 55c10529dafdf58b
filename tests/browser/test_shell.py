"""What is around every page: navigation by role, palette, shortcuts, theme, and live updates."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect
from tests.browser.axe import assert_accessible
from tests.browser.house import House
from tests.browser.places import PLACES, ROLES, Place, Role
from tests.browser.visits import OpenPage, expect_theme, in_theme

KEYS = next(place for place in PLACES if place.to == "/keys")


def expect_at(page: Page, place: Place) -> None:
    """Wait until the page is there."""
    expect(page).to_have_url(re.compile(re.escape(place.to) + r"($|\?)"))
    expect(page.get_by_role("heading", level=1).first).to_be_visible()


@pytest.mark.parametrize("role", ROLES)
def test_the_navigation_shows_what_a_role_may_see(open_page: OpenPage, role: Role) -> None:
    page = open_page("/models", role=role)
    links = page.get_by_role("navigation", name="Main").get_by_role("link")
    expect(links).to_have_text([place.label for place in PLACES if place.open_to(role)])


def test_every_link_of_the_navigation_leads_to_its_page(open_page: OpenPage) -> None:
    page = open_page("/models")
    navigation = page.get_by_role("navigation", name="Main")
    for place in reversed(PLACES):
        link = navigation.get_by_role("link", name=place.label, exact=True)
        link.click()
        expect_at(page, place)
        expect(link).to_have_attribute("aria-current", "page")


def test_on_a_phone_the_navigation_is_behind_a_button(open_page: OpenPage) -> None:
    page = open_page("/models", width=390)
    navigation = page.get_by_role("navigation", name="Main")
    expect(navigation).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    assert_accessible(page)
    navigation.get_by_role("link", name=KEYS.label, exact=True).click()
    expect_at(page, KEYS)
    expect(navigation).to_be_hidden()


def test_the_palette_finds_and_goes(open_page: OpenPage) -> None:
    page = open_page("/models")
    page.keyboard.press("Control+k")
    box = page.get_by_role("combobox", name="Go to or do")
    expect(box).to_be_focused()
    assert_accessible(page)
    box.fill("api tokens")
    options = page.get_by_role("option")
    expect(options).to_have_text([KEYS.label])
    page.keyboard.press("Enter")
    expect_at(page, KEYS)
    expect(box).to_have_count(0)


def test_the_palette_is_walked_by_arrows_and_closed_by_escape(open_page: OpenPage) -> None:
    page = open_page("/models")
    page.get_by_role("button", name=re.compile("^Go to or do")).click()
    options = page.get_by_role("option")
    expect(options.nth(0)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(options.last).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Escape")
    expect(options).to_have_count(0)
    expect_at(page, PLACES[0])


def test_the_palette_offers_nothing_that_a_role_may_not(open_page: OpenPage) -> None:
    page = open_page("/models", role="viewer")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("option", name="Providers")).to_be_visible()
    expect(page.get_by_role("option", name=KEYS.label, exact=True)).to_have_count(0)


def test_two_letters_go_to_a_page(open_page: OpenPage) -> None:
    page = open_page("/models")
    for place in reversed(PLACES):
        page.keyboard.press("g")
        page.keyboard.press(place.key)
        expect_at(page, place)


def test_letters_are_letters_where_one_types(open_page: OpenPage) -> None:
    page = open_page("/models/catalog")
    box = page.get_by_role("searchbox").or_(page.get_by_role("textbox")).first
    box.press_sequentially("gk?")
    expect(box).to_have_value("gk?")
    assert page.url.partition("?")[0].endswith("/models/catalog")


def test_shortcuts_are_listed_and_can_be_switched_off(open_page: OpenPage) -> None:
    page = open_page("/models")
    page.keyboard.press("?")
    listed = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(listed).to_be_visible()
    assert_accessible(page)
    for place in PLACES:
        expect(listed.get_by_text(place.label, exact=True)).to_be_visible()
    listed.get_by_text("Single-key shortcuts", exact=True).click()
    expect(listed.get_by_role("switch", name="Single-key shortcuts")).not_to_be_checked()
    page.keyboard.press("Escape")
    expect(listed).to_have_count(0)
    page.keyboard.press("g")
    page.keyboard.press(KEYS.key)
    page.keyboard.press("?")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Go to or do")).to_be_focused()
    expect(listed).to_have_count(0)
    page.keyboard.press("Escape")
    expect_at(page, PLACES[0])


def test_what_a_button_opens_gives_the_focus_back(open_page: OpenPage) -> None:
    page = open_page("/models")
    account = page.get_by_role("button", name="ada, administrator")
    for _ in range(2):
        expect(account).to_have_attribute("aria-haspopup", "menu")
        account.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("menuitem", name="Your account")).to_be_focused()
        expect(account).to_have_attribute("aria-expanded", "true")
        page.keyboard.press("Escape")
        expect(page.get_by_role("menuitem")).to_have_count(0)
        expect(account).to_be_focused()
        expect(account).to_have_attribute("aria-expanded", "false")
    alerts = page.get_by_role("button", name=re.compile("new alert"))
    for _ in range(2):
        expect(alerts).to_have_attribute("aria-haspopup", "dialog")
        alerts.click()
        expect(page.get_by_role("dialog", name="Alerts")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog", name="Alerts")).to_have_count(0)
        expect(alerts).to_be_focused()
        expect(alerts).to_have_attribute("aria-expanded", "false")


def test_the_theme_follows_the_system_until_one_is_chosen(open_page: OpenPage) -> None:
    page = open_page("/models", theme="dark")
    expect_theme(page, "dark")
    in_theme(page, "light")
    in_theme(page, "dark")
    page.get_by_role("button", name="Use the light theme").click()
    expect_theme(page, "light")
    page.reload()
    expect(page.get_by_role("button", name="Use the dark theme")).to_be_visible()
    expect_theme(page, "light")


def test_the_page_goes_on_by_itself_when_the_server_was_away(
    open_page: OpenPage, fresh_laird: House
) -> None:
    fresh_laird.settle()
    page = open_page("/models")
    page.evaluate("window.mark = 'the same page'")
    expect(page.get_by_role("heading", name="Gaming PC")).to_be_visible()
    fresh_laird.stop()
    expect(page.get_by_text("Laird does not answer.")).to_be_visible()
    file = fresh_laird.document
    file.write_text(file.read_text().replace("Gaming PC", "Attic"))
    fresh_laird.start()
    expect(page.get_by_role("heading", name="Attic")).to_be_visible()
    expect(page.get_by_text("Laird does not answer.")).to_have_count(0)
    assert page.evaluate("window.mark") == "the same page"


def test_a_change_elsewhere_is_seen_at_once(open_page: OpenPage, laird: House) -> None:
    page = open_page("/keys")
    laird.call("POST", "/api/keys", {"name": "made-elsewhere"})
    expect(page.get_by_text("made-elsewhere", exact=True)).to_be_visible()
    laird.call("DELETE", "/api/keys/made-elsewhere")
    expect(page.get_by_text("made-elsewhere", exact=True)).to_have_count(0)
