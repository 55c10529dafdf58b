"""Prints the OpenAPI document without a running server: `python -m laird.api.describe`."""

from __future__ import annotations

import json
import sys
from typing import Any

from laird.api.admin.app import build_admin
from laird.api.admin.context import Admin


class _Absent:
    """Stands for a part that describing does not need."""

    def __getattr__(self, _name: str) -> _Absent:
        return self


def document() -> dict[str, Any]:
    """Return the description of all routes."""
    parts: dict[str, Any] = {name: _Absent() for name in Admin.__struct_fields__}
    return build_admin(Admin(**parts)).openapi()


def text() -> str:
    """Return the description as it is kept in `web/openapi.json`."""
    plain = document()
    plain["info"]["version"] = "0"
    return json.dumps(plain, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
