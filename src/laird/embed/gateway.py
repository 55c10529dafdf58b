"""The gateway inside a program: requests without HTTP, by the same way as all others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
import orjson

from laird.api.inference import new_request_id, parse_object
from laird.api.model_list import ListedModel, listed_models
from laird.dialects.embeddings import OpenAIEmbeddings
from laird.domain.cache import CacheWish
from laird.domain.errors import InvalidRequest, NotFound
from laird.domain.keys import ApiKey, Caller, PrivacyClass
from laird.domain.plan import RequestFacts
from laird.domain.tokens import TokenUsage
from laird.embed.listening import ListeningChat, Pieces, WholeAnswer
from laird.embed.results import (
    Answer,
    Candidate,
    Explanation,
    LeftOut,
    ModelInfo,
    Vectors,
)
from laird.embed.stream import ChatStream, answer_of, served
from laird.gateway.call import Call, Client, Trace
from laird.providers.openai_events import read_completion
from laird.routing.explain import explain
from laird.wiring.program import Program

Messages = str | Sequence[Mapping[str, Any]]
"""Messages in OpenAI's form; a text is one message of the user."""
Privacy = Literal["local"]
Cache = Literal["use", "refresh", "off"]

_EMBEDDINGS = OpenAIEmbeddings()
_CALL_REASON = "call"
_NOBODY = Caller(key=ApiKey(id="", name="", digest="", prefix="", created_us=0))


class Gateway:
    """A running Laird, as `laird.open` gives it. Any number of calls may be under way at once.

    Every call takes what says who asks and how: `caller` (the name of a key of this home, whose
    rules hold then, or any other name; the one given to `laird.open` without it), `workflow` and
    `node` (kept in the ledger), `privacy="local"` (only local models may be asked) and `cache`.
    All raise a `LairdError` that says what went wrong; its `code` is that of the HTTP API.
    """

    def __init__(self, program: Program, caller: str) -> None:
        self.program = program
        """The parts behind it, for those who know them; they may change with any version."""
        self._caller = caller

    async def chat(
        self,
        messages: Messages,
        *,
        model: str = "auto",
        caller: str | None = None,
        workflow: str | None = None,
        node: str | None = None,
        privacy: Privacy | None = None,
        cache: Cache | None = None,
        **fields: Any,
    ) -> Answer:
        """Ask for a chat completion; `fields` are all others of OpenAI's request.

        Cancelling the task that waits for it cancels the request at the provider.
        """
        who = self._asking(caller, workflow, node, privacy)
        call = _chat_call(messages, model, fields, who, cache)
        if call.facts.stream:
            raise InvalidRequest("Use stream() for an answer piece by piece.", param="stream")
        client, trace = WholeAnswer(), Trace(call.request_id)
        await self._answer(call, client, trace)
        whole = read_completion(client.body, provider=trace.provider)
        return answer_of(whole, trace, orjson.loads(client.body))

    def stream(
        self,
        messages: Messages,
        *,
        model: str = "auto",
        caller: str | None = None,
        workflow: str | None = None,
        node: str | None = None,
        privacy: Privacy | None = None,
        cache: Cache | None = None,
        carry_on: bool = False,
        **fields: Any,
    ) -> ChatStream:
        """Ask for a chat completion piece by piece.

        With `carry_on`, prose that breaks off goes on with the next candidate.
        """
        who = self._asking(caller, workflow, node, privacy)
        call = _chat_call(messages, model, {**fields, "stream": True}, who, cache)
        call = msgspec.structs.replace(call, include_usage=True, carry_on=carry_on)
        trace = Trace(call.request_id)

        async def start(pieces: Pieces) -> None:
            await self._answer(call, pieces, trace)

        dialect = call.dialect
        assert isinstance(dialect, ListeningChat)  # noqa: S101 - `_chat_call` makes no other
        return ChatStream(start, trace, lambda: dialect.failure)

    async def embed(
        self,
        texts: str | Sequence[str],
        *,
        model: str = "auto",
        caller: str | None = None,
        workflow: str | None = None,
        node: str | None = None,
        privacy: Privacy | None = None,
        **fields: Any,
    ) -> Vectors:
        """Ask for the vectors of texts; `fields` are all others of OpenAI's request."""
        who = self._asking(caller, workflow, node, privacy)
        if fields.get("encoding_format", "float") != "float":
            raise InvalidRequest("Vectors come as numbers here.", param="encoding_format")
        size, body = _parsed({**fields, "model": model, "input": texts})
        call = Call(
            request_id=new_request_id(),
            dialect=_EMBEDDINGS,
            embedding=_EMBEDDINGS,
            body=body,
            facts=_EMBEDDINGS.facts(body),
            caller=who,
            began=time.monotonic(),
            size=size,
        )
        client, trace = WholeAnswer(), Trace(call.request_id)
        await self._answer(call, client, trace)
        raw = orjson.loads(client.body)
        usage = raw.get("usage")
        return Vectors(
            **served(trace),
            usage=None if not usage else TokenUsage(prompt=usage["prompt_tokens"]),
            vectors=tuple(tuple(row["embedding"]) for row in raw["data"]),
            raw=raw,
        )

    async def explain(
        self,
        messages: Messages = "",
        *,
        model: str = "auto",
        caller: str | None = None,
        workflow: str | None = None,
        privacy: Privacy | None = None,
        **fields: Any,
    ) -> Explanation:
        """Say where a chat request would go and why, and send nothing."""
        who = self._asking(caller, workflow, None, privacy)
        call = _chat_call(messages, model, fields, who, None)
        gateway = self.program.gateway
        who = await gateway.judged(call.body, call.facts, who, Trace(call.request_id))
        plan = explain(gateway.weigh(call.facts, who, call.size))
        return Explanation(
            requested=plan["requested"],
            resolved=plan["resolved"],
            strategy=plan["strategy"],
            attempts=tuple(msgspec.convert(one, Candidate) for one in plan["attempts"]),
            dropped=tuple(msgspec.convert(one, LeftOut) for one in plan["dropped"]),
            local_only=who.local_only,
            privacy_reason=who.privacy_reason,
        )

    def models(
        self, *, caller: str | None = None, privacy: Privacy | None = None
    ) -> tuple[ModelInfo, ...]:
        """Return the names that may be asked for."""
        who = self._asking(caller, None, None, privacy)
        names = self.program.gateway.runtime.names
        return tuple(_model_info(one) for one in listed_models(names, who))

    async def _answer(self, call: Call, client: Client, trace: Trace) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - it runs this
        await self.program.answering.answer(call, client, trace, task)

    def _asking(
        self, caller: str | None, workflow: str | None, node: str | None, privacy: Privacy | None
    ) -> Caller:
        """Return who asks. Raises `InvalidKey` for a key that is disabled or has expired."""
        name = self._caller if caller is None else caller
        now_us = time.time_ns() // 1000
        try:
            key = self.program.keys.named(name, now_us)
        except NotFound:
            key = ApiKey(id=f"caller:{name}", name=name, digest="", prefix="", created_us=0)
        local_only, reason = False, None
        if key.privacy is PrivacyClass.LOCAL_ONLY:
            local_only, reason = True, "key"
        elif privacy is not None:
            if privacy != "local":
                raise InvalidRequest("privacy knows one value: 'local'.", param="privacy")
            local_only, reason = True, _CALL_REASON
        return Caller(
            key=key, local_only=local_only, privacy_reason=reason, workflow=workflow, node=node
        )


