"""What passes between requests, counters and the ledger: holds, charges and seeds."""

from __future__ import annotations

from collections.abc import Mapping
from sys import maxsize

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


class Hold(msgspec.Struct, eq=False, gc=False):
    """Room reserved for one attempt, under way or about to be. `release` takes effect once."""

    _holds: set[Hold]
    """Where it is until it is released: nothing else has to take it for garbage."""
    accounts: tuple[Account, ...]
    """Where it is reserved."""
    nano: int
    at_us: int
    """When its attempt begins, as far as it is known, UTC microseconds."""
    key_id: str
    workflow: str | None
    provider: str = ""
    """Empty until it is known which one is asked."""
    until_us: int = maxsize
    """From then on, UTC microseconds, budgets must be asked again: a window is over, or they are
    other ones. Before that, all that is charged for its attempt is charged where it holds."""

    def reserve(self) -> None:
        """Take the room; it is not looked here whether there is so much."""
        nano = self.nano
        for account in self.accounts:
            account.reserved += nano
        self._holds.add(self)

    def serves(self, provider: str, at_us: int) -> bool:
        """Let what is reserved be for an attempt; False where budgets must be asked."""
        planned_us = self.at_us
        self.provider = provider
        self.at_us = at_us
        # A clock that was set back may have gone back to a window before.
        return planned_us <= at_us < self.until_us

    def take(self, account: Account) -> None:
        """Reserve in one more account."""
        account.reserved += self.nano
        self.accounts += (account,)

    def leave(self, account: Account) -> None:
        """Have nothing reserved in an account any more, whose window is over."""
        if account in self.accounts:
            self.accounts = tuple(each for each in self.accounts if each is not account)
            self.until_us = -maxsize

    def release(self) -> None:
        """Give back what is reserved."""
        nano = self.nano
        for account in self.accounts:
            account.reserved -= nano
        self.accounts = ()
        self.until_us = -maxsize
        self._holds.discard(self)
