"""One browser and one Laird for each worker, and pages in them. README.md tells how to use them.

They live as long as tests of this folder follow each other and not for the whole session: the
browser's driver keeps an event loop running in this thread, which tests with `async` can't have.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from tests.browser.chromium import start
from tests.browser.house import House, answering, document, furnished
from tests.browser.library_house import library_house, stock
from tests.browser.visits import PATIENCE_MS, OpenPage, Visits
from tests.support.hub_server import HubServer, threaded_hub
from tests.support.upstream import ScriptedUpstream, threaded_upstream

from laird.api.dashboard import find_files


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A running browser."""
    if find_files() is None:
        pytest.fail("The dashboard is not built: run make dashboard.")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        started = start(playwright)
        yield started
        started.close()


@pytest.fixture(scope="package")
def upstream() -> Iterator[ScriptedUpstream]:
    """What stands behind the providers of `laird`."""
    with threaded_upstream() as up:
        yield answering(up)


@pytest.fixture(scope="package")
def laird(tmp_path_factory: pytest.TempPathFactory, upstream: ScriptedUpstream) -> Iterator[House]:
    """A Laird with people, providers and usage, shared by the tests of a worker."""
    house = furnished(tmp_path_factory.mktemp("house") / "home", upstream)
    try:
        house.start().settle()
        house.chat("Hello!")
        house.chat("Hello!", model="rescue")
        yield house
    finally:
        house.close()


@pytest.fixture(scope="package")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubServer]:
    """The hub of models that `library` asks."""
    with threaded_hub() as server:
        yield stock(server, tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="package")
def library(tmp_path_factory: pytest.TempPathFactory, hub: HubServer) -> Iterator[House]:
    """A Laird with people and a hub of models, which are tiny and run."""
    house = library_house(tmp_path_factory.mktemp("library") / "home", hub)
    try:
        yield house.start().settle()
    finally:
        house.close()


@pytest.fixture
def fresh_laird(tmp_path: Path) -> Iterator[House]:
    """A Laird of the test's own, just started for the first time."""
    with threaded_upstream() as up:
        house = House(tmp_path / "home", document(answering(up)))
        try:
            yield house.start()
        finally:
            house.close()


@pytest.fixture
def visits(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Visits]:
    """The pages that the test opens."""
    houses = ("fresh_laird", "library", "laird")
    own = next((house for house in houses if house in request.fixturenames), "laird")
    opened = Visits(browser, request.getfixturevalue(own))
    yield opened
    opened.close()


@pytest.fixture
def open_page(visits: Visits) -> OpenPage:
    """Opens pages: of `fresh_laird` or `library` where the test has it, else of `laird`."""
    return visits.open
