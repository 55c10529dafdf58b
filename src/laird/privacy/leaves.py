"""All text in a piece of JSON, whatever its field, and whether there is something else in it.

Nothing is left out for want of knowing a field: names of fields, numbers, JSON and base64 within
text are read as well. What can't be read as text, such as an image, is told of.
"""

from __future__ import annotations

import base64
import binascii
import re
from contextlib import suppress
from typing import Any

import msgspec
import orjson

from laird.privacy.harmless import ROLES

_LONG_NUMBER = 10**6
_LONGEST_HEAD = 4096
_SHORTEST_BLOB = 200
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}\Z", re.ASCII)
_SHORTEST_INNER = 24
_INNER_BASE64 = re.compile(rf"[A-Za-z0-9+/_-]{{{_SHORTEST_INNER},}}={{0,2}}", re.ASCII)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_DATA_URL = re.compile(r"data:([^,;]{0,100})([^,]{0,200}),", re.IGNORECASE)

_DATA_URL_COLON = len("data:")
_OPENING = frozenset("{[")

_POINTERS = frozenset({"image_url", "file_url", "video_url", "audio_url"})
"""Fields with the address of something that is no text; what lies there was not looked into."""
_SEALED_KINDS = frozenset(
    {"image", "image_url", "input_image", "input_audio", "audio", "video", "video_url"}
)
_PROVIDERS_OWN = frozenset(
    {"signature", "encrypted_content", "thought_signature", "thoughtSignature", "encrypted_index"}
)
"""Fields in which providers get back what they gave out: theirs already, and sealed by them."""
_REDACTED = "redacted_thinking"
_TOKEN_FIELDS = frozenset({"input", "prompt"})
"""Fields in which text may come as numbers of tokens."""

_PLAIN_NAMES = frozenset({"content", "model", "name", "role", "stream", "text", "type"})
"""Names of fields in nearly every message, which hide nothing."""

_MESSAGE = ("role", "content")
"""The fields of most messages."""

_Stack = list[tuple[str, str, Any]]
"""What is still to be looked at: a name that stands before it or "", the field it is in, itself."""


class Leaves(msgspec.Struct):
    """What a piece of JSON holds."""

    texts: list[str]
    sealed: bool = False
    """There is something that is no text: an image, a document, audio, numbers of tokens."""

    @property
    def text(self) -> str:
        """All of it in one, in order: a value stands behind the name of its field."""
        return "\n".join(self.texts)


def leaves(value: object) -> Leaves:
    """Return the text in a piece of parsed JSON."""
    if type(value) is dict and len(value) == len(_MESSAGE):
        role, content = value.get("role"), value.get("content")
        if (
            type(role) is str
            and role in ROLES
            and type(content) is str
            and _is_short_prose(content)
        ):
            return Leaves(["role", role, "content", content])
    return _walked(value)


def _is_short_prose(text: str) -> bool:
    """Tell whether nothing can be within a text: no JSON, no base64, no data URL."""
    return (
        len(text) < _SHORTEST_BLOB
        and text[:1] not in _OPENING
        and ":" not in text[:_DATA_URL_COLON]
        and max(map(len, text.split()), default=0) < _SHORTEST_INNER
    )


def _walked(value: object) -> Leaves:
    found = Leaves([])
    stack: _Stack = [("", "", value)]
    while stack:
        name, field, each = stack.pop()
        if name in _PLAIN_NAMES:
            found.texts.append(name)
        elif name:
            _string(name, "", found, stack)
        if isinstance(each, str):
            _string(each, field, found, stack)
        elif isinstance(each, dict):
            _object(each, field, found, stack)
        elif isinstance(each, list):
            if each and isinstance(each[0], int) and field in _TOKEN_FIELDS:
                found.sealed = True
            stack.extend([("", field, one) for one in reversed(each)])
        elif isinstance(each, int | float) and not isinstance(each, bool):
            _number(each, found)
    return found


def _object(each: dict[str, Any], field: str, found: Leaves, stack: _Stack) -> None:
    kind = each.get("type")
    if kind in _SEALED_KINDS or (kind == "url" and field == "source"):
        found.sealed = True
    own = kind == _REDACTED
    for name, value in reversed(each.items()):
        if name in _POINTERS and value is not None:
            found.sealed = True
        stack.append((name, "signature" if own and name == "data" else name, value))


def _number(each: float, found: Leaves) -> None:
    if abs(each) >= _LONG_NUMBER:
        whole = int(each) if isinstance(each, int) or each.is_integer() else each
        found.texts.append(str(whole))


def _string(text: str, field: str, found: Leaves, stack: _Stack) -> None:
    if field in _PROVIDERS_OWN:
        found.texts.append(text)
        return
    # What is asked of the length and of single characters is much cheaper than a pattern.
    size = len(text)
    if ":" in text[:_DATA_URL_COLON]:
        head = _DATA_URL.match(text)
        if head is not None:
            _data_url(text, head, found)
            return
    if size >= _SHORTEST_BLOB and _BASE64.match(text) is not None:
        _blob(text, found)
        return
    found.texts.append(text)
    if text[:1] in _OPENING and "\\" in text:
        with suppress(orjson.JSONDecodeError):
            stack.append(("", "", orjson.loads(text)))
    if size < _SHORTEST_INNER:
        return
    for match in _INNER_BASE64.finditer(text):
        inner = _readable(match[0])
        if inner is not None:
            found.texts.append(inner)


def _data_url(text: str, head: re.Match[str], found: Leaves) -> None:
    data = text[head.end() :]
    if "base64" in head[2].lower():
        _blob(data, found)
    elif head[1].lower().startswith("text/") or not head[1]:
        found.texts.append(data)
    else:
        found.sealed = True
        found.texts.append(data)


def _blob(data: str, found: Leaves) -> None:
    """Take what is base64 as a whole: text is read, anything else is sealed."""
    inner = _readable(data)
    if inner is None:
        found.sealed = True
    else:
        found.texts.append(inner)


def _readable(data: str) -> str | None:
    """Return the text that base64 stands for, or None where it stands for none."""
    head = data[:_LONGEST_HEAD]
    if _text(head[: len(head) // 4 * 4], cut=len(head) < len(data)) is None:
        return None
    return _text(data.rstrip("=")) if len(data) > len(head) else _text(head.rstrip("="))


def _text(data: str, *, cut: bool = False) -> str | None:
    plain = data.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        raw = base64.b64decode(plain + "=" * (-len(plain) % 4))
        text = raw.decode("utf-8", "ignore" if cut else "strict")
    except (binascii.Error, UnicodeDecodeError):
        return None
    if cut and len(text.encode()) < len(raw) - 3:
        return None
    return None if _CONTROLS.search(text) else text
