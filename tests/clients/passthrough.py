"""Answers of an upstream that speaks a client's own format beside that of its profile.

A profile writes its upstream's chat format. Where a server takes another client format as it is
(OpenAI's own takes Responses), its answers are written by Laird's encoder of that format, whose
output the same SDKs read in the pairs that are translated.
"""

from __future__ import annotations

from tests.providers.contract import as_events
from tests.providers.profiles import Profile
from tests.support.upstream import Answer, sse_answer, text_answer

from laird.dialects.base import ChatDialect
from laird.domain.chat import ChatAnswer
from laird.providers.base import Adapter


def forwards(adapter: Adapter, dialect: str) -> bool:
    """Tell whether requests in this format are passed on as they are."""
    return dialect in adapter.speaks


def whole_answer(
    profile: Profile, adapter: Adapter, dialect: ChatDialect, answer: ChatAnswer
) -> Answer:
    """Return the upstream's whole answer to a request in a client's format."""
    if forwards(adapter, dialect.name) and dialect.name != profile.dialect:
        body = dialect.answer(answer, provider="", created=1)
    else:
        body = profile.answer(answer)
    return text_answer(body, content_type="application/json")


def stream_events(
    profile: Profile, adapter: Adapter, dialect: ChatDialect, answer: ChatAnswer
) -> list[bytes]:
    """Return the upstream's streamed answer, one item per event of its wire."""
    events = as_events(answer)
    if not forwards(adapter, dialect.name) or dialect.name == profile.dialect:
        return profile.stream(events, answer.usage)
    encoder = dialect.encoder(
        request_id="1", model=answer.model, provider="", created=1, include_usage=True
    )
    wire = encoder.encode(events) + encoder.end(answer.usage)
    return [piece + b"\n\n" for piece in wire.split(b"\n\n") if piece]


def stream_answer(
    profile: Profile, adapter: Adapter, dialect: ChatDialect, answer: ChatAnswer
) -> Answer:
    """Return the upstream's streamed answer to a request in a client's format."""
    return sse_answer(stream_events(profile, adapter, dialect, answer))
