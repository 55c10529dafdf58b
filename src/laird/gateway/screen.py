"""What stands before planning: is this request sensitive, by the document's privacy rules?

The verdict goes into the caller, as that of a header or of a key's policy does, so that everything
that follows (plan, each hop, continuation, memory, cache, ledger) holds to it in the same way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any

import msgspec

from laird.domain.errors import RefusedByPrivacy
from laird.domain.keys import Caller
from laird.domain.privacy import Action, PrivacyPolicy, Verdict
from laird.gateway.call import Answering, Call, Client, Judging, Trace
from laird.privacy.apart import DetectorFailed
from laird.privacy.harmless import is_plain
from laird.privacy.policy import Policy, Standing
from laird.privacy.reader import Reader
from laird.telemetry.logs import get_logger
from laird.telemetry.metrics import Metrics

_log = get_logger("privacy")

_SHORT = 16 * 1024
"""Bytes of a body that is worth a glance as a whole; of a longer one, message after message is."""
_WISHES = frozenset({"header", "key"})
"""Reasons that the client or its key gives with every request: no news for the log."""


class Screen:
    """Judges requests by the policy in force."""

    def __init__(self, metrics: Metrics, reader: Reader | None = None) -> None:
        self.reader = reader or Reader()
        self.policy: Policy | None = None
        """None while the document asks for nothing."""
        self._metrics = metrics
        self._wanted = asyncio.Event()

    def use(self, policy: PrivacyPolicy | None, aliases: Mapping[str, str]) -> None:
        """Judge by another policy. One that says the same keeps what is known of messages.

        `aliases` are the names of models that mean others.
        """
        if policy is None:
            self.policy = None
            return
        before, known = self.policy, None
        if before is not None and before.policy == policy:
            if before.aliases == aliases:
                return
            known = before.known
        self.policy = Policy(policy, aliases, known)
        if self.policy.reads:
            self._wanted.set()

    async def judge(
        self,
        policy: Policy,
        caller: Caller,
        body: Mapping[str, Any],
        model: str,
        trace: Trace | None,
    ) -> Caller:
        """Return the caller with the verdict on what is asked. Raises `RefusedByPrivacy`."""
        standing = policy.standing(caller.key, caller.workflow, model)
        if not _matters(standing, caller):
            return self._settled(standing.certain, caller, trace)
        try:
            found = await self.reader.read(policy.known, body, standing.sought)
        except DetectorFailed as failure:
            return self._settled(_unread(standing, failure), caller, trace)
        return self._settled(standing.judge(found), caller, trace)

    def passed(self, call: Call) -> Call | None:
        """Return the call with its verdict where it is plain that it may go anywhere, else None."""
        policy, caller = self.policy, call.caller
        if policy is None or not 0 < call.size <= _SHORT:
            return None
        if caller.local_only or caller.privacy_reason is not None:
            return None
        model = call.facts.model
        standing = policy.standing(caller.key, caller.workflow, model)
        if standing.plain and is_plain(call.body, model):
            return msgspec.structs.replace(call, screened=policy)
        return None

    def judge_now(
        self,
        policy: Policy,
        caller: Caller,
        body: Mapping[str, Any],
        model: str,
        trace: Trace | None,
    ) -> Caller | None:
        """Return what `judge` does where that needs no waiting, else None."""
        standing = policy.standing(caller.key, caller.workflow, model)
        if not _matters(standing, caller):
            return self._settled(standing.certain, caller, trace)
        try:
            found = self.reader.glance(policy.known, body, standing.sought)
        except DetectorFailed as failure:
            return self._settled(_unread(standing, failure), caller, trace)
        if found == 0 and standing.open and not standing.plain:
            standing.plain = body.get("model") == model
        return None if found is None else self._settled(standing.judge(found), caller, trace)

    def _settled(self, verdict: Verdict, caller: Caller, trace: Trace | None) -> Caller:
        if verdict.action is Action.REFUSE:
            reason = verdict.reason or ""
            if trace is not None:
                self._note_refusal(reason, caller, trace)
            raise RefusedByPrivacy(reason)
        if verdict.reason is None or caller.local_only:
            return caller
        local = verdict.action is Action.LOCAL
        return msgspec.structs.replace(caller, local_only=local, privacy_reason=verdict.reason)

    def note(self, caller: Caller, trace: Trace) -> None:
        """Write into the trace what a request may reach and why, and count it."""
        verdict = "local" if caller.local_only else "any"
        told = f"{verdict}; reason={caller.privacy_reason}"
        if trace.privacy == told:
            return
        trace.privacy = told
        self._metrics.privacy(verdict)
        if caller.privacy_reason not in _WISHES:
            _log.info(
                "sensitive",
                request_id=trace.request_id,
                key=caller.key.name,
                verdict=verdict,
                reason=caller.privacy_reason,
            )

    def _note_refusal(self, reason: str, caller: Caller, trace: Trace) -> None:
        trace.privacy = f"refuse; reason={reason}"
        self._metrics.privacy("refuse")
        _log.warning("refused", request_id=trace.request_id, key=caller.key.name, reason=reason)

    async def run(self) -> None:
        """Load detectors when they come to be needed, before a request has to wait for them."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                await self.reader.warm_up()
            except DetectorFailed as failure:
                # Requests will try again, and count as sensitive while it fails.
                _log.error("detectors can't be loaded", cause=str(failure))

    async def close(self) -> None:
        """End what was started for it."""
        await self.reader.close()


def _matters(standing: Standing, caller: Caller) -> bool:
    """Tell whether it matters what is in the text of one who asks."""
    return standing.asks(Action.LOCAL if caller.local_only else Action.ANY)


def _unread(standing: Standing, failure: DetectorFailed) -> Verdict:
    _log.error("detection failed", cause=str(failure))
    return standing.judge_failure()


class Screened:
    """Has requests judged before anything else sees them. See `Gateway.answer`."""

    def __init__(self, screen: Screen, gateway: Judging, answering: Answering) -> None:
        """`answering` answers them then."""
        self._screen = screen
        self._gateway = gateway
        self._answering = answering

    def answer(
        self, call: Call, client: Client, trace: Trace, task: asyncio.Task[Any]
    ) -> Coroutine[Any, Any, None]:
        """Answer one request through `client`. Raises `RefusedByPrivacy` too."""
        if self._screen.policy is None and call.caller.privacy_reason is None:
            return self._answering.answer(call, client, trace, task)
        screened = self._screen.passed(call) or self._gateway.screened_now(call, trace)
        if screened is not None:
            return self._answering.answer(screened, client, trace, task)
        return self._answer(call, client, trace, task)

    async def _answer(
        self, call: Call, client: Client, trace: Trace, task: asyncio.Task[Any]
    ) -> None:
        call = await self._gateway.screened(call, trace)
        await self._answering.answer(call, client, trace, task)
