"""Modules that are loaded when a command comes to need them.

All commands are known to each call of `laird`, and most of them need none of what the server is
made of: so `laird --help`, and whatever a running server answers, need not wait for it.
"""

from __future__ import annotations

import importlib
from typing import Any


class Late:
    """Stands for a module until something of it is asked for."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self._name), attribute)
