"""Failover chains: made, put in order by hand and by key, saved, fought over, and deleted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.browser.axe import assert_accessible
from tests.browser.house import House
from tests.browser.visits import OpenPage, in_theme

PAGE = "/models/failover"
STEPS = ("demo/demo", "vllm/qwen3-coder", "openai/gpt-5")


def step(name: str) -> dict[str, Any]:
    provider, _, model = name.partition("/")
    return {"providerId": provider, "modelId": model}


def in_force(laird: House, chain_id: str) -> dict[str, Any] | None:
    """Return a chain as the server has it."""
    chains = laird.call("GET", "/api/chains")["chains"]
    return next((chain for chain in chains if chain["id"] == chain_id), None)


def order_in_force(laird: House, chain_id: str) -> list[str]:
    found = in_force(laird, chain_id)
    assert found is not None
    return [f"{one['providerId']}/{one['modelId']}" for one in found["models"]]


def rows(page: Page) -> Locator:
    return page.get_by_role("region", name="Models").get_by_role("listitem")


def expect_order(page: Page, *names: str) -> None:
    """Wait until the steps stand in an order."""
    expect(rows(page)).to_have_count(len(names))
    for at, name in enumerate(names):
        expect(rows(page).nth(at)).to_have_accessible_name(f"Step {at + 1}: {name}")


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()


@pytest.fixture
def chain(laird: House, request: pytest.FixtureRequest) -> Iterator[str]:
    """The id of a chain of the test's own, with `STEPS`."""
    chain_id = request.function.__name__.replace("_", "-")[:60]
    made = {"name": "Night shift", "models": [step(name) for name in STEPS]}
    laird.call("PUT", f"/api/chains/{chain_id}", made)
    yield chain_id
    if in_force(laird, chain_id) is not None:
        laird.call("DELETE", f"/api/chains/{chain_id}")


def test_a_chain_is_made_from_models_that_are_searched_for(
    open_page: OpenPage, laird: House
) -> None:
    page = open_page(PAGE, role="operator")
    page.get_by_role("link", name="New chain").click()
    page.get_by_label("Name", exact=True).fill("Careful & Slow")
    expect(page.get_by_label("Id", exact=True)).to_have_value("careful-slow")
    make = page.get_by_role("button", name="Make the chain")
    expect(make).to_be_disabled()
    expect(page.get_by_text("A chain needs at least one model.")).to_be_visible()

    page.get_by_role("button", name="Add a model").click()
    search = page.get_by_role("combobox", name="Search models")
    expect(search).to_be_focused()
    assert_accessible(page)
    search.fill("gpu coder")
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Add a model").click()
    search.fill("demo")
    group = page.get_by_role("group", name="Demo")
    expect(group.get_by_role("option")).to_have_count(3)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    group.get_by_role("option").first.click()
    expect_order(page, "vllm/qwen3-coder", "demo/demo")

    rows(page).nth(0).get_by_label("Retries").fill("3")
    rows(page).nth(0).get_by_label("Timeout, s").fill("2.5")
    page.get_by_label("Order", exact=True).select_option("Cheapest")
    make.click()
    expect(page.get_by_role("heading", name="Careful & Slow", exact=True)).to_be_visible()
    assert page.url.endswith("?chain=careful-slow")
    assert in_force(laird, "careful-slow") == {
        "id": "careful-slow",
        "name": "Careful & Slow",
        "strategy": "cheapest",
        "models": [
            {**step("vllm/qwen3-coder"), "maxRetries": 3, "timeoutMs": 2500},
            {**step("demo/demo"), "maxRetries": 1, "timeoutMs": None},
        ],
    }
    assert laird.chat("Hello", model="careful-slow")[0] == 200
    laird.call("DELETE", "/api/chains/careful-slow")


