"""One provider, as a program uses it."""

from __future__ import annotations

from typing import Any

from laird.domain.catalog import FREE, Model
from laird.domain.catalog import Provider as Configured
from laird.domain.errors import CredentialRefused, InvalidRequest, ModelNotFound, NotFound
from laird.domain.health import ProviderCondition
from laird.domain.tokens import TokenUsage
from laird.embed.gateway import Gateway, Messages, chat_facts
from laird.embed.results import Answer, CostEstimate, HealthReport
from laird.embed.stream import ChatStream
from laird.gateway.settle import EXPECTED_OUTPUT_TOKENS
from laird.pricing.cost import cost_nano
from laird.providers.base import FoundModel

_UNSEEN = ProviderCondition()


class Provider:
    """One provider of a running Laird. What it is configured as may change meanwhile.

    Raises `NotFound`, here and later, when there is no such provider (any more).
    """

    def __init__(self, gateway: Gateway, provider_id: str) -> None:
        self.id = provider_id
        self._gateway = gateway
        self._configured()

    async def authenticate(self) -> bool:
        """Try the credential now; False when the provider refuses it.

        Raises another `UpstreamError` when the provider can't be asked.
        """
        try:
            await self.list_models()
        except CredentialRefused:
            return False
        return True

    async def list_models(self) -> tuple[FoundModel, ...]:
        """Ask which models it has. Raises an `UpstreamError`."""
        return await self._gateway.program.inspector.models(self._configured())

    async def health_check(self) -> HealthReport:
        """Probe it now; what is found counts for routing as well."""
        program = self._gateway.program
        found = await program.prober.probe_now(self._configured())
        condition = program.board.conditions.get(self.id, _UNSEEN)
        return HealthReport(
            provider=self.id,
            ok=found.ok,
            status=condition.status.value,
            latency_ms=found.latency_ms,
            error=found.error,
        )

    async def chat(self, messages: Messages, *, model: str | None = None, **fields: Any) -> Answer:
        """Ask it; see `Gateway.chat`. `model` is one of its own, None its default."""
        return await self._gateway.chat(messages, model=self._name(model), **fields)

    def stream(self, messages: Messages, *, model: str | None = None, **fields: Any) -> ChatStream:
        """Ask it for an answer piece by piece; see `Gateway.stream`."""
        return self._gateway.stream(messages, model=self._name(model), **fields)

    def estimate_cost(
        self,
        messages: Messages = "",
        *,
        model: str | None = None,
        prompt_tokens: int | None = None,
        max_tokens: int = EXPECTED_OUTPUT_TOKENS,
        **fields: Any,
    ) -> CostEstimate:
        """Say what a request would cost with so many tokens of output.

        Its tokens are estimated, unless `prompt_tokens` says how many there are.
        """
        priced = self._model(model)
        if prompt_tokens is None:
            prompt_tokens = chat_facts(messages, priced.key, fields).prompt_tokens
        if prompt_tokens < 0 or max_tokens < 0:
            raise InvalidRequest("Tokens can't be fewer than none.", param="max_tokens")
        pricing = priced.pricing if self._configured().cost_tracking else None
        tokens = TokenUsage(prompt=prompt_tokens, completion=max_tokens)
        cost = None
        if pricing is not None:
            cost = 0 if pricing is FREE else cost_nano(pricing, tokens)
        return CostEstimate(
            provider=self.id,
            model=priced.id,
            prompt_tokens=prompt_tokens,
            completion_tokens=max_tokens,
            cost_nano=cost,
        )

    def _configured(self) -> Configured:
        providers = self._gateway.program.configuration.snapshot.providers
        found = providers.get(self.id)
        if found is None:
            raise NotFound(
                f"There is no provider '{self.id}'. There are: {', '.join(providers)}.",
                param="provider",
            )
        return found

    def _name(self, model: str | None) -> str:
        return self.id if model is None else self._model(model).key

    def _model(self, model: str | None) -> Model:
        snapshot = self._gateway.program.configuration.snapshot
        if model is None:
            found = snapshot.defaults.get(self.id)
        else:
            found = snapshot.models.get(f"{self.id}/{model}")
        if found is None:
            own = [each.key for each in snapshot.models.values() if each.provider_id == self.id]
            raise ModelNotFound(self.id if model is None else f"{self.id}/{model}", tuple(own[:5]))
        return found
