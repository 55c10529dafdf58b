"""What passes between requests, counters and the ledger: holds, charges and seeds."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from laird.budgets.account import Account
from laird.domain.budget import Budget, Window

Identity = tuple[str, int]
"""Request id and attempt number."""


class Charge(msgspec.Struct, frozen=True, gc=False):
    """What one attempt has cost, and for whom."""

    key_id: str
    workflow: str | None
    provider: str
    at_us: int
    nano: int


class Seed(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger says of one budget's window."""

    window: Window
    spent: int
    present: frozenset[Identity] = frozenset()
    """Of the charges noted meanwhile, those that are in `spent` already."""


class Wanted(msgspec.Struct, frozen=True, gc=False):
    """What must be read from the database, by budget id."""

    windows: Mapping[str, Window]
    """All present windows: whether their marks were alerted to."""
    unread: Mapping[str, tuple[Budget, Window]]
    """Windows whose spending is not counted yet."""


class Hold:
    """Room reserved for one attempt under way. `release` takes effect once."""

    __slots__ = ("_held", "_holds", "key_id", "nano", "provider", "workflow")

    def __init__(
        self,
        holds: set[Hold],
        key_id: str,
        workflow: str | None,
        provider: str,
        nano: int,
        accounts: tuple[Account, ...],
    ) -> None:
        """Reserve in some accounts."""
        self._holds = holds
        self._held = [(account, account.epoch) for account in accounts]
        for account in accounts:
            account.reserved += nano
        self.key_id = key_id
        self.workflow = workflow
        self.provider = provider
        self.nano = nano
        holds.add(self)

    def take(self, account: Account) -> None:
        """Reserve in one more account."""
        account.reserved += self.nano
        self._held.append((account, account.epoch))

    def release(self) -> None:
        """Give back what is reserved."""
        for account, epoch in self._held:
            if account.epoch == epoch:
                account.reserved -= self.nano
        self._held = []
        self._holds.discard(self)
