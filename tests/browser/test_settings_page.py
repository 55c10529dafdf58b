"""The settings: one's account, people, credentials, the document, and the server."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.browser.axe import assert_accessible
from tests.browser.house import NAMES, House
from tests.browser.places import Role
from tests.browser.test_every_page import assert_fits
from tests.browser.visits import HEIGHTS, OpenPage, Visits, in_theme
from tests.support.people import PASSWORD

TABS = ("account", "people", "credentials", "configuration", "system")
OTHER = "gravel teapot monsoon"


@pytest.mark.parametrize("width", HEIGHTS)
@pytest.mark.parametrize("tab", TABS)
def test_each_tab_is_accessible(visits: Visits, tab: str, width: int) -> None:
    page = visits.open(f"/settings?tab={tab}", width=width)
    expect(page.get_by_role("tab", name=tab.capitalize())).to_have_attribute(
        "aria-selected", "true"
    )
    assert_fits(page)
    assert_accessible(page)
    in_theme(page, "dark")
    assert_accessible(page)
    assert visits.complaints(page) == []


@pytest.mark.parametrize(
    ("role", "seen"),
    [
        ("viewer", ["Account", "System"]),
        ("operator", ["Account", "Credentials", "Configuration", "System"]),
    ],
)
def test_a_role_sees_its_tabs(open_page: OpenPage, role: Role, seen: list[str]) -> None:
    page = open_page("/settings", role=role)
    expect(page.get_by_role("tab")).to_have_text(seen)
    page.goto("/settings?tab=people")
    expect(page.get_by_text("This is for administrators")).to_be_visible()


def test_the_theme_and_the_shortcuts_are_chosen_here(open_page: OpenPage) -> None:
    page = open_page("/settings")
    page.get_by_role("radio", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_role("radio", name="As the system").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.get_by_role("switch", name="Single-key shortcuts").uncheck(force=True)
    page.get_by_role("heading", level=1).click()
    page.keyboard.press("g")
    page.keyboard.press("k")
    page.reload()
    expect(page.get_by_role("switch", name="Single-key shortcuts")).not_to_be_checked()
    assert "/settings" in page.url


def test_a_password_is_changed_and_other_sessions_end(
    open_page: OpenPage, fresh_laird: House
) -> None:
    fresh_laird.settle()
    other = fresh_laird.sign_in("viewer")
    page = open_page("/settings", role="viewer")
    sessions = page.get_by_role("list", name="Sessions").get_by_role("listitem")
    expect(sessions).to_have_count(2)
    fill_in_password(page, "not the present one", OTHER)
    expect(page.get_by_text(re.compile("present password|password is wrong"))).not_to_have_count(0)
    fill_in_password(page, PASSWORD, OTHER)
    expect(told(page, "Your password is changed")).to_be_visible()
    expect(sessions).to_have_count(1)
    gone = open_page("/keys", role=None, cookie=other)
    expect(gone.get_by_role("heading", name="Sign in to Laird")).to_be_visible()
    page.get_by_role("button", name="Sign out everywhere").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Sign out everywhere").click()
    expect(page.get_by_role("heading", name="Sign in to Laird")).to_be_visible()


def fill_in_password(page: Page, current: str, password: str) -> None:
    page.get_by_label("Present password").fill(current)
    page.get_by_label("New password").fill(password)
    page.get_by_role("button", name="Change the password").click()


def test_somebody_is_invited_given_another_role_and_removed(
    open_page: OpenPage, laird: House
) -> None:
    page = open_page("/settings?tab=people")
    page.get_by_role("button", name="Invite somebody").click()
    form = page.get_by_role("dialog", name="Invite somebody")
    form.get_by_label("Name").fill("iris")
    assert_accessible(page)
    form.get_by_role("button", name="Make the link").click()
    made = page.get_by_role("dialog", name="The invitation")
    link = made.get_by_text(re.compile(r"\?token=")).inner_text().strip()
    assert link.startswith(laird.url)
    assert_accessible(page)
    made.get_by_role("button", name="I have kept it").click()
    out = page.get_by_role("list", name="Links that are out")
    expect(out.get_by_text("iris")).to_be_visible()

    guest = open_page(link.removeprefix(laird.url), role=None)
    guest.get_by_label("Password", exact=True).fill(PASSWORD)
    guest.get_by_role("button", name="Go on").click()
    expect(guest.get_by_role("button", name="iris, viewer")).to_be_visible()

    page.reload()
    row = page.get_by_role("row").filter(has_text="iris")
    expect(row).to_contain_text("viewer")
    choose(page, "iris", "Change the role…")
    roles = page.get_by_role("dialog", name="The role of iris")
    roles.get_by_label("Role").select_option("operator")
    roles.get_by_role("button", name="Change it").click()
    expect(row).to_contain_text("operator")
    choose(page, "iris", "Link for another password")
    reset = page.get_by_role("dialog", name="Another password for iris")
    expect(reset.get_by_text(re.compile(r"\?token="))).to_be_visible()
    page.keyboard.press("Escape")
    choose(page, "iris", "Switch off")
    expect(row).to_contain_text("off")
    expect(guest.get_by_role("heading", name="Sign in to Laird")).to_be_visible()
    choose(page, "iris", "Remove…")
    page.get_by_role("alertdialog").get_by_role("button", name="Remove them").click()
    expect(row).to_have_count(0)


def choose(page: Page, name: str, act: str) -> None:
    page.get_by_role("button", name=f"What to do with {name}", exact=True).click()
    page.get_by_role("menuitem", name=act, exact=True).click()


def test_the_last_administrator_stays(open_page: OpenPage) -> None:
    page = open_page("/settings?tab=people")
    choose(page, NAMES["admin"], "Remove…")
    page.get_by_role("alertdialog").get_by_role("button", name="Remove them").click()
    expect(told(page, "Nothing was changed")).to_be_visible()
    page.get_by_role("alertdialog").get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("row").filter(has_text=NAMES["admin"])).to_be_visible()


def test_a_credential_is_kept_rotated_and_removed_and_its_value_is_nowhere(
    open_page: OpenPage, fresh_laird: House
) -> None:
    fresh_laird.settle()
    file = fresh_laird.document
    file.write_text(file.read_text().replace("env:OPENAI_API_KEY", "stored:team"))
    page = open_page("/settings?tab=credentials")
    page.get_by_role("button", name="Add a credential").click()
    form = page.get_by_role("dialog", name="Add a credential")
    form.get_by_label("Name").fill("team")
    form.get_by_label("Value", exact=True).fill("sk-canary-first-0123456789")
    form.get_by_label("Kept in").select_option("vault")
    assert_accessible(page)
    form.get_by_role("button", name="Keep it").click()
    row = page.get_by_role("row").filter(has_text="team")
    expect(row).to_contain_text("used by openai")
    expect(row).to_contain_text("ready")

    choose(page, "team", "Stage a value…")
    staging = page.get_by_role("dialog", name="A value that shall follow in team")
    staging.get_by_label("Value", exact=True).fill("sk-canary-second-0123456789")
    staging.get_by_role("button", name="Stage it").click()
    expect(row).to_contain_text("a value waits")
    choose(page, "team", "Test the value that waits")
    test = page.get_by_role("dialog", name="Testing the value of team that waits")
    expect(test.get_by_text("takes it", exact=False)).to_be_visible()
    assert_accessible(page)
    test.get_by_role("button", name="Close").last.click()
    choose(page, "team", "Put the value that waits in force…")
    page.get_by_role("alertdialog").get_by_role("button", name="Put it in force").click()
    expect(row).not_to_contain_text("a value waits")
    expect(row).to_contain_text("the value before may still step in")
    choose(page, "team", "Remove…")
    asked = page.get_by_role("alertdialog")
    expect(asked).to_contain_text("openai uses it")
    asked.get_by_role("button", name="Remove it").click()
    expect(row).to_have_count(0)
    assert "canary" not in page.content()


def test_an_operator_may_test_and_nothing_more(open_page: OpenPage, laird: House) -> None:
    laird.call("PUT", "/api/credentials/of-nobody", {"value": "sk-x-1234567", "store": "vault"})
    page = open_page("/settings?tab=credentials", role="operator")
    page.get_by_role("button", name="What to do with of-nobody").click()
    expect(page.get_by_role("menuitem")).to_have_text(["Test"])
    expect(page.get_by_role("button", name="Add a credential")).to_have_count(0)
    laird.call("DELETE", "/api/credentials/of-nobody")


def told(page: Page, text: str) -> Locator:
    """Return what is told in the corner; it is said to screen readers at another place, too."""
    return page.get_by_role("region", name="Notifications").get_by_text(text)


def edit(page: Page, old: str, new: str) -> None:
    """Change a part of the document in the editor."""
    box = page.get_by_label("Document", exact=True)
    text = box.input_value()
    assert old in text
    box.fill(text.replace(old, new))


def test_a_document_is_checked_saved_and_taken_back(
    open_page: OpenPage, fresh_laird: House
) -> None:
    fresh_laird.settle()
    page = open_page("/settings?tab=configuration")
    before = fresh_laird.document.read_text()
    edit(page, "name: Demo", "nam: Demo")
    page.get_by_role("button", name="Check", exact=True).click()
    wrong = page.get_by_text("Nothing was saved. This is wrong:")
    expect(wrong).to_be_visible()
    assert_accessible(page)
    page.get_by_role("button", name=re.compile(r"^Line \d+")).first.click()
    expect(page.get_by_label("Document", exact=True)).to_be_focused()
    edit(page, "nam: Demo", "name: Stage")
    expect(wrong).to_have_count(0)
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.get_by_text(re.compile("provider demo: name"))).to_be_visible()
    assert fresh_laird.document.read_text() == before
    page.get_by_role("button", name="Save", exact=True).click()
    expect(told(page, "The document is saved")).to_be_visible()
    assert "name: Stage" in fresh_laird.document.read_text()

    history = page.get_by_role("table", name="Changes of the document").get_by_role("row")
    expect(history).to_have_count(3)
    history.nth(1).get_by_role("button", name=re.compile("^Show")).click()
    shown = page.get_by_role("dialog")
    expect(shown.get_by_role("region", name="What it changed")).to_contain_text("name: Stage")
    assert_accessible(page)
    expect(page).to_have_url(re.compile(r"change="))
    page.keyboard.press("Escape")
    history.nth(2).get_by_role("button", name=re.compile("^Show")).click()
    shown.get_by_role("button", name="Roll back to it…").click()
    expect(shown.get_by_role("region", name="What rolling back changes")).to_contain_text(
        "name: Demo"
    )
    shown.get_by_role("button", name="Put it in force").click()
    expect(told(page, "That document is in force again")).to_be_visible()
    assert fresh_laird.document.read_text() == before


def test_when_two_change_the_document_both_are_shown_and_nothing_is_lost(
    open_page: OpenPage, fresh_laird: House
) -> None:
    fresh_laird.settle()
    page = open_page("/settings?tab=configuration")
    edit(page, "name: Demo", "name: Mine")
    fresh_laird.call("PATCH", "/api/providers/demo", {"name": "Theirs"})
    expect(page.get_by_text("Another document is in force by now.", exact=False)).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).click()
    both = page.get_by_role("dialog", name="Somebody changed the configuration meanwhile")
    expect(both.get_by_role("region", name="Your change")).to_contain_text("Mine")
    expect(both.get_by_role("region", name="What others changed")).to_contain_text("Theirs")
    assert_accessible(page)
    both.get_by_role("button", name="Go on editing").click()
    assert "name: Mine" in page.get_by_label("Document", exact=True).input_value()
    assert "Theirs" in fresh_laird.document.read_text()
    page.get_by_role("button", name="Save", exact=True).click()
    both.get_by_role("button", name="Make my change anyway").click()
    expect(told(page, "The document is saved")).to_be_visible()
    assert "name: Mine" in fresh_laird.document.read_text()


def test_changes_that_are_not_saved_are_not_lost_by_going_elsewhere(open_page: OpenPage) -> None:
    page = open_page("/settings?tab=configuration")
    edit(page, "name: Demo", "name: Half done")
    page.get_by_role("tab", name="System").click()
    asked = page.get_by_role("alertdialog", name="Leave without saving?")
    asked.get_by_role("button", name="Cancel").click()
    assert "Half done" in page.get_by_label("Document", exact=True).input_value()
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("tab", name="System").click()
    expect(page.get_by_role("heading", name="Server", exact=True)).to_be_visible()


def test_a_broken_file_is_told_and_can_be_replaced(open_page: OpenPage, fresh_laird: House) -> None:
    fresh_laird.settle()
    page = open_page("/settings?tab=configuration")
    file = fresh_laird.document
    file.write_text(file.read_text() + "routing:\n  stratgy: cheapest\n")
    expect(page.get_by_text("the file has an error", exact=False)).to_be_visible()
    told = page.get_by_role("alert").filter(has_text="In the file")
    expect(told).to_contain_text("stratgy")
    assert_accessible(page)
    edit(page, "name: Demo", "name: Mended")
    page.get_by_role("button", name="Save", exact=True).click()
    both = page.get_by_role("dialog", name="Somebody changed the configuration meanwhile")
    expect(both.get_by_role("region", name="What others changed")).to_contain_text("stratgy")
    both.get_by_role("button", name="Make my change anyway").click()
    expect(page.get_by_text("in force as the file has it")).to_be_visible()
    assert "stratgy" not in file.read_text()


def test_the_server_tells_how_it_is_and_how_it_was_started(open_page: OpenPage) -> None:
    page = open_page("/settings?tab=system")
    settings = page.get_by_role("table", name="Settings in force").get_by_role("row")
    port = settings.filter(has_text="LAIRD_PORT")
    expect(port).to_contain_text("flag")
    expect(settings.filter(has_text="LAIRD_HOST")).to_contain_text("default")
    page.get_by_role("radio", name="Other than default").click()
    expect(settings.filter(has_text="LAIRD_HOST")).to_have_count(0)
    expect(port).to_have_count(1)
    viewer = open_page("/settings?tab=system", role="viewer")
    expect(viewer.get_by_role("heading", name="Server", exact=True)).to_be_visible()
    expect(viewer.get_by_role("table", name="Settings in force")).to_have_count(0)
