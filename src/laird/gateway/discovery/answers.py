"""What a server answered to one question, ready to be recognised."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

_TEXT = 300


class Answer(msgspec.Struct, frozen=True):
    """An answer's Server header and body. Statuses say nothing: some servers send 200 for all."""

    server: str
    raw: bytes
    body: Any
    """The parsed JSON, or None where it is none."""
    text: str
    """The beginning of a body that is no JSON."""

    @classmethod
    def read(cls, server: str, raw: bytes) -> Answer:
        """Parse a body."""
        try:
            return cls(server, raw, orjson.loads(raw), "")
        except orjson.JSONDecodeError:
            return cls(server, raw, None, raw[:_TEXT].decode("utf-8", "replace").strip())

    def get(self, *path: str) -> Any:
        """Return the value at a path of keys, or None where there is none."""
        value = self.body
        for key in path:
            if not isinstance(value, dict):
                return None
            value = value.get(key)
        return value

    @property
    def rows(self) -> list[dict[str, Any]] | None:
        """The rows of a list in OpenAI's form, or None where it is no such list."""
        data = self.get("data")
        # Ollama without a model says null.
        if data is None and self.get("object") == "list" and "data" in self.body:
            return []
        if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
            return None
        return data

    @property
    def owners(self) -> frozenset[str]:
        """Who owns the listed models, by `owned_by`; empty where one does not say."""
        rows = self.rows or []
        owners = [owner for row in rows if isinstance(owner := row.get("owned_by"), str)]
        return frozenset(owners) if len(owners) == len(rows) else frozenset()

    @property
    def complaint(self) -> str:
        """The words of an error, in whichever of the usual forms it is."""
        for path in (("error", "message"), ("error",), ("detail", "msg"), ("detail",)):
            words = self.get(*path)
            if isinstance(words, str):
                return words
        return self.text
