"""docs/support.md says what the adapters do, and what the suite has seen them do."""

from __future__ import annotations

import pytest
from tests.clients.house import KINDS
from tests.clients.scenarios import SCENARIOS
from tests.clients.support_table import PAGE, _ability, _adapter, page
from tests.providers.profiles import Profile

from laird.domain.local_models import LIBRARY
from laird.providers.registry import KINDS as REGISTERED

ALIKE = {"a forced tool": "tool_named", "images": "vision", "`json_schema`": "json_schema"}


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "run: python -m tests.clients.support_table"


def test_every_kind_is_in_the_suite() -> None:
    tested = {profile.provider("http://127.0.0.1:1").kind for profile in KINDS}
    # What runs inside Laird has no upstream to script; tests/process speaks to real models.
    assert tested | {"demo", LIBRARY} == REGISTERED.keys()


@pytest.mark.parametrize("profile", KINDS, ids=[profile.name for profile in KINDS])
@pytest.mark.parametrize("ability", ALIKE)
def test_the_page_and_the_suite_agree(profile: Profile, ability: str) -> None:
    kind = REGISTERED[profile.provider("http://127.0.0.1:1").kind]
    told = _ability(_adapter(kind), ability) == "yes"
    lacks = SCENARIOS[ALIKE[ability]].lacking in profile.lacks.requests
    assert told is not (lacks or (ability == "images" and kind.capabilities.vision is False))
