"""What a browser gets from the dashboard's folder: pages, assets, caching, safety."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from tests.support.client import Client
from tests.support.documents import document
from tests.support.laird import running_laird

BROWSER = {"accept": "text/html,application/xhtml+xml", "accept-encoding": "gzip, br"}
SCRIPT = b"console.log('hello');" * 100


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>Laird</title>" + " " * 600)
    (folder / "assets" / "index-abc.js").write_bytes(SCRIPT)
    (folder / "favicon.svg").write_text("<svg/>")
    monkeypatch.setenv("LAIRD_DASHBOARD", str(folder))
    return folder


async def test_pages_and_assets(tmp_path: Path, built: Path) -> None:
    async with running_laird(tmp_path / "home", document()) as laird:
        client = laird.client()
        for path in ("/", "/models/usage", "/setup?token=x"):
            page = await client.request("GET", path, headers=BROWSER)
            assert page.status == 200, path
            assert page.headers["content-type"] == "text/html; charset=utf-8"
            assert page.headers["cache-control"] == "no-cache"
            assert "default-src 'none'" in page.headers["content-security-policy"]
            assert page.headers["x-content-type-options"] == "nosniff"
            assert gzip.decompress(page.body).startswith(b"<!doctype html>")
        script = await client.request("GET", "/assets/index-abc.js")
        assert script.body == SCRIPT
        assert "immutable" in script.headers["cache-control"]
        known = {"if-none-match": script.headers["etag"]}
        assert (await client.request("GET", "/assets/index-abc.js", headers=known)).status == 304
        head = await client.request("HEAD", "/", headers=BROWSER)
        assert (head.status, head.body) == (200, b"")


async def test_what_is_no_page_stays_an_error(tmp_path: Path, built: Path) -> None:
    async with running_laird(tmp_path / "home", document()) as laird:
        client = laird.client()
        for path in ("/assets/gone-123.js", "/v1/nothing", "/assets/../providers.yaml"):
            assert (await client.request("GET", path, headers=BROWSER)).status == 404, path
        assert (await client.request("POST", "/models", {})).status == 404
        assert (await client.request("GET", "/nothing")).status == 404


async def test_where_nothing_is_built_a_page_says_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("laird.api.asgi.find_files", lambda: None)
    async with running_laird(tmp_path / "home", document()) as laird:
        client: Client = laird.client()
        page = await client.request("GET", "/", headers={"accept": "text/html"})
        assert b"make dashboard" in page.body
