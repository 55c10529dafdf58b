"""What has to be done for stored credentials while time passes and providers refuse."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from functools import partial
from typing import Any

from laird.credentials import rows
from laird.credentials.notices import FELL_BACK, REFUSED, Notice, Notices
from laird.credentials.stored import Credentials
from laird.domain.catalog import Provider
from laird.domain.credential import Slot
from laird.domain.errors import StorageUnavailable
from laird.domain.health import ProviderCondition
from laird.domain.secret import Secret
from laird.storage.engine import Database
from laird.telemetry.logs import get_logger

PERIOD_S = 1.0
_STAMPS_S = 15.0
_DATES_S = 60.0
WARN_DAYS = (14, 3, 0)
"""Days before the end of a credential at which people are told."""
_DAY_US = 86_400_000_000

Providers = Callable[[], Iterable[Provider]]

_log = get_logger("credentials")


class Upkeep:
    """Follows the database, the clock and what providers say.

    Args:
        credentials: all that are stored.
        notices: tells people.
        database: where stamps go.
        providers: returns the providers of the configuration in force.
        changed: is awaited when a credential is another one now, so that requests get it.
    """

    def __init__(
        self,
        credentials: Credentials,
        notices: Notices,
        database: Database,
        providers: Providers,
        changed: Callable[[], Awaitable[object]],
    ) -> None:
        self.credentials = credentials
        self.notices = notices
        self.used: dict[str, int] = {}
        """When providers were last sent a request, UTC microseconds, by id."""
        self.refused: dict[str, int] = {}
        """When they last refused their credential."""
        self._database = database
        self._providers = providers
        self._changed = changed
        self._written: dict[tuple[str, str], int] = {}
        self._bad: set[str] = set()
        self._catching_up = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Go on from what an earlier process has told of. Raises `StorageUnavailable`."""
        self._bad = await self.notices.standing(REFUSED)

    async def renew(self, provider: Provider) -> Secret | None:
        """Return another credential to try after a provider refused this one, None without any.

        What is returned is in force from now on.
        """
        self.refused[provider.id] = time.time_ns() // 1000
        name = provider.credential
        if name is None:
            return None
        found = await self.credentials.renew(name, provider.secret)
        if found is None:
            return None
        # Who waits for the answer has what it takes; others get it a moment later.
        self._spawn(self._catch_up(provider.id, found))
        previous = self.credentials.held.slot(name, Slot.PREVIOUS)
        if previous is not None and previous.refused_us is not None:
            await self._tell_fallback(name, provider)
        return found

    async def _catch_up(self, provider_id: str, found: Secret) -> None:
        """Put another credential in force, once for all requests that were refused together."""
        async with self._catching_up:
            current = next((one for one in self._providers() if one.id == provider_id), None)
            if current is not None and current.secret != found:
                await self._changed()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell_fallback(self, name: str, provider: Provider) -> None:
        await self.notices.tell(
            Notice(
                event="credential.fell_back",
                source=name,
                mark=FELL_BACK,
                since_us=self._version_of_refused(name),
                message=(
                    f"{provider.id} refused the new value of the credential '{name}', so the one"
                    " before it is in force again. See why the new one is refused, and give another"
                    f" one: laird credentials rotate {name}"
                ),
                data={"credential": name, "provider": provider.id},
            )
        )

    def _version_of_refused(self, name: str) -> int:
        previous = self.credentials.held.slot(name, Slot.PREVIOUS)
        return previous.version if previous is not None else 0

    def listen(self, provider_id: str, condition: ProviderCondition) -> None:
        """Take note of a provider's condition: it refuses its credential, or does so no more."""
        bad = condition.credential_bad
        if bad == (provider_id in self._bad):
            return
        (self._bad.add if bad else self._bad.discard)(provider_id)
        self._spawn(self._heard(provider_id, bad=bad))

    async def _heard(self, provider_id: str, *, bad: bool) -> None:
        if not bad:
            await self.notices.over(provider_id, REFUSED)
            return
        provider = next((one for one in self._providers() if one.id == provider_id), None)
        if provider is None or await self.renew(provider) is not None:
            return
        await self.notices.tell(
            Notice(
                event="credential.refused",
                source=provider_id,
                mark=REFUSED,
                message=f"{provider_id} refuses its credential. {_advice(provider)}",
                data={"provider": provider_id, "credential": provider.secret_source},
            )
        )

    async def run(self) -> None:
        """Go on until cancelled."""
        stamps = dates = 0.0
        away = False
        while True:
            now = time.monotonic()
            try:
                await self.look()
                if now >= stamps:
                    stamps = now + _STAMPS_S
                    await self.write_stamps()
                if now >= dates:
                    dates = now + _DATES_S
                    await self.check_dates(time.time_ns() // 1000)
            except StorageUnavailable as error:
                if not away:
                    _log.error("credentials wait for the database", cause=error.message)
                away = True
            else:
                away = False
            await asyncio.sleep(PERIOD_S)

    async def look(self) -> None:
        """Take over what others have changed, and run the commands that are due.

        Raises `StorageUnavailable`.
        """
        printed = await self.credentials.held.commands.run_due()
        if printed:
            self.credentials.held.publish()
        if await self.credentials.refresh() or printed:
            await self._changed()

    async def write_stamps(self) -> None:
        """Write when credentials were used and refused. Raises `StorageUnavailable`."""
        for column, stamps in (("last_used_us", self.used), ("last_refused_us", self.refused)):
            new: dict[str, int] = {}
            for provider in self._providers():
                at_us = stamps.get(provider.id, 0)
                if provider.credential is not None and at_us:
                    new[provider.credential] = max(at_us, new.get(provider.credential, 0))
            new = {
                name: at_us
                for name, at_us in new.items()
                if self._written.get((column, name)) != at_us
            }
            if new:
                await self._database.write(partial(rows.touch, column=column, stamps=new))
                self._written.update({(column, name): at_us for name, at_us in new.items()})

    async def check_dates(self, now_us: int) -> None:
        """Warn of credentials that end soon, and forget values that are past their time."""
        await self.credentials.forget_old(now_us)
        held = self.credentials.held
        for name in held.names:
            value = held.slot(name, Slot.ACTIVE)
            if value is not None and value.expires_us is not None and held.alive(name) is not None:
                await self._warn(name, value.expires_us, now_us)

    async def _warn(self, name: str, expires_us: int, now_us: int) -> None:
        reached = [days for days in WARN_DAYS if expires_us - now_us <= days * _DAY_US]
        if not reached:
            return
        days = min(reached)
        users = [provider.id for provider in self._providers() if provider.credential == name]
        date = time.strftime("%Y-%m-%d", time.gmtime(expires_us / 1_000_000))
        when = f"has expired ({date})" if days == 0 else f"expires on {date}"
        used = f" {', '.join(users)} need it." if users else ""
        await self.notices.tell(
            Notice(
                event="credential.expires",
                source=name,
                mark=days,
                since_us=expires_us,
                message=(
                    f"The credential '{name}' {when}.{used} Stage its successor, test it and put it"
                    f" in force: laird credentials rotate {name}"
                ),
                data={"credential": name, "expires_us": expires_us, "days": days},
            )
        )

    async def close(self) -> None:
        """End what is under way."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.credentials.held.commands.close()


def _advice(provider: Provider) -> str:
    source = provider.secret_source
    if provider.credential is not None:
        name = provider.credential
        return (
            "It may be revoked, expired or not allowed to do this. Give another one: laird"
            f" credentials rotate {name}"
        )
    if source is None:
        return f"It has none: laird credentials set {provider.id}, and name it in authSecret."
    return f"It is from {source.removeprefix('env:')}: set that anew where the server is started."
