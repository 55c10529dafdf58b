"""All budgets of one process in memory: reserved before each attempt, settled at its end.

Everything here runs on the event loop and never waits, so that a check and the reservation that
follows from it are one step: concurrent requests can't pass the same gap.

The truth is the ledger. Counters are seeded from it, and what is settled while it is being read is
noted, so that nothing is missing and nothing counts twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from sys import maxsize

import msgspec

from laird.budgets.account import Account, Crossing
from laird.budgets.holding import Charge, Hold, Identity, Seed, Wanted
from laird.domain.budget import Budget, BudgetScope, Window
from laird.domain.errors import QuotaExceeded
from laird.domain.spending import Extent, Objection, PriceOf, Room, Spending
from laird.domain.usage import AttemptStarted

_MOST_ROUTES = 4096
"""Remembered combinations of key, workflow and provider."""
_AMPLE = 16
"""A budget with room for so many requests is in no danger from one."""


class _Ahead(msgspec.Struct, frozen=True, gc=False):
    """What is asked of a request before it is known who will answer it."""

    accounts: tuple[Account, ...]
    hard: tuple[Account, ...]
    """Those of them that refuse."""
    start: int
    end: int
    """All of their windows last from `start` to `end`; nothing is let by where `end` is before."""


class Counters:
    """The budgets in force. Times are UTC microseconds, amounts nano-dollars.

    Args:
        price: the most that so many tokens can cost.
        notice: called when a mark was reached or a window has turned; must not wait.
    """

    def __init__(self, price: PriceOf, notice: Callable[[], None]) -> None:
        self.price = price
        self.active = False
        """There are budgets, or charges are being noted: requests must come by here."""
        self.reached: list[Crossing] = []
        """Marks that were reached and not yet taken care of."""
        self._notice = notice
        self._accounts: dict[str, Account] = {}
        self._by_subject: dict[tuple[BudgetScope, str | None], tuple[Account, ...]] = {}
        self._of_providers: tuple[Account, ...] = ()
        self._by_provider = False
        """There are budgets of providers, which refuse or only count."""
        self._routes: dict[tuple[str, str | None, str | None], tuple[Account, ...]] = {}
        self._ahead: dict[tuple[str, str | None], _Ahead] = {}
        self._holds: set[Hold] = set()
        self._noted: dict[Identity, Charge] | None = None

    @property
    def accounts(self) -> tuple[Account, ...]:
        """All accounts, in the order of the budgets."""
        return tuple(self._accounts.values())

    def account(self, budget_id: str) -> Account | None:
        """Return a budget's account."""
        return self._accounts.get(budget_id)

    def hold(self, key_id: str, workflow: str | None, nano: int, now_us: int) -> Hold | None:
        """Reserve for a request, before it is planned, what none of its attempts costs more than.

        Only where so much is of no account to any budget: then planning need not know of them.
        Else None. One that goes local always concerns planning: it has to know what may step in
        later. What a request really may cost can be much less: so in this way no more is reserved
        than half of what is left, and nothing in a budget that comes near its limit.
        """
        ahead = self._ahead.get((key_id, workflow)) or self._look_ahead(key_id, workflow)
        if not ahead.start <= now_us < ahead.end:
            return None
        ample = _AMPLE * nano
        for account in ahead.hard:
            if account.spent + 2 * account.reserved + ample > account.limit:
                return None
        hold = Hold(self._holds, ahead.accounts, nano, now_us, key_id, workflow, "", ahead.end)
        hold.reserve()
        return hold

    def _look_ahead(self, key_id: str, workflow: str | None) -> _Ahead:
        accounts = self._holding(key_id, workflow, None)
        hard = tuple(account for account in accounts if account.hard)
        start = max((account.start for account in accounts), default=-maxsize)
        end = min((account.end for account in accounts), default=maxsize)
        if self._by_provider or any(account.local for account in hard):
            end = -maxsize
        if len(self._ahead) >= _MOST_ROUTES:
            self._ahead.clear()
        ahead = self._ahead[key_id, workflow] = _Ahead(accounts, hard, start, end)
        return ahead

    def spending(
        self, key_id: str, workflow: str | None, extent: Extent, now_us: int
    ) -> Spending | None:
        """Return what planning has to know, None when no budget that refuses could hold."""
        refuse: Room | None = None
        local: Room | None = None
        for account in self._holding(key_id, workflow, None):
            if not account.hard:
                continue
            if not account.start <= now_us < account.end:
                self._keep_up(account, now_us)
            room = account.room()
            if account.local:
                if local is None or room.left < local.left:
                    local = room
            elif refuse is None or room.left < refuse.left:
                refuse = room
        if self._of_providers:
            at_providers = self._rooms_of_providers(now_us)
            return Spending(extent, self.price, now_us, refuse, local, *at_providers)
        if refuse is None and local is None:
            return None
        return Spending(extent, self.price, now_us, refuse, local)

    def _rooms_of_providers(self, now_us: int) -> tuple[dict[str, Room], dict[str, Room]]:
        """Return the least room at each provider, of budgets that refuse and that go local."""
        found: tuple[dict[str, Room], dict[str, Room]] = ({}, {})
        for account in self._of_providers:
            if not account.start <= now_us < account.end:
                self._keep_up(account, now_us)
            room, provider = account.room(), str(account.budget.subject)
            rooms = found[account.local]
            other = rooms.get(provider)
            if other is None or room.left < other.left:
                rooms[provider] = room
        return found

    def reserve(
        self, key_id: str, workflow: str | None, provider: str, nano: int | None, at_us: int
    ) -> Hold | None:
        """Reserve the most that an attempt may cost; None means that nobody knows.

        Returns None where no budget holds for it. Raises `QuotaExceeded` when one has no room, and
        reserves nothing then.
        """
        accounts = self._holding(key_id, workflow, provider)
        if not accounts:
            return None
        refusing: Account | None = None
        for account in accounts:
            if not account.start <= at_us < account.end:
                self._keep_up(account, at_us)
            if (
                account.hard
                and (nano is None or account.spent + account.reserved + nano > account.limit)
                and (refusing is None or refusing.local)
            ):
                refusing = account
        if refusing is not None:
            refusing.refusals += 1
            raise _refusal(Objection(refusing.room(), nano), provider, at_us)
        if nano is None:
            return None
        hold = Hold(self._holds, accounts, nano, at_us, key_id, workflow, provider)
        hold.reserve()
        return hold

    def count_refusal(self, budget_id: str) -> None:
        """Count a request that was refused before any attempt."""
        account = self._accounts.get(budget_id)
        if account is not None:
            account.refusals += 1

    def settle(self, started: AttemptStarted, nano: int, hold: Hold | None) -> None:
        """Count what an attempt has cost, and give back what was reserved for it."""
        at_us = started.at_us
        if hold is not None:
            if at_us < hold.until_us and nano > 0 and self._noted is None:
                # Nothing has changed since it was reserved: it is charged in the same accounts.
                reserved = hold.nano
                for account in hold.accounts:
                    account.reserved -= reserved
                    account.spent = spent = account.spent + nano
                    if spent >= account.next_level:
                        self._cross(account, at_us)
                hold.accounts = ()
                self._holds.discard(hold)
                return
            hold.release()
        if nano <= 0:
            return
        key_id, workflow, provider = started.key_id, started.workflow, started.provider
        if self._noted is not None:
            charge = Charge(key_id, workflow, provider, at_us, nano)
            self._noted[started.request_id, started.attempt] = charge
        for account in self._holding(key_id, workflow, provider):
            if account.start <= at_us < account.end:
                account.spent += nano
                if account.spent >= account.next_level:
                    self._cross(account, at_us)
            else:
                account.charge_late(nano, at_us)

    # Seeding, in this order: `note`, read the ledger, `install`.

    def note(self) -> Mapping[Identity, Charge]:
        """Note all charges from now on, and return the notes, which grow."""
        if self._noted is None:
            self._noted = {}
        self.active = True
        return self._noted

    def wanting(self, budgets: Iterable[Budget], now_us: int) -> Wanted:
        """Return what must be read from the database before these budgets can be in force."""
        windows: dict[str, Window] = {}
        unread: dict[str, tuple[Budget, Window]] = {}
        for budget in budgets:
            account = self._accounts.get(budget.id)
            if account is None or not _same_spending(account.budget, budget):
                account = Account(budget, now_us)
            else:
                self._keep_up(account, now_us)
            windows[budget.id] = account.window
            if not account.seeded:
                unread[budget.id] = (budget, account.window)
        return Wanted(windows, unread)

    def install(
        self,
        budgets: Iterable[Budget],
        seeds: Mapping[str, Seed],
        fired: Mapping[tuple[str, int], frozenset[int]],
        now_us: int,
    ) -> None:
        """Put budgets in force, and end the noting.

        `fired` are the marks alerted to, by budget id and beginning of the window.
        """
        noted, self._noted = self._noted or {}, None
        accounts: dict[str, Account] = {}
        for budget in budgets:
            account = self._accounts.get(budget.id)
            if account is None or not _same_spending(account.budget, budget):
                account = Account(budget, now_us)
            else:
                account.change(budget)
            accounts[budget.id] = account
        carried = set(accounts.values()).difference(self._accounts.values())
        self._accounts = accounts
        self._index()
        for hold in self._holds:
            for account in self._holding(hold.key_id, hold.workflow, hold.provider):
                # What began in an earlier window is charged there.
                if account in carried and account.start <= hold.at_us < account.end:
                    hold.take(account)
            # What was let by before by other budgets, or other limits, is to ask these.
            hold.until_us = -maxsize
        pending = {(one.budget.id, one.mark) for one in self.reached}
        for budget_id, account in accounts.items():
            unwritten = {mark for owner, mark in pending if owner == budget_id}
            marks = fired.get((budget_id, account.window.start_us), frozenset()) | unwritten
            seed = seeds.get(budget_id)
            if seed is not None and seed.window == account.window:
                spent = seed.spent + self._since(seed, account, noted)
                # An account that was there has counted on by itself while the ledger was away.
                account.seed(max(spent, account.spent), marks)
            elif account.seeded:
                account.seed(account.spent, marks)
            self._cross(account, now_us)

    def stop_noting(self) -> None:
        """End the noting without a change, after the ledger could not be read."""
        self._noted = None
        self.active = bool(self._accounts)

    def keep_up(self, now_us: int) -> bool:
        """Turn all windows that are over; True when one has to be read from the ledger."""
        for account in self._accounts.values():
            self._keep_up(account, now_us)
        return any(not account.seeded for account in self._accounts.values())

    def _since(self, seed: Seed, account: Account, noted: Mapping[Identity, Charge]) -> int:
        """Return what was charged to an account since the noting began and is not in its seed."""
        return sum(
            charge.nano
            for identity, charge in noted.items()
            if identity not in seed.present
            and account.window.holds(charge.at_us)
            and account in self._holding(charge.key_id, charge.workflow, charge.provider)
        )

    def _index(self) -> None:
        self._routes = {}
        self._ahead = {}
        by_subject: dict[tuple[BudgetScope, str | None], tuple[Account, ...]] = {}
        for account in self._accounts.values():
            place = (account.budget.scope, account.budget.subject)
            by_subject[place] = (*by_subject.get(place, ()), account)
        self._by_subject = by_subject
        of_providers = [
            account
            for account in self._accounts.values()
            if account.budget.scope is BudgetScope.PROVIDER
        ]
        self._by_provider = bool(of_providers)
        self._of_providers = tuple(account for account in of_providers if account.hard)
        self.active = bool(self._accounts)

    def _holding(
        self, key_id: str, workflow: str | None, provider: str | None
    ) -> tuple[Account, ...]:
        """Return the accounts that hold for an attempt, those of providers only with one."""
        route = (key_id, workflow, provider)
        accounts = self._routes.get(route)
        if accounts is None:
            by_subject = self._by_subject
            accounts = (
                *by_subject.get((BudgetScope.GLOBAL, None), ()),
                *by_subject.get((BudgetScope.KEY, key_id), ()),
                *(by_subject.get((BudgetScope.WORKFLOW, workflow), ()) if workflow else ()),
                *(by_subject.get((BudgetScope.PROVIDER, provider), ()) if provider else ()),
            )
            # A client may name any number of workflows.
            if len(self._routes) >= _MOST_ROUTES:
                self._routes.clear()
            self._routes[route] = accounts
        return accounts

    def _keep_up(self, account: Account, now_us: int) -> None:
        if not account.start <= now_us < account.end:
            account.turn(now_us)
            self._ahead.clear()
            for hold in self._holds:
                hold.leave(account)
            self._notice()

    def _cross(self, account: Account, at_us: int) -> None:
        crossings = account.crossings(at_us)
        if crossings:
            self.reached += crossings
            self._notice()


def _same_spending(one: Budget, other: Budget) -> bool:
    """Tell whether two budgets count the same spending in the same windows."""
    return (
        one.scope is other.scope
        and one.subject == other.subject
        and one.period is other.period
        and one.reset_day == other.reset_day
        and one.zone == other.zone
        and one.created_us == other.created_us
    )


def _refusal(objection: Objection, provider: str, at_us: int) -> QuotaExceeded:
    return QuotaExceeded(
        f"'{provider}' can't be asked: {objection.words()}.",
        budget_id=objection.room.budget.id,
        retry_after_s=objection.retry_after_s(at_us),
        local=objection.local,
    )
