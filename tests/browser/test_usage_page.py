"""What was used and what it cost: figures, charts, tables, and the ways from one to the other."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from tests.browser.axe import assert_accessible
from tests.browser.house import House
from tests.browser.test_every_page import assert_fits
from tests.browser.visits import OpenPage, in_theme

from bench import usage_page

PAGE = "/models/usage"


def table(page: Page, by: str) -> Locator:
    return page.get_by_role("table", name=f"Usage by {by}")


def row(page: Page, by: str, name: str) -> Locator:
    return table(page, by).get_by_role("row").filter(has=page.get_by_role("link", name=name))


def search(page: Page) -> dict[str, list[str]]:
    """Return what the address asks for."""
    return parse_qs(urlsplit(page.url).query, keep_blank_values=True)


def test_figures_are_those_of_the_ledger(open_page: OpenPage, laird: House) -> None:
    page = open_page(f"{PAGE}?period=custom&since=2026-01-01&until=2026-01-02")
    expect(page.get_by_text("Nothing was used in this time")).to_be_visible()
    page = open_page(f"{PAGE}?period=quarter")
    short = page.get_by_role("region", name="In short")
    for name in ("Spent", "Calls", "Tokens", "Budget"):
        expect(short.get_by_text(name, exact=True)).to_be_visible()
    since = page.evaluate(
        "new Date(Date.now() - 89 * 86400000).toLocaleDateString('sv-SE', "
        "{timeZone: 'Europe/London'})"
    )
    told = laird.call("GET", f"/api/usage/summary?by=provider&zone=Europe/London&since={since}")
    names = [one["group"] for one in told["rows"]]
    rows = table(page, "provider").get_by_role("row")
    expect(rows).to_have_count(len(names) + 2)
    for at, name in enumerate(names[:3]):
        expect(rows.nth(at + 1)).to_contain_text(name)


def test_a_table_is_sorted_by_its_heads(open_page: OpenPage) -> None:
    page = open_page(f"{PAGE}?period=quarter")
    head = table(page, "provider").get_by_role("columnheader", name="Provider")
    page.get_by_role("button", name="Provider", exact=True).click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    assert search(page)["sort"] == ["name"]
    expect(table(page, "provider").get_by_role("row").nth(1)).to_contain_text("anthropic")
    page.reload()
    expect(head).to_have_attribute("aria-sort", "ascending")


def test_period_and_grouping_are_in_the_address(open_page: OpenPage) -> None:
    page = open_page(PAGE)
    expect(page.get_by_role("radio", name="Month", exact=True)).to_be_checked()
    page.get_by_role("radio", name="3 months").click()
    page.get_by_role("radio", name="Key", exact=True).click()
    expect(table(page, "key")).to_be_visible()
    expect(table(page, "key")).to_contain_text("support-desk")
    assert search(page) == {"period": ["quarter"], "by": ["key"]}
    page.get_by_role("radio", name="Custom").click()
    page.get_by_label("First day").fill("2026-01-05")
    expect(page).to_have_url(re.compile("since=2026-01-05"))
    page.reload()
    expect(page.get_by_label("First day")).to_have_value("2026-01-05")
    expect(page.get_by_role("radio", name="Key", exact=True)).to_be_checked()


def test_charts_have_names_and_their_numbers_as_a_table(open_page: OpenPage) -> None:
    page = open_page(f"{PAGE}?period=quarter&by=model")
    for title in ("Tokens", "Cost"):
        chart = page.get_by_role("figure", name=f"{title} by model")
        expect(chart.get_by_role("application")).to_be_visible()
        bands = chart.get_by_role("list", name="Bands")
        expect(bands).to_contain_text("Everything else")
        page.get_by_role("button", name=f"{title} as a table").click()
        numbers = page.get_by_role("table", name=f"{title} by model, as a table")
        expect(numbers.get_by_role("row")).to_have_count(92)
    assert_accessible(page)


def test_a_chart_tells_what_is_under_the_pointer_and_leads_to_the_requests(
    open_page: OpenPage,
) -> None:
    page = open_page(f"{PAGE}?period=quarter")
    chart = page.get_by_role("figure", name="Tokens by provider").get_by_role("application")
    chart.scroll_into_view_if_needed()
    chart.hover(position={"x": 300, "y": 120})
    expect(page.get_by_text("Press to see its requests.")).to_be_visible()
    chart.click(position={"x": 300, "y": 120})
    expect(page.get_by_role("heading", name="Activity")).to_be_visible()
    assert {"since", "until"} <= set(search(page))


def test_from_a_provider_to_its_models_to_their_keys(open_page: OpenPage) -> None:
    page = open_page(f"{PAGE}?period=quarter")
    row(page, "provider", "openai").get_by_role("link", name="openai", exact=True).click()
    expect(row(page, "model", "openai/gpt-5-mini")).to_be_visible()
    expect(page.get_by_role("list", name="Filters")).to_contain_text("openai")
    assert search(page) == {"period": ["quarter"], "by": ["model"], "provider": ["openai"]}
    expect(table(page, "model")).not_to_contain_text("anthropic/")
    table(page, "model").get_by_role("link", name="openai/gpt-5-mini", exact=True).click()
    expect(table(page, "key")).to_be_visible()
    page.get_by_role("button", name="Show all providers").click()
    page.get_by_role("button", name="Show all models").click()
    expect(page.get_by_role("list", name="Filters")).to_have_count(0)
    page.get_by_role("button", name="Filter").click()
    page.get_by_label("Provider", exact=True).select_option("anthropic")
    expect(page).to_have_url(re.compile("provider=anthropic"))
    assert_accessible(page)


def test_a_workflow_is_taken_apart_into_its_steps(open_page: OpenPage) -> None:
    page = open_page(f"{PAGE}?period=quarter&by=workflow")
    expect(table(page, "workflow")).to_contain_text("No workflow named")
    table(page, "workflow").get_by_role("link", name="research", exact=True).click()
    expect(page.get_by_role("heading", name="Usage of research", level=1)).to_be_visible()
    for step in ("search", "read", "synthesise", "critique"):
        expect(table(page, "step").get_by_role("cell", name=step, exact=True)).to_be_visible()
    dear = page.get_by_role("table", name="The dearest requests")
    expect(dear.get_by_role("row")).to_have_count(11)
    assert_accessible(page)
    dear.get_by_role("link").first.click()
    expect(page).to_have_url(re.compile("/activity/req_"))
    page.go_back()
    page.get_by_role("link", name="All workflows").click()
    expect(table(page, "workflow")).to_be_visible()


def test_a_row_leads_to_its_requests(open_page: OpenPage) -> None:
    page = open_page(f"{PAGE}?period=quarter&by=model")
    table(page, "model").get_by_role("link", name="Requests of openai/gpt-5-mini").click()
    expect(page.get_by_role("heading", name="Activity")).to_be_visible()
    assert search(page)["model"] == ["openai/gpt-5-mini"]
    assert set(search(page)) == {"model", "since"}


def test_an_export_has_the_same_period_and_filters(open_page: OpenPage) -> None:
    page = open_page(f"{PAGE}?period=week&provider=openai")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    head, *lines = download.value.path().read_text().splitlines()
    place = head.split(",").index("provider")
    assert {line.split(",")[place] for line in lines} == {"openai"}
    href = page.get_by_role("link", name="JSON lines").get_attribute("href")
    assert href is not None
    asked = parse_qs(urlsplit(href).query)
    assert asked["format"] == ["jsonl"]
    assert asked["provider"] == ["openai"]


def test_advice_is_shown(open_page: OpenPage) -> None:
    page = open_page(f"{PAGE}?period=quarter")
    expect(page.get_by_role("heading", name="What would have been cheaper")).to_be_visible()
    expect(page.get_by_text("all calls of the last 90 days", exact=False).first).to_be_visible()


def test_a_report_that_can_not_be_had_says_so(open_page: OpenPage) -> None:
    page = open_page(PAGE)
    refusal = {"error": {"code": "storage_unavailable", "message": "The database is away."}}
    page.route("**/api/usage/totals*", lambda route: route.fulfill(status=503, json=refusal))
    page.get_by_role("radio", name="Week").click()
    failure = page.get_by_role("alert").filter(has_text="The database is away.")
    expect(failure).to_be_visible()
    page.unroute("**/api/usage/totals*")
    failure.get_by_role("button", name="Try again").click()
    expect(failure).to_have_count(0)


@pytest.mark.parametrize("width", [1440, 390])
def test_it_is_accessible_with_charts_by_model(open_page: OpenPage, width: int) -> None:
    page = open_page(f"{PAGE}?by=model&period=quarter", width=width)
    expect(page.get_by_role("figure", name="Cost by model")).to_be_visible()
    assert_fits(page)
    assert_accessible(page)
    in_theme(page, "dark")
    assert_accessible(page)


def test_it_is_measured_from_opening_to_its_charts(browser: Browser, laird: House) -> None:
    for name, times in usage_page.measure(browser, laird):
        assert 0 < times.interactive < 60_000, name
        assert 0 < times.charts < 60_000, name


def test_the_scripts_of_its_first_load_stay_small(browser: Browser, laird: House) -> None:
    sizes = usage_page.scripts(browser, laird)
    assert any(name.startswith("Usage-") for name in sizes)
    assert sum(sizes.values()) < usage_page.SCRIPT_BYTES, sizes
