"""Laws of the counters, whatever happens in whatever order, restarts included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.budgets.money import DAY_US, NOW, budget, started

from laird.budgets.counters import Counters
from laird.budgets.holding import Hold, Seed
from laird.domain.budget import Budget, BudgetPeriod, BudgetScope, window_at
from laird.domain.errors import QuotaExceeded
from laird.domain.usage import AttemptStarted
from laird.pricing.cost import worst_case_nano

KEYS = st.sampled_from(["k", "x"])
WORKFLOWS = st.sampled_from([None, "night"])
PROVIDERS = st.sampled_from(["p", "q"])
AMOUNTS = st.integers(1, 60)

PLACES: list[dict[str, Any]] = [
    {}, {"key": "k"}, {"key": "x"}, {"workflow": "night"}, {"provider": "p"},
]  # fmt: skip
SETS = st.lists(
    st.builds(
        lambda place, limit, period: (place, limit, period),
        st.sampled_from(range(len(PLACES))),
        st.integers(20, 300),
        st.sampled_from([BudgetPeriod.DAILY, BudgetPeriod.MONTHLY, BudgetPeriod.TOTAL]),
    ),
    min_size=1,
    max_size=4,
)


@dataclass
class UnderWay:
    begun: AttemptStarted
    most: int
    hold: Hold | None


@dataclass
class Row:
    begun: AttemptStarted
    cost: int
    drained: bool = False


class Budgets(RuleBasedStateMachine):
    """Requests on budgets, beside the ledger that tells what is true."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.numbers = 0
        self.rows: list[Row] = []
        self.under_way: list[UnderWay] = []
        self.budgets: list[Budget] = []
        self.counters = Counters(worst_case_nano, lambda: None)
        self.lowered = False

    @initialize(wanted=SETS)
    def make_budgets(self, wanted: list[tuple[int, int, BudgetPeriod]]) -> None:
        self.budgets = [
            budget(f"b{number}", limit, period=period, created_us=NOW, **dict(PLACES[place]))
            for number, (place, limit, period) in enumerate(wanted)
        ]
        self.seed()

    def seed(self, meanwhile: int = 0) -> None:
        """Read the ledger into the counters; some attempts end while that goes on."""
        noted = self.counters.note()
        for row in self.rows:
            row.drained = True  # the flush
        wanted = self.counters.wanting(self.budgets, self.now)
        for one in self.under_way[:meanwhile]:
            self.end(one, one.most)
        for row in self.rows[::2]:
            row.drained = True  # the drain does not stop for us
        present = frozenset(
            (row.begun.request_id, row.begun.attempt) for row in self.rows if row.drained
        )
        seeds = {
            budget_id: Seed(
                window=window,
                spent=sum(
                    row.cost
                    for row in self.rows
                    if row.drained and window.holds(row.begun.at_us) and holds(of, row.begun)
                ),
                present=present & noted.keys(),
            )
            for budget_id, (of, window) in wanted.unread.items()
        }
        self.counters.install(self.budgets, seeds, {}, self.now)

    def end(self, one: UnderWay, cost: int) -> None:
        self.under_way.remove(one)
        self.rows.append(Row(one.begun, cost))
        self.counters.settle(one.begun, cost, one.hold)

    @rule(
        key=KEYS,
        workflow=WORKFLOWS,
        provider=PROVIDERS,
        most=st.integers(0, 12),
        changed=st.booleans(),
        hours=st.sampled_from([0, 0, 0, 30]),
    )
    def let_by_before_it_is_planned(
        self, key: str, workflow: str | None, provider: str, most: int, changed: bool, hours: int
    ) -> None:
        hold = self.counters.hold(key, workflow, most, self.now)
        if changed:
            self.make_another(self.numbers % len(PLACES), 200, 0)
        self.now += hours * DAY_US // 24
        if hold is not None and hold.serves(provider, self.now):
            self.numbers += 1
            who: dict[str, Any] = {"key": key, "workflow": workflow, "provider": provider}
            begun = started(self.numbers, at_us=self.now, **who)
            self.under_way.append(UnderWay(begun, most, hold))
        else:
            if hold is not None:
                hold.release()
            self.reserve(key, workflow, provider, most)
        self.time_passes(0)

    @rule(key=KEYS, workflow=WORKFLOWS, provider=PROVIDERS, most=AMOUNTS)
    def reserve(self, key: str, workflow: str | None, provider: str, most: int) -> None:
        self.numbers += 1
        begun = started(self.numbers, key=key, workflow=workflow, provider=provider, at_us=self.now)
        try:
            hold = self.counters.reserve(key, workflow, provider, most, self.now)
        except QuotaExceeded:
            # Nobody is refused while there is room everywhere.
            assert any(
                self.true_spent(of) + self.true_reserved(of) + most > of.limit_nano
                for of in self.budgets
                if holds(of, begun)
            )
        else:
            self.under_way.append(UnderWay(begun, most, hold))

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.under_way))
        self.end(one, data.draw(st.integers(0, one.most)))
        # A second end changes nothing.
        if one.hold is not None:
            before = self.figures()
            one.hold.release()
            assert self.figures() == before

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.under_way))
        self.end(one, 0)

    @rule(hours=st.integers(1, 40))
    def time_passes(self, hours: int) -> None:
        self.now += hours * DAY_US // 24
        if self.counters.keep_up(self.now):
            self.seed()

    @rule(estimates=st.booleans())
    def crash_and_start_again(self, estimates: bool) -> None:
        """Those under way become interrupted rows, each with an estimate up to its most."""
        for one in tuple(self.under_way):
            self.under_way.remove(one)
            self.rows.append(Row(one.begun, one.most if estimates else one.most // 2))
        self.counters = Counters(worst_case_nano, lambda: None)
        self.seed()

    @rule(place=st.integers(0, 3), limit=st.integers(20, 400), meanwhile=st.integers(0, 2))
    def change_a_limit(self, place: int, limit: int, meanwhile: int) -> None:
        place %= len(self.budgets)
        of = self.budgets[place]
        # What began before there was any budget is held by none, and counts when it ends.
        under_way = sum(one.most for one in self.under_way if holds(of, one.begun))
        spent = self.true_spent(of) + under_way
        fields = {name: getattr(of, name) for name in of.__struct_fields__}
        # Lowered below what is spent, it is over its limit, and that is as it should be.
        self.budgets[place] = Budget(**{**fields, "limit_nano": max(limit, spent)})
        self.seed(meanwhile)

    @rule(place=st.integers(0, 4), limit=st.integers(200, 400), meanwhile=st.integers(0, 2))
    def make_another(self, place: int, limit: int, meanwhile: int) -> None:
        if len(self.budgets) < 6:
            self.numbers += 1
            another = budget(f"more{self.numbers}", 10**6 + limit, **dict(PLACES[place]))
            self.budgets.append(another)
            self.seed(meanwhile)

    def true_spent(self, of: Budget) -> int:
        window = window_at(of, self.now)
        return sum(
            row.cost for row in self.rows if window.holds(row.begun.at_us) and holds(of, row.begun)
        )

    def true_reserved(self, of: Budget) -> int:
        window = window_at(of, self.now)
        return sum(
            one.most
            for one in self.under_way
            if one.hold is not None and window.holds(one.begun.at_us) and holds(of, one.begun)
        )

    def figures(self) -> list[tuple[int, int]]:
        return [(account.spent, account.reserved) for account in self.counters.accounts]

    @invariant()
    def counters_say_what_the_ledger_says(self) -> None:
        for account in self.counters.accounts:
            assert account.spent == self.true_spent(account.budget)

    @invariant()
    def what_is_held_is_what_is_under_way(self) -> None:
        for account in self.counters.accounts:
            assert account.reserved == self.true_reserved(account.budget)

    @invariant()
    def nothing_is_negative_and_no_limit_is_passed(self) -> None:
        for account in self.counters.accounts:
            assert account.spent >= 0
            assert account.reserved >= 0
            assert account.spent + account.reserved <= account.budget.limit_nano


def holds(of: Budget, begun: AttemptStarted) -> bool:
    subjects = {
        BudgetScope.GLOBAL: None,
        BudgetScope.KEY: begun.key_id,
        BudgetScope.WORKFLOW: begun.workflow,
        BudgetScope.PROVIDER: begun.provider,
    }
    return of.subject == subjects[of.scope]


Budgets.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestBudgets = Budgets.TestCase
