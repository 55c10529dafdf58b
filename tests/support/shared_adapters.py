"""One set of validators for all administration applications of a test run.

Each test that asks the administration API has an application of its own, and three quarters of the
time to build one goes into validators that are the same in all of them.
"""

from __future__ import annotations

from typing import Any

from fastapi._compat import v2
from pydantic import ConfigDict, TypeAdapter

_made: dict[str, TypeAdapter[Any]] = {}


class _Shared:
    """Stands for `TypeAdapter` where FastAPI makes one."""

    def __class_getitem__(cls, item: Any) -> Any:
        return TypeAdapter[item]

    def __new__(cls, annotation: Any, *, config: ConfigDict | None = None) -> Any:
        name = repr(annotation)
        # A class inside a function may share its name with another one.
        if config is not None or "<locals>" in name:
            return TypeAdapter(annotation, config=config)
        found = _made.get(name)
        if found is None:
            found = _made[name] = TypeAdapter(annotation)
        return found


def share_adapters() -> None:
    """Make validators once from now on, in this process."""
    setattr(v2, "TypeAdapter", _Shared)  # noqa: B010 - the module does not give it out