def _chat_call(
    messages: Messages, model: str, fields: Mapping[str, Any], who: Caller, cache: Cache | None
) -> Call:
    said = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
    size, body = _parsed({**fields, "model": model, "messages": said})
    dialect = ListeningChat()
    return Call(
        request_id=new_request_id(),
        dialect=dialect,
        chat=dialect,
        body=body,
        facts=dialect.facts(body),
        caller=who,
        began=time.monotonic(),
        size=size,
        cache=None if cache is None else _wish(cache),
    )


def chat_facts(messages: Messages, model: str, fields: Mapping[str, Any]) -> RequestFacts:
    """Return what a chat request needs. Raises `InvalidRequest`."""
    return _chat_call(messages, model, fields, _NOBODY, None).facts


def _parsed(body: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]]:
    """Return a body as it would come by HTTP, and its bytes: nothing of the caller's is shared."""
    try:
        raw = orjson.dumps(body)
    except TypeError as error:
        raise InvalidRequest(f"The request can't be written as JSON: {error}.") from None
    return len(raw), parse_object(raw)


def _wish(cache: str) -> CacheWish:
    try:
        return CacheWish(cache)
    except ValueError:
        raise InvalidRequest("cache is 'use', 'refresh' or 'off'.", param="cache") from None


def _model_info(listed: ListedModel) -> ModelInfo:
    model = listed.model
    return ModelInfo(
        id=listed.id,
        title=listed.title,
        owner=listed.owner,
        egress=listed.egress.value,
        context_window=None if model is None else model.context_window,
        max_tokens=None if model is None else model.max_tokens,
    )
