"""Knowing a chunk of plain text without parsing it.

The chunks of one stream differ in their text alone (and in OpenAI's random `obfuscation`). Once one
was parsed, the bytes around its text are a pattern; another chunk with the same bytes around a text
that needs no escape is the same JSON with another string in it, and needs no parser.
"""

from __future__ import annotations

import msgspec

from laird.wire.openai import WireChunk, WireDelta, read_chunk

_MARK = "\N{REFERENCE MARK} a mark that no server sends \N{REFERENCE MARK}"
_PADDING = b',"obfuscation":"'


class PlainChunk(msgspec.Struct, frozen=True):
    """The pattern of a stream's text chunks."""

    before: bytes
    """All up to the text."""
    before_length: int
    after: bytes
    """All from the quote that closes the text, up to the padding where there is one."""
    after_length: int
    padded: bool
    """What follows `after` is a random string, then `"}`."""

    def text_length(self, data: bytes, stop: int) -> int:
        """Return the characters of text in the chunk `data[:stop]`, or -1 for another form."""
        if not data.startswith(self.before):
            return -1
        begin = self.before_length
        quote = data.find(b'"', begin, stop)
        if quote < 0 or not data.startswith(self.after, quote):
            return -1
        end = quote + self.after_length
        if self.padded:
            if not data[end : stop - 2].isalnum() or not data.startswith(b'"}', stop - 2):
                return -1
        elif end != stop:
            return -1
        try:
            text = data[begin:quote].decode()
        except UnicodeDecodeError:
            return -1
        # Printable means: no control character, which JSON forbids inside a string.
        return len(text) if text.isprintable() and "\\" not in text else -1

    def after_prefix(self, prefix: bytes) -> PlainChunk:
        """Return the pattern of the same chunk with something in front of it."""
        before = prefix + self.before
        return msgspec.structs.replace(self, before=before, before_length=len(before))


NO_PATTERN = PlainChunk(b"\x00", 1, b"\x00", 1, padded=False)
"""Fits no chunk: JSON holds no NUL."""


def learn_plain(payload: bytes, chunk: WireChunk) -> PlainChunk | None:
    """Return the pattern of a chunk, or None when it is more than some text of one choice.

    That the bytes found are the text's place is proved by parsing the pattern with another text.
    """
    text = _only_text(chunk)
    if not text or not text.isprintable() or '"' in text or "\\" in text:
        return None
    place = b'"' + text.encode() + b'"'
    field = b'"content"' if b'"content"' in payload else b'"text"'
    at = payload.find(place, payload.find(field) + len(field))
    if at < 0:
        return None
    before, after = payload[: at + 1], payload[at + len(place) - 1 :]
    try:
        proof = read_chunk(before + _MARK.encode() + after)
    except ValueError:
        return None
    if _only_text(proof) != _MARK:
        return None
    padding = after.rfind(_PADDING)
    padded = padding >= 0 and after[padding + len(_PADDING) : -2].isalnum()
    padded = padded and after.endswith(b'"}')
    if padded:
        after = after[: padding + len(_PADDING)]
    return PlainChunk(before, len(before), after, len(after), padded)


def _only_text(chunk: WireChunk) -> str | None:
    choices = chunk.choices
    if chunk.error or chunk.usage is not None or chunk.provider is not msgspec.UNSET:
        return None
    if choices is None or len(choices) != 1 or choices[0].finish_reason:
        return None
    delta = choices[0].delta
    if delta is None:
        return choices[0].text
    return delta.content if delta == WireDelta(delta.content) else None
