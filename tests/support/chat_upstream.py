"""A scripted upstream that is well when it is probed, so that scripts are for chats alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support import openai_wire
from tests.support.answers import json_answer
from tests.support.upstream import Received, ScriptedUpstream

MODELS = {"object": "list", "data": [{"id": "m", "object": "model", "owned_by": "test"}]}


def prepared(upstream: ScriptedUpstream) -> ScriptedUpstream:
    """Let probes succeed, and chats be answered when nothing else is scripted."""
    upstream.on("/v1/models", json_answer(MODELS))
    upstream.always(json_answer(openai_wire.COMPLETION))
    return upstream


@asynccontextmanager
async def chat_upstream(port: int = 0) -> AsyncIterator[ScriptedUpstream]:
    """Run one."""
    async with ScriptedUpstream(port=port) as upstream:
        yield prepared(upstream)


def chats(upstream: ScriptedUpstream) -> list[Received]:
    """Return the chat requests that came, without the probes."""
    return [one for one in upstream.requests if one.path.endswith("/chat/completions")]
