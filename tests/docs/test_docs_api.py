"""docs/api.md tells of every route, error code and header."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.docs.pages import page, rows, section
from tests.support.documents import document

import laird.api
from laird.api.asgi import _ALLOWED, MethodUnknown, RouteUnknown
from laird.api.errors import status_of
from laird.config.settings import Settings
from laird.domain import errors
from laird.wiring.program import open_program
from laird.wiring.routes import inference_routes

PAGE = page("api.md")
MADE_AT_THE_EDGE = {
    RouteUnknown.code: 404,
    MethodUnknown.code: 405,
    "request_timeout": 408,
    "uri_too_long": 414,
    "headers_too_large": 431,
    "too_many_connections": 503,
}


def concrete(root: type[errors.LairdError]) -> Iterator[type[errors.LairdError]]:
    """Yield the errors that are raised: the leaves of the tree in `laird.domain.errors`."""
    below = [each for each in root.__subclasses__() if each.__module__ == errors.__name__]
    if not below:
        yield root
    for each in below:
        yield from concrete(each)


# A server that can't start answers nobody.
RAISED: list[type[errors.LairdError]] = [
    each for each in concrete(errors.LairdError) if each is not errors.StartError
]


def statuses(code: str) -> set[str]:
    return set(re.findall(r"\d{3}", rows(section(PAGE, "Errors"))[code][0]))


@pytest.mark.parametrize("error", RAISED, ids=lambda error: error.__name__)
def test_every_error_has_a_row_with_its_status(error: type[errors.LairdError]) -> None:
    raised = error.__new__(error)
    if isinstance(raised, errors.UpstreamRejected):
        raised.status = 400
    assert str(status_of(raised)) in statuses(error.code)


@pytest.mark.parametrize("code", MADE_AT_THE_EDGE)
def test_every_error_of_the_edge_has_a_row_with_its_status(code: str) -> None:
    assert str(MADE_AT_THE_EDGE[code]) in statuses(code)


def test_no_code_is_told_of_that_does_not_exist() -> None:
    known = {errors.LairdError.code, *(error.code for error in RAISED)} | MADE_AT_THE_EDGE.keys()
    assert rows(section(PAGE, "Errors")).keys() == known


def told_routes() -> set[str]:
    return {name for name in rows(PAGE) if re.match(r"[A-Z]+ /", name)}


async def test_every_route_is_told_of_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "providers.yaml").write_text(document("  []\n"))
    settings = Settings.load({"home": tmp_path})
    async with open_program(settings, serving=False) as program:
        administration = await program.app._admin.loaded()  # type: ignore[attr-defined]
        described = administration.openapi()["paths"]
    routes = {
        f"{method.upper()} {path}" for path, methods in described.items() for method in methods
    }
    routes |= {f"{method} {path}" for path, methods in _ALLOWED.items() for method in methods}
    routes |= {f"POST {path}" for path in inference_routes()}
    assert told_routes() == routes


def test_every_header_of_ours_is_told_of() -> None:
    files = Path(laird.api.__file__).parent.glob("*.py")
    used = {
        name
        for file in files
        for name in re.findall(r'(x-laird-[a-z-]+)(?:"|: )', file.read_text())
    }
    assert used == {name for name in rows(PAGE) if name.startswith("x-laird-")}
