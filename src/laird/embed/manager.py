"""Providers, routing and costs, administered by a program."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from laird.config import edit
from laird.domain.catalog import Provider as Configured
from laird.domain.catalog import Snapshot
from laird.domain.errors import ConfigError, InvalidRequest, NotFound
from laird.domain.health import ProviderCondition
from laird.embed.gateway import Gateway
from laird.embed.results import CostLine, CostSummary, HealthReport, ProviderStatus
from laird.usage.summary import By, SummaryRow, summary

_ACTOR = "python"
_DAY_US = 86_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNSEEN = ProviderCondition()


class ProviderManager:
    """Changes the document of a running Laird, as the command line does, and looks at providers.

    Every change is checked whole before it is in force, is in force at once, and is in the history.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._program = gateway.program

    async def add_provider(self, config: Mapping[str, Any]) -> ProviderStatus:
        """Add a provider, given in the document's own words, and probe it.

        Raises `InvalidRequest` when its id is taken, and `ConfigError` when something is wrong.
        """
        provider_id = str(config.get("id", ""))
        snapshot = await self._edit(lambda text: edit.add_provider(text, config))
        provider = snapshot.providers[provider_id]
        if provider.enabled:
            await self._program.prober.probe_now(provider)
        return self._status(provider, snapshot)

    async def remove_provider(self, provider_id: str, *, cascade: bool = False) -> bool:
        """Remove a provider; False when there is none of that id.

        With `cascade` it is taken out of chains and aliases as well; without it, one that is in use
        there is not removed. Raises `ConfigError` then.
        """
        if provider_id not in self._program.configuration.snapshot.providers:
            return False
        await self._edit(lambda text: edit.remove_provider(text, provider_id, cascade=cascade))
        return True

    async def test_provider(self, provider_id: str) -> HealthReport:
        """Ask a provider for its models now: address, credential and latency in one.

        What goes wrong there is in the report. Raises `NotFound` for an unknown id.
        """
        provider = self._provider(provider_id)
        found = await self._program.inspector.test(provider)
        await self._program.prober.probe_now(provider)
        return HealthReport(
            provider=provider_id,
            ok=found.ok,
            status=self._condition(provider).status.value,
            latency_ms=found.latency_ms,
            error=found.error,
            models=tuple(model.id for model in found.models),
        )

    async def update_routing_rules(self, rules: Mapping[str, Any]) -> bool:
        """Change settings of the document's section `routing`; None takes one out.

        Returns whether other rules are in force now. Raises `ConfigError` for a wrong one.
        """
        before = self._program.configuration.snapshot.routing
        snapshot = await self._edit(lambda text: edit.patch_routing(text, rules))
        return snapshot.routing != before

    async def get_cost_summary(self, days: int = 30) -> CostSummary:
        """Return what was spent in the last days."""
        if days < 1:
            raise InvalidRequest("days must be 1 or more.", param="days")
        until_us = time.time_ns() // 1000 + 1
        since_us = until_us - days * _DAY_US
        complete = await self._program.drain.flush()

        def read(connection: Connection) -> dict[By, tuple[CostLine, ...]]:
            return {
                by: tuple(
                    _line(row)
                    for row in summary(connection, since_us=since_us, until_us=until_us, by=by)
                )
                for by in (By.NONE, By.PROVIDER, By.MODEL, By.KEY, By.WORKFLOW, By.DAY)
            }

        found = await self._program.database.read(read)
        return CostSummary(
            since=_EPOCH + timedelta(microseconds=since_us),
            until=_EPOCH + timedelta(microseconds=until_us),
            complete=complete,
            total=found[By.NONE][0],
            by_provider=found[By.PROVIDER],
            by_model=found[By.MODEL],
            by_key=found[By.KEY],
            by_workflow=found[By.WORKFLOW],
            by_day=found[By.DAY],
        )

    def providers(self) -> tuple[ProviderStatus, ...]:
        """Return all providers, in the order of the document."""
        snapshot = self._program.configuration.snapshot
        return tuple(self._status(provider, snapshot) for provider in snapshot.providers.values())

    async def _edit(self, change: Callable[[str], str]) -> Snapshot:
        live = self._program.configuration
        if live.error is not None:
            raise ConfigError(live.error.problems, file=live.error.file)
        text = await asyncio.to_thread(change, live.document_text)
        return await live.apply(text, live.snapshot.revision, _ACTOR)

    def _provider(self, provider_id: str) -> Configured:
        providers = self._program.configuration.snapshot.providers
        provider = providers.get(provider_id)
        if provider is None:
            raise NotFound(
                f"There is no provider '{provider_id}'. There are: {', '.join(providers)}.",
                param="provider_id",
            )
        return provider

    def _condition(self, provider: Configured) -> ProviderCondition:
        return self._program.board.conditions.get(provider.id, _UNSEEN)

    def _status(self, provider: Configured, snapshot: Snapshot) -> ProviderStatus:
        condition = self._condition(provider)
        return ProviderStatus(
            id=provider.id,
            name=provider.name,
            kind=provider.kind,
            egress=provider.egress.value,
            endpoint=provider.endpoint,
            enabled=provider.enabled,
            status=condition.status.value if provider.enabled else "disabled",
            error=condition.error,
            latency_ms=condition.latency_ms,
            models=tuple(
                model.id for model in snapshot.models.values() if model.provider_id == provider.id
            ),
            active=self._program.gateway.active_at(provider.id),
            max_concurrent=provider.max_concurrent,
            credential=provider.secret_source,
            has_credential=provider.secret is not None,
        )


def _line(row: SummaryRow) -> CostLine:
    return CostLine(
        group=row.group,
        calls=row.calls,
        errors=row.errors,
        prompt_tokens=row.prompt,
        completion_tokens=row.completion,
        cost_nano=row.cost_nano,
        unpriced_calls=row.unpriced_calls,
    )
