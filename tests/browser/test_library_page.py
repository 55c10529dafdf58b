"""The library, with real models: found, downloaded, paused, run, changed and deleted."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.browser.axe import assert_accessible
from tests.browser.house import House
from tests.browser.library_house import CODER, HELPER, HELPER_FILES, SAID, SECRETIVE, by_hand
from tests.browser.visits import OpenPage, in_theme
from tests.support.hub_server import Fault, HubServer

FOUND = "Found at the hub"
HALF = 3_000_000


def under_way(page: Page) -> Locator:
    """Return the downloads that are not over."""
    return page.get_by_role("list", name="Downloads", exact=True).get_by_role("listitem")


def over(page: Page) -> Locator:
    """Return the downloads that ended."""
    return page.get_by_role("list", name="Ended downloads").get_by_role("listitem")


def more(page: Page, model: str, act: str) -> None:
    """Choose an act in a model's menu."""
    page.get_by_role("button", name=f"More about {model}").click()
    page.get_by_role("menuitem", name=act).click()


@pytest.fixture
def stalling(hub: HubServer, library: House) -> Iterator[HubServer]:
    """A hub that falls silent in the middle of each file; what has not come is given up."""
    hub.always_on_bytes(Fault(stall_after=HALF))
    yield hub
    hub.always_on_bytes(Fault())
    for download in library.call("GET", "/api/library/downloads")["downloads"]:
        if download["state"] not in {"done", "cancelled"}:
            library.call("DELETE", f"/api/library/downloads/{download['id']}")


def test_ten_models_are_recommended_each_judged_for_this_machine(
    open_page: OpenPage, library: House
) -> None:
    page = open_page("/library")
    expect(page.get_by_text(re.compile(r"GB free of .* GB")).first).to_be_visible()
    models = page.get_by_role("list", name="Recommended models").get_by_role("listitem")
    expect(models).to_have_count(10)
    verdict = re.compile(r"(Fits|Tight|Too big).*Needs about .* of memory; .* are free")
    for model in models.all():
        expect(model).to_contain_text(verdict)


@pytest.mark.parametrize(
    ("fit", "word"), [("tight", "Tight"), ("too_big", "Too big")], ids=["tight", "too-big"]
)
def test_a_model_that_hardly_fits_says_why(
    open_page: OpenPage, library: House, fit: str, word: str
) -> None:
    model = library.call("GET", "/api/library/recommended")["models"][0]
    model["verdict"] = {"fit": fit, "reason": "Needs about 99.0 GB of memory; 4.0 GB are free."}
    page = open_page("/library?tab=downloads")
    # What another machine would say of it.
    page.route("**/api/library/recommended", lambda route: route.fulfill(json={"models": [model]}))
    page.get_by_role("tab", name="Recommended").click()
    card = page.get_by_role("article", name=model["title"])
    expect(card).to_contain_text(word)
    expect(card).to_contain_text("Needs about 99.0 GB of memory; 4.0 GB are free.")
    assert_accessible(page)


def test_what_is_looked_for_is_in_the_address_and_not_in_the_history(
    open_page: OpenPage, library: House
) -> None:
    page = open_page("/library?tab=browse")
    before = page.evaluate("history.length")
    page.get_by_label("Search the hub").press_sequentially("helper", delay=5)
    found = page.get_by_role("list", name=FOUND).get_by_role("listitem")
    expect(found).to_have_count(1)
    expect(found).to_contain_text("by helpful-labs · 3.2B parameters · 1.2M downloads a month")
    expect(page).to_have_url(re.compile(r"/library\?tab=browse&q=helper$"))
    page.get_by_label("Parameters, from").select_option(label="from 2B")
    expect(page).to_have_url(re.compile(r"least=2"))
    expect(found).to_have_count(1)
    assert page.evaluate("history.length") == before

    found.get_by_role("button", name="helper-3B-GGUF").click()
    files = page.get_by_role("list", name=f"Files of {HELPER}").get_by_role("listitem")
    expect(files).to_have_count(len(HELPER_FILES))
    expect(files.first).to_contain_text("Q4_K_M")
    expect(files.first).to_contain_text("6.5 MB")
    page.reload()
    expect(files).to_have_count(len(HELPER_FILES))
    page.go_back()
    expect(files).to_have_count(0)
    expect(page.get_by_label("Search the hub")).to_have_value("helper")


def test_a_search_is_narrowed_ordered_and_begun_anew(open_page: OpenPage, library: House) -> None:
    page = open_page("/library?tab=browse&q=no+such+thing")
    expect(page.get_by_text("The hub has nothing like that")).to_be_visible()
    page.get_by_role("button", name="Search anew").click()
    found = page.get_by_role("list", name=FOUND).get_by_role("listitem")
    expect(found.first).to_contain_text("helper-3B")
    page.get_by_label("Order").select_option(label="Likes")
    expect(found.first).to_contain_text("Mistral-7B")
    page.get_by_label("Parameters, up to").select_option(label="up to 1B")
    expect(found).to_have_count(1)
    expect(found).to_contain_text("secretive-1B")
    page.get_by_label("Quantization").select_option(label="Q8_0")
    expect(page.get_by_text("The hub has nothing like that")).to_be_visible()


