"""Documents as Anthropic's `document` blocks. Wire facts: `anthropic.types.DocumentBlockParam`."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from laird.domain.chat import Document

_PDF = "application/pdf"
_PDF_START = "JVBERi0"
"""How a PDF begins in base64."""
_WEB = ("https://", "http://")


def document_block(document: Document) -> dict[str, Any] | None:
    """Return the block, or None for a document of a kind that the API does not read."""
    source = _source(document)
    if source is None:
        return None
    block: dict[str, Any] = {"type": "document", "source": source}
    if document.name:
        block["title"] = document.name
    return block


def _source(document: Document) -> dict[str, Any] | None:
    data, url = document.data, document.url
    if data is None:
        is_web = url is not None and url.lower().startswith(_WEB)
        return {"type": "url", "url": url} if is_web else None
    kind = (document.media_type or "").lower().partition(";")[0].strip()
    if kind == _PDF or (not kind and data.startswith(_PDF_START)):
        return {"type": "base64", "media_type": _PDF, "data": data}
    if kind.startswith("text/") or kind == "application/json":
        try:
            text = base64.b64decode(data, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None
        return {"type": "text", "media_type": "text/plain", "data": text}
    return None