def test_buttons_move_a_step_and_keep_the_focus(
    open_page: OpenPage, laird: House, chain: str
) -> None:
    page = open_page(f"{PAGE}?chain={chain}")
    expect_order(page, *STEPS)
    down = page.get_by_role("button", name="Move demo/demo down")
    down.focus()
    page.keyboard.press("Enter")
    expect_order(page, STEPS[1], STEPS[0], STEPS[2])
    expect(page.get_by_text("demo/demo is step 2 of 3 now.")).to_be_attached()
    expect(down).to_be_focused()
    page.keyboard.press("Enter")
    expect_order(page, STEPS[1], STEPS[2], STEPS[0])
    expect(down).to_be_disabled()
    expect(page.get_by_role("button", name="Move demo/demo up")).to_be_focused()
    save(page)
    expect(page.get_by_text("Nothing is changed.")).to_be_visible()
    assert order_in_force(laird, chain) == [STEPS[1], STEPS[2], STEPS[0]]


def test_a_step_is_dragged_with_the_mouse(open_page: OpenPage, laird: House, chain: str) -> None:
    page = open_page(f"{PAGE}?chain={chain}")
    grip = page.get_by_role("button", name="Drag demo/demo to another place").bounding_box()
    last = rows(page).nth(2).bounding_box()
    assert grip is not None
    assert last is not None
    page.mouse.move(grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2)
    page.mouse.down()
    page.mouse.move(grip["x"] + 20, grip["y"] + 60, steps=6)
    page.mouse.move(grip["x"] + 20, last["y"] + last["height"] - 4, steps=12)
    page.mouse.up()
    expect_order(page, STEPS[1], STEPS[2], STEPS[0])
    save(page)
    expect(page.get_by_text("Nothing is changed.")).to_be_visible()
    assert order_in_force(laird, chain) == [STEPS[1], STEPS[2], STEPS[0]]


def test_a_step_is_dragged_with_the_keyboard(open_page: OpenPage, chain: str) -> None:
    page = open_page(f"{PAGE}?chain={chain}")
    grip = page.get_by_role("button", name="Drag demo/demo to another place")
    grip.focus()
    page.keyboard.press("Enter")
    expect(grip).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("ArrowDown")
    expect(rows(page).nth(1)).to_have_attribute("data-step", "demo/demo")
    page.keyboard.press("Enter")
    expect_order(page, STEPS[1], STEPS[0], STEPS[2])


def test_a_chain_is_renamed_and_loses_a_step(open_page: OpenPage, laird: House, chain: str) -> None:
    page = open_page(f"{PAGE}?chain={chain}")
    page.get_by_label("Name", exact=True).fill("Day shift")
    page.get_by_role("button", name="Take openai/gpt-5 out").click()
    save(page)
    expect(page.get_by_role("link", name="Day shift")).to_be_visible()
    found = in_force(laird, chain)
    assert found is not None
    assert found["name"] == "Day shift"
    assert order_in_force(laird, chain) == list(STEPS[:2])


def test_what_can_not_be_is_told_before_it_is_sent(open_page: OpenPage, chain: str) -> None:
    page = open_page(f"{PAGE}?chain={chain}")
    button = page.get_by_role("button", name="Save", exact=True)
    retries = rows(page).nth(0).get_by_label("Retries")
    retries.fill("11")
    expect(page.get_by_text("0 to 10")).to_be_visible()
    expect(button).to_be_disabled()
    retries.fill("2")
    expect(button).to_be_enabled()
    for name in STEPS:
        page.get_by_role("button", name=f"Take {name} out").click()
    expect(page.get_by_text("A chain needs at least one model.")).to_be_visible()
    expect(button).to_be_disabled()
    page.get_by_role("button", name="Undo").click()
    expect_order(page, *STEPS)


def test_what_the_server_finds_wrong_stands_at_its_field(open_page: OpenPage) -> None:
    page = open_page(f"{PAGE}?new=true")
    page.get_by_label("Name", exact=True).fill("Demo")
    page.get_by_role("button", name="Add a model").click()
    page.get_by_role("combobox", name="Search models").fill("qwen3-coder")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Make the chain").click()
    expect(page.get_by_text("'demo' is already").first).to_be_visible()
    expect(page.get_by_label("Id", exact=True)).to_have_value("demo")


