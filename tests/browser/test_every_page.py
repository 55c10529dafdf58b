"""Every page that the navigation leads to opens without complaint, on a desk and on a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page
from tests.browser.axe import assert_accessible
from tests.browser.places import PLACES
from tests.browser.visits import HEIGHTS, OpenPage, Visits, in_theme

PATHS = [*(place.to for place in PLACES), "/models/demo", "/no/such/page"]


def assert_fits(page: Page) -> None:
    """Fail if the page can be scrolled sideways."""
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, f"{page.url} is {wide} px wider than the window"


@pytest.mark.parametrize("width", HEIGHTS)
@pytest.mark.parametrize("path", PATHS)
def test_a_page_opens_and_is_accessible(visits: Visits, path: str, width: int) -> None:
    page = visits.open(path, width=width)
    assert_fits(page)
    assert_accessible(page)
    in_theme(page, "dark")
    assert_accessible(page)
    assert visits.complaints(page) == []


@pytest.mark.parametrize("path", PATHS)
def test_a_viewer_finds_a_page_whatever_the_address(open_page: OpenPage, path: str) -> None:
    assert_fits(open_page(path, role="viewer"))


@pytest.mark.parametrize("width", HEIGHTS)
def test_the_way_in_is_accessible(visits: Visits, width: int) -> None:
    page = visits.open("/keys", role=None, width=width)
    assert page.title() == "Sign in to Laird · Laird"
    assert_fits(page)
    assert_accessible(page)
    in_theme(page, "dark")
    assert_accessible(page)
    assert visits.complaints(page) == []
