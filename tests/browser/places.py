"""The places of the dashboard's navigation, read from where the dashboard has them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, NamedTuple, get_args

Role = Literal["viewer", "operator", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
"""From the least to the most."""

_NAVIGATION = Path(__file__).parents[2] / "web" / "src" / "app" / "navigation.ts"
_PLACE = re.compile(r"\{([^{}]*\bto: *\"[^{}]*)\}")


class Place(NamedTuple):
    """A page that the navigation leads to."""

    to: str
    label: str
    role: Role
    """The least role that sees it."""
    key: str
    """The letter after `g` that leads there."""

    def open_to(self, role: Role) -> bool:
        """Tell whether a role sees it."""
        return ROLES.index(role) >= ROLES.index(self.role)


def places() -> list[Place]:
    """Return all places, in their order."""
    entries = (
        dict(re.findall(r"(\w+): *\"([^\"]*)\"", entry))
        for entry in _PLACE.findall(_NAVIGATION.read_text())
    )
    found = [
        Place(
            entry["to"], entry["label"], next(r for r in ROLES if r == entry["role"]), entry["key"]
        )
        for entry in entries
    ]
    assert found, f"no place was found in {_NAVIGATION}"
    return found


PLACES = places()