def test_of_two_that_edit_none_loses_anything(
    open_page: OpenPage, laird: House, chain: str
) -> None:
    page = open_page(f"{PAGE}?chain={chain}")
    page.get_by_label("Name", exact=True).fill("Mine")
    theirs = {"name": "Theirs", "models": [step("demo/demo-tools")]}
    laird.call("PUT", f"/api/chains/{chain}", theirs)
    expect(page.get_by_role("link", name="Theirs")).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Mine")

    save(page)
    conflict = page.get_by_role("dialog", name="Somebody changed the configuration meanwhile")
    expect(conflict.get_by_text("Mine")).to_be_visible()
    expect(conflict.get_by_text("Theirs").first).to_be_visible()
    expect(conflict.get_by_text("demo/demo-tools").first).to_be_visible()
    assert_accessible(page)
    found = in_force(laird, chain)
    assert found is not None
    assert found["name"] == "Theirs"

    conflict.get_by_role("button", name="Go on editing").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Mine")
    expect_order(page, *STEPS)
    save(page)
    conflict.get_by_role("button", name="Make my change anyway").click()
    expect(page.get_by_text("Nothing is changed.")).to_be_visible()
    found = in_force(laird, chain)
    assert found is not None
    assert found["name"] == "Mine"
    assert order_in_force(laird, chain) == list(STEPS)


def test_a_change_can_be_dropped_for_what_is_in_force(
    open_page: OpenPage, laird: House, chain: str
) -> None:
    page = open_page(f"{PAGE}?chain={chain}")
    page.get_by_label("Name", exact=True).fill("Mine")
    laird.call("DELETE", f"/api/chains/{chain}")
    save(page)
    conflict = page.get_by_role("dialog", name="Somebody changed the configuration meanwhile")
    expect(conflict.get_by_text("The chain was deleted.")).to_be_visible()
    conflict.get_by_role("button", name="Drop my change").click()
    expect(page.get_by_text(f"There is no chain {chain}")).to_be_visible()


def test_changes_are_not_left_behind_without_a_question(open_page: OpenPage, chain: str) -> None:
    page = open_page(f"{PAGE}?chain={chain}")
    name = page.get_by_label("Name", exact=True)
    name.fill("Half a thought")
    keys = page.get_by_role("navigation", name="Main").get_by_role("link", name="Keys")
    keys.click()
    asked = page.get_by_role("alertdialog", name="Leave without saving?")
    expect(asked).to_be_visible()
    assert_accessible(page)
    asked.get_by_role("button", name="Cancel").click()
    expect(name).to_have_value("Half a thought")
    page.get_by_role("navigation", name="Chains").get_by_role("link", name="Rescue").click()
    expect(asked).to_be_visible()
    asked.get_by_role("button", name="Cancel").click()
    keys.click()
    asked.get_by_role("button", name="Leave and lose them").click()
    expect(page.get_by_role("heading", name="Keys", exact=True)).to_be_visible()


def test_a_chain_is_deleted_after_a_question(open_page: OpenPage, laird: House, chain: str) -> None:
    page = open_page(f"{PAGE}?chain={chain}")
    page.get_by_role("button", name="Delete", exact=True).click()
    asked = page.get_by_role("alertdialog", name="Delete the chain Night shift?")
    asked.get_by_role("button", name="Cancel").click()
    assert in_force(laird, chain) is not None
    page.get_by_role("button", name="Delete", exact=True).click()
    asked.get_by_role("button", name="Delete the chain").click()
    expect(asked).to_have_count(0)
    expect(page.get_by_role("link", name="Night shift")).to_have_count(0)
    assert in_force(laird, chain) is None


def test_a_viewer_sees_chains_and_changes_none(open_page: OpenPage, chain: str) -> None:
    page = open_page(f"{PAGE}?chain={chain}", role="viewer")
    expect_order(page, *STEPS)
    expect(page.get_by_label("Name", exact=True)).to_be_disabled()
    for name in ("Save", "Delete", "Add a model", "Move demo/demo down"):
        expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    expect(page.get_by_role("link", name="New chain")).to_have_count(0)


def test_where_there_is_no_chain_one_is_offered(open_page: OpenPage, fresh_laird: House) -> None:
    fresh_laird.settle()
    for chain_id in ("coding", "rescue"):
        fresh_laird.call("DELETE", f"/api/chains/{chain_id}")
    page = open_page(PAGE, width=390)
    expect(page.get_by_text("No chain yet")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("link", name="New chain").last.click()
    expect(page.get_by_role("heading", name="New chain")).to_be_visible()
    assert_accessible(page)
    in_theme(page, "dark")
    assert_accessible(page)