def test_a_hub_that_is_away_is_told_and_the_rest_works(open_page: OpenPage, laird: House) -> None:
    page = open_page("/library?tab=browse", at=laird)
    told = page.get_by_role("alert").filter(has_text="Models that are installed work without it")
    expect(told).to_be_visible()
    expect(told.get_by_role("button", name="Try again")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("tab", name="Recommended").click()
    expect(page.get_by_role("article", name="Phi-2")).to_be_visible()


def test_what_needs_a_licence_says_so_before_and_after(
    open_page: OpenPage, library: House, stalling: HubServer
) -> None:
    page = open_page(f"/library?tab=browse&q=secretive&repo={SECRETIVE}")
    expect(page.get_by_text("Its licence has to be accepted at the hub first")).to_be_visible()
    page.get_by_role("button", name="Download secretive-1b.Q4_K_M.gguf").click()
    expect(page.get_by_text("is gated. Accept its licence at")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Resume the download"))).to_be_visible()
    assert_accessible(page)


def test_a_download_is_watched_paused_resumed_and_becomes_a_model(
    open_page: OpenPage, library: House, stalling: HubServer
) -> None:
    file = HELPER_FILES[0]
    page = open_page(f"/library?tab=browse&repo={HELPER}")
    page.get_by_role("button", name=f"Download {file}").click()
    bar = page.get_by_role("progressbar", name=f"Download of {file}")
    expect(bar).to_have_attribute("aria-valuenow", "46")
    page.get_by_role("tab", name="Downloads (1)").click()
    expect(under_way(page)).to_contain_text("Downloading · 3.0 MB of 6.5 MB, 46%")
    page.get_by_role("button", name=f"Pause {file}").click()
    expect(under_way(page)).to_contain_text("Paused · 3.0 MB of 6.5 MB, 46%")
    page.reload()
    expect(under_way(page)).to_contain_text("Paused")
    assert_accessible(page)

    stalling.always_on_bytes(Fault())
    page.get_by_role("button", name=f"Resume {file}").click()
    # A busy machine may take its time to verify the file and bring it to the disk.
    expect(over(page).filter(has_text=file)).to_contain_text("Done", timeout=60_000)
    assert stalling.ranges[-1] == (file, HALF)
    page.get_by_role("tab", name="Installed").click()
    card = page.get_by_role("article", name="helper-3b.q4_k_m")
    expect(card).to_contain_text("Ask for it as library/helper-3b.q4_k_m")
    page.get_by_role("tab", name="Browse").click()
    row = page.get_by_role("listitem", name=file)
    expect(row).to_contain_text("Installed")


def test_a_download_is_given_up(open_page: OpenPage, library: House, stalling: HubServer) -> None:
    wanted = {"repository": CODER, "file": "coder-7b.Q4_K_M.gguf"}
    page = open_page("/library?tab=downloads")
    library.call("POST", "/api/library/downloads", wanted)
    # Nobody has to ask for it: it is told.
    expect(under_way(page)).to_contain_text("3.0 MB of 6.5 MB")
    page.get_by_role("button", name="Cancel coder-7b.Q4_K_M.gguf").click()
    asked = page.get_by_role("alertdialog", name="Give coder-7b.Q4_K_M.gguf up?")
    expect(asked).to_contain_text("3.0 MB that have come are deleted")
    asked.get_by_role("button", name="Give it up").click()
    expect(page.get_by_text("Nothing is being downloaded")).to_be_visible()
    expect(over(page).first).to_contain_text("coder-7b.Q4_K_M.gguf")
    expect(over(page).first).to_contain_text("Cancelled")


def test_a_file_put_there_by_hand_is_offered_run_asked_and_stopped(
    open_page: OpenPage, library: House
) -> None:
    by_hand(library, "mine")
    page = open_page("/library?tab=installed")
    card = page.get_by_role("article", name="mine", exact=True)
    expect(card).to_contain_text("put here by hand")
    card.get_by_role("button", name="Offer mine").click()
    expect(card).to_contain_text("Ask for it as library/mine")
    expect(card).to_contain_text("Cold")
    card.get_by_role("button", name="Run mine").click()
    expect(card).to_contain_text("Warm")
    expect(card).to_contain_text("loaded in")

    status, answer = library.chat("Who is there?", model="library/mine")
    assert (status, answer["choices"][0]["message"]["content"]) == (200, SAID)
    expect(card).to_contain_text("1 call")
    more(page, "mine", "Log")
    log = page.get_by_role("dialog", name="Log of mine")
    expect(log).to_contain_text("model loaded")
    assert_accessible(page)
    log.get_by_role("button", name="Close").click()
    card.get_by_role("button", name="Stop mine").click()
    expect(card).to_contain_text("Cold")


def test_a_model_that_somebody_asks_is_seen_to_wake(open_page: OpenPage, library: House) -> None:
    by_hand(library, "sleeper", offered=True)
    page = open_page("/library?tab=installed")
    card = page.get_by_role("article", name="sleeper")
    expect(card).to_contain_text("Cold")
    assert library.chat("Wake up!", model="library/sleeper")[0] == 200
    expect(card).to_contain_text("Warm")
    expect(card).to_contain_text("1 call")


def test_how_a_model_is_run_is_changed(open_page: OpenPage, library: House) -> None:
    by_hand(library, "changed", offered=True)
    page = open_page("/library?tab=installed")
    card = page.get_by_role("article", name="changed")
    expect(card).to_contain_text("2,048 tokens")
    more(page, "changed", "Settings")
    form = page.get_by_role("dialog", name="How changed is run")
    save = form.get_by_role("button", name="Save")
    expect(save).to_be_disabled()
    form.get_by_label("Context size").fill("100")
    expect(form).to_contain_text("A whole number of tokens, 256 or more.")
    expect(save).to_be_disabled()
    assert_accessible(page)
    form.get_by_label("Context size").fill("512")
    form.get_by_label("GPU layers").fill("0")
    form.get_by_label("Requests at the same time").fill("2")
    save.click()
    expect(card).to_contain_text("512 tokens")
    expect(card).to_contain_text("2 requests")
    text = library.document.read_text()
    assert re.search(r"contextWindow: 512\b", text)
    assert re.search(r"slots: 2\b", text)


def test_a_model_in_a_chain_is_deleted_only_when_it_has_left_it(
    open_page: OpenPage, library: House
) -> None:
    by_hand(library, "chained", offered=True)
    step = {"providerId": "library", "modelId": "chained"}
    library.call("PUT", "/api/chains/local", {"name": "All local", "models": [step]})
    page = open_page("/library?tab=installed")
    card = page.get_by_role("article", name="chained")
    more(page, "chained", "Delete")
    asked = page.get_by_role("alertdialog", name="Delete chained?")
    expect(asked).to_contain_text("Chains use it: All local")
    asked.get_by_role("button", name="Delete it").click()
    expect(asked.get_by_role("alert")).to_contain_text("local")
    assert_accessible(page)
    asked.get_by_role("button", name="Cancel").click()

    library.call("DELETE", "/api/chains/local")
    more(page, "chained", "Delete")
    expect(asked).not_to_contain_text("Chains use it")
    asked.get_by_role("button", name="Delete it").click()
    expect(card).to_have_count(0)
    assert "chained" not in library.document.read_text()
    assert not list(library.home.glob("library/**/chained.gguf"))


def test_a_file_that_is_no_model_says_what_is_wrong(open_page: OpenPage, library: House) -> None:
    by_hand(library, "damaged").write_bytes(b"GGUF" + bytes(100))
    page = open_page("/library?tab=installed")
    card = page.get_by_role("article", name="damaged")
    expect(card).to_contain_text("Can't be run")
    expect(card).to_contain_text("versions 2 and 3 can be read")
    expect(card.get_by_role("button", name=re.compile("^(Run|Use|Offer)"))).to_have_count(0)


def test_a_viewer_sees_all_and_presses_nothing(open_page: OpenPage, library: House) -> None:
    by_hand(library, "looked-at", offered=True)
    page = open_page("/library", role="viewer")
    expect(page.get_by_role("list", name="Recommended models")).to_be_visible()
    expect(page.get_by_role("tab", name="Browse")).to_have_count(0)
    refused = page.get_by_role(
        "button", name=re.compile("^(Download|Offer|Run|Stop|Pause|Resume|Cancel|More about) ")
    )
    for name in ("Installed", "Downloads", "Recommended"):
        page.get_by_role("tab", name=name).click()
        expect(page.get_by_role("tabpanel", name=name)).to_be_visible()
        expect(refused).to_have_count(0)
    page.get_by_role("tab", name="Installed").click()
    page.get_by_role("button", name="Use looked-at").click()
    expect(page.get_by_role("dialog")).to_contain_text("library/looked-at")
    page.goto("/library?tab=browse")
    expect(page.get_by_text("This is for operators and administrators")).to_be_visible()
    assert_accessible(page)


@pytest.mark.parametrize("width", [390, 1440])
def test_each_tab_is_accessible(open_page: OpenPage, library: House, width: int) -> None:
    by_hand(library, "shown", offered=True)
    page = open_page(f"/library?tab=browse&repo={HELPER}", width=width)
    expect(page.get_by_role("list", name=f"Files of {HELPER}")).to_be_visible()
    for name in ("Browse", "Installed", "Downloads"):
        page.get_by_role("tab", name=name).click()
        expect(page.get_by_role("tabpanel", name=name)).to_be_visible()
        expect(page.get_by_role("status", name="Loading")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        for theme in ("dark", "light"):
            in_theme(page, theme)
            assert_accessible(page)
