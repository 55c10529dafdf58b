"""Opening pages of a Laird in a browser, and hearing what goes wrong in them."""

from __future__ import annotations

from typing import Literal, Protocol

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect
from tests.browser.house import House
from tests.browser.places import Role

Theme = Literal["light", "dark"]
HEIGHTS = {1440: 900, 390: 844}
"""Of a desk and of a phone, by their widths."""
PATIENCE_MS = 20_000

_REFUSED = "Failed to load resource"


class OpenPage(Protocol):
    """Opens a page; see `Visits.open`."""

    def __call__(
        self,
        path: str,
        *,
        role: Role | None = "admin",
        width: int = 1440,
        theme: Theme = "light",
        at: House | None = None,
        cookie: str | None = None,
    ) -> Page: ...


class Visits:
    """The pages that one test opens."""

    def __init__(self, browser: Browser, house: House | None = None) -> None:
        self._browser = browser
        self._house = house
        self._contexts: list[BrowserContext] = []
        self._heard: dict[Page, list[str]] = {}

    def open(
        self,
        path: str,
        *,
        role: Role | None = "admin",
        width: int = 1440,
        theme: Theme = "light",
        at: House | None = None,
        cookie: str | None = None,
    ) -> Page:
        """Open a path and wait until the page stands.

        Args:
            path: what comes after the host, such as `/models?q=x`.
            role: who is signed in, by the session that all tests share; None for nobody.
            width: of the window: 1440 for a desk, 390 for a phone, which also has a finger.
            theme: what the system of the visitor prefers.
            at: which Laird, if not the shared one.
            cookie: of a session of the test's own, in place of the role's.
        """
        house = at or self._house
        assert house is not None, "say at which Laird"
        context = self._browser.new_context(
            base_url=house.url,
            viewport={"width": width, "height": HEIGHTS.get(width, 900)},
            has_touch=width < 600,
            color_scheme=theme,
            reduced_motion="reduce",
            locale="en-GB",
            timezone_id="Europe/London",
        )
        context.set_default_timeout(PATIENCE_MS)
        self._contexts.append(context)
        signed = cookie or (house.cookie(role) if role is not None else None)
        if signed is not None:
            context.add_cookies([{"name": "laird_session", "value": signed, "url": house.url}])
        page = context.new_page()
        heard = self._heard[page] = []
        page.on("pageerror", lambda error: heard.append(f"exception: {error}"))
        page.on("console", lambda message: _hear(heard, message))
        page.goto(path)
        stands(page)
        return page

    def complaints(self, page: Page) -> list[str]:
        """Return what went wrong in a page so far: exceptions, errors and warnings."""
        return self._heard[page]

    def close(self) -> None:
        """Close all pages; fail if one of them had an exception or complained."""
        for context in self._contexts:
            context.close()
        # That the browser notes a refused request is how refusals look from inside.
        heard = [one for all_ in self._heard.values() for one in all_ if _REFUSED not in one]
        assert not heard, heard


def _hear(heard: list[str], message: ConsoleMessage) -> None:
    if message.type in {"error", "warning"}:
        heard.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")


def stands(page: Page) -> None:
    """Wait until a page has its heading and nothing in it is loading."""
    expect(page.get_by_role("heading", level=1).first).to_be_visible()
    expect(page.get_by_role("status", name="Loading")).to_have_count(0)
    expect(page.get_by_role("heading", name="This page broke")).to_have_count(0)


def in_theme(page: Page, theme: Theme) -> None:
    """Let the system of the visitor prefer another theme, and wait until the page follows."""
    page.emulate_media(color_scheme=theme)
    expect_theme(page, theme)
    settle(page)


def settle(page: Page) -> None:
    """Wait until nothing on a page moves or changes its colour."""
    page.evaluate("Promise.allSettled(document.getAnimations().map((one) => one.finished))")


def expect_theme(page: Page, theme: Theme) -> None:
    """Wait until a page is light or dark."""
    expect(page.locator("html")).to_have_attribute("data-theme", theme)
