"""Coming in and going out: by link, by password, and when a session ends elsewhere."""

from __future__ import annotations

from playwright.sync_api import Page, expect
from tests.browser.house import NAMES, House
from tests.browser.visits import OpenPage
from tests.support.people import PASSWORD

WHO = "fetch('/api/session').then((answer) => answer.json())"


def fill_in(page: Page, name: str, password: str, button: str) -> None:
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name=button, exact=True).click()


def expect_inside(page: Page, name: str) -> None:
    """Wait until somebody is in."""
    expect(page.get_by_role("button", name=name)).to_be_visible()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()


def test_the_printed_link_makes_the_first_administrator_once(
    open_page: OpenPage, fresh_laird: House
) -> None:
    link = fresh_laird.setup_link()
    page = open_page(link, role=None)
    expect(page.get_by_role("heading", name="Welcome to Laird")).to_be_visible()
    with page.expect_response("**/api/invitations/accept") as accepted:
        fill_in(page, "grace", PASSWORD, "Go on")
    assert accepted.value.status == 201
    expect(page.get_by_role("heading", name="Welcome to Laird")).to_have_count(0)
    assert (page.evaluate(WHO)["name"], page.evaluate(WHO)["role"]) == ("grace", "admin")
    page.goto("/models")
    expect_inside(page, "grace, administrator")

    other = open_page(link, role=None)
    expect(other.get_by_role("alert")).to_be_visible()
    expect(other.get_by_role("button", name="Go on")).to_have_count(0)


def test_a_wrong_password_is_told_and_the_right_one_leads_where_one_was_going(
    open_page: OpenPage, fresh_laird: House
) -> None:
    fresh_laird.settle()
    page = open_page("/keys", role=None)
    fill_in(page, NAMES["admin"], "not the password", "Sign in")
    expect(page.get_by_role("alert")).to_contain_text("The name or the password is wrong.")
    fill_in(page, NAMES["admin"], PASSWORD, "Sign in")
    expect(page.get_by_role("heading", name="Keys")).to_be_visible()
    assert page.url.endswith("/keys")


def test_an_invited_viewer_chooses_a_name_and_is_in(open_page: OpenPage, laird: House) -> None:
    link = laird.call("POST", "/api/invitations", {"role": "viewer"})
    page = open_page(link["path"], role=None)
    expect(page.get_by_role("heading", name="You are invited to Laird")).to_be_visible()
    fill_in(page, "ivy", PASSWORD, "Go on")
    expect_inside(page, "ivy, viewer")


def test_signing_out_leads_to_the_way_in(open_page: OpenPage, laird: House) -> None:
    page = open_page("/models", cookie=laird.sign_in("operator"))
    page.get_by_role("button", name="oscar, operator").click()
    page.get_by_role("menuitem", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in to Laird")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Sign in to Laird")).to_be_visible()


def test_a_session_that_ends_elsewhere_ends_here_by_itself(
    open_page: OpenPage, laird: House
) -> None:
    cookie = laird.sign_in("viewer")
    page = open_page("/models", cookie=cookie)
    expect_inside(page, "vera, viewer")
    laird.call("DELETE", "/api/session", cookie=cookie)
    expect(page.get_by_role("heading", name="Sign in to Laird")).to_be_visible()


def test_a_link_of_an_administrator_gives_another_password(
    open_page: OpenPage, fresh_laird: House
) -> None:
    fresh_laird.settle()
    link = fresh_laird.call("POST", f"/api/people/{NAMES['viewer']}/reset")
    page = open_page(link["path"], role=None)
    expect(page.get_by_text(f"Signing in as {NAMES['viewer']}")).to_be_visible()
    page.get_by_label("Password", exact=True).fill(f"another {PASSWORD}")
    page.get_by_role("button", name="Go on").click()
    expect_inside(page, "vera, viewer")
