"""What the tests of the runtime share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

from laird.domain.catalog import Timeouts
from laird.domain.local_models import MemoryNeed, RunnableModel, RunSettings
from laird.runtime.transport import LlamaTransport, origin_of_model
from laird.transport.base import RequestHead, UpstreamRequest

Said = Mapping[str, str]
TIMEOUTS = Timeouts(total=60.0)


def model_at(
    path: Path | str, name: str, *, need: int = 100, slots: int = 1, context: int = 256, **more: Any
) -> RunnableModel:
    """Return a model that takes `need` bytes."""
    settings = RunSettings(context_size=context, gpu_layers=0, slots=slots)
    weights = MemoryNeed(weights=need, context=0, overhead=0)
    return RunnableModel(id=name, path=str(path), need=weights, settings=settings, **more)


def chat(model_id: str, **more: Any) -> UpstreamRequest:
    """Return a chat request for a model, with a placeholder for its key."""
    head = RequestHead(
        "POST",
        origin_of_model(model_id),
        "/v1/chat/completions",
        (("content-type", "application/json"), ("Authorization", "Bearer placeholder")),
    )
    question = [{"role": "user", "content": "hi"}]
    body = {"model": model_id, "messages": question, "temperature": 0, **more}
    return UpstreamRequest(head, orjson.dumps(body))


def endless(model_id: str, **more: Any) -> UpstreamRequest:
    """Return a request whose answer takes a model with a large context many seconds."""
    return chat(model_id, ignore_eos=True, max_tokens=100_000, **more)


def taking(pieces: list[bytes]) -> Callable[[bytes], bool]:
    """Return what takes all pieces of a body."""

    def take(piece: bytes) -> bool:
        pieces.append(piece)
        return True

    return take


async def ask(
    transport: LlamaTransport, model_id: str, timeouts: Timeouts = TIMEOUTS, **more: Any
) -> str:
    """Return what a model says."""
    response = await transport.send(chat(model_id, **more), timeouts)
    try:
        body = orjson.loads(await response.read(1_000_000))
        assert response.status == 200, body
    finally:
        response.close()
    text: str = body["choices"][0]["message"]["content"]
    return text
