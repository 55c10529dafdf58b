"""Images and files as parts of a turn: inline as base64 text, or by an address Google fetches.

Wire facts: `google.genai.types.Blob` and `FileData`, and Google's page on ways to give files.
"""

from __future__ import annotations

import mimetypes
from typing import Any
from urllib.parse import urlsplit

from laird.domain.chat import Document, Image

_BASE64_STARTS = {
    "/9j/": "image/jpeg",
    "iVBORw0KGgo": "image/png",
    "UklGR": "image/webp",
    "R0lGOD": "image/gif",
    "JVBERi": "application/pdf",
}
_FETCHED = ("https://", "gs://")


def media_part(media: Image | Document) -> dict[str, Any]:
    """Return the part. Raises `ValueError` with the reason where there is none."""
    if media.data is not None:
        media_type = media.media_type or _sniffed(media)
        if media_type is None:
            msg = "the media type of a file is not given and can't be told; name it."
            raise ValueError(msg)
        return {"inlineData": {"mimeType": media_type, "data": media.data}}
    if media.url is None or not media.url.startswith(_FETCHED):
        msg = "a file is base64 data, or an address that begins with https:// or gs://."
        raise ValueError(msg)
    media_type = media.media_type or mimetypes.guess_type(urlsplit(media.url).path)[0]
    named = {"mimeType": media_type} if media_type else {}
    return {"fileData": {**named, "fileUri": media.url}}


def _sniffed(media: Image | Document) -> str | None:
    data = media.data or ""
    for start, kind in _BASE64_STARTS.items():
        if data.startswith(start):
            return kind
    name = media.name if isinstance(media, Document) else None
    return mimetypes.guess_type(name)[0] if name else None
