"""What holds of every decision, and how models take turns."""

from __future__ import annotations

import math

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.runtime.simulated import STOP_S, Request, Simulation

from laird.runtime.schedule import Load, Phase, Rules, decide

RULES = Rules(slice_s=10.0, slice_loads=2.0, moment_s=1.0, moment_loads=0.5)

LIMIT = 6
loads = st.lists(
    st.builds(Load, id=st.just(""), need=st.integers(1, LIMIT), slots=st.integers(1, 3)),
    min_size=1,
    max_size=4,
)
arrivals = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.001, 0.3, 4.0, 30.0]),  # seconds after the one before
        st.integers(0, 3),  # the model
        st.sampled_from([0.01, 0.5, 5.0]),  # seconds that its answer takes
        st.sampled_from([None, None, None, 0.0, 1.0]),  # seconds after which it goes away
    ),
    min_size=1,
    max_size=25,
)


def simulation(made: list[Load], rules: Rules = RULES) -> Simulation:
    named = [msgspec.structs.replace(load, id=f"m{n}", queue={}) for n, load in enumerate(made)]
    return Simulation(named, LIMIT, rules)


def expect(sim: Simulation, at: float, model: str, service_s: float, gone: float | None) -> None:
    def come() -> None:
        request = sim.arrive(model, service_s)
        if gone is not None:
            sim.at(sim.now + gone, lambda: sim.cancel(request))

    sim.at(at, come)


@settings(deadline=None, max_examples=150)
@given(loads, arrivals)
def test_memory_and_slots_hold_and_everybody_who_stays_is_served(
    made: list[Load], coming: list[tuple[float, int, float, float | None]]
) -> None:
    sim = simulation(made)
    when = 0.0
    staying = 0
    for gap, number, service_s, gone in coming:
        when += gap
        staying += gone is None
        expect(sim, when, f"m{number % len(made)}", service_s, gone)
    sim.run()  # checks memory, slots and that nothing in use is stopped, at each step
    assert sum(request.began is not None for request in sim.requests) >= staying
    for load in sim.loads.values():
        assert not load.queue
        assert not load.active


@settings(deadline=None, max_examples=25)
@given(
    hot=st.integers(1, 8),
    slots=st.integers(1, 3),
    service_s=st.sampled_from([0.25, 1.0, 7.0]),
    late=st.sampled_from([0.5, 5.0, 20.0]),
)
def test_a_model_that_is_always_asked_for_makes_another_wait_for_a_slice_at_most(
    hot: int, slots: int, service_s: float, late: float
) -> None:
    sim = simulation([Load(id="", need=4, slots=slots), Load(id="", need=4)])
    for _ in range(hot):
        keep_asking(sim, "m0", service_s)
    sim.run(late)
    sim.now = late
    other = sim.arrive("m1", 0.1)
    # Loading the hot one, its slice, those who came before, what is under way, and the load.
    batches = math.ceil(hot / slots) + 1
    bound = sim.load_s + RULES.slice_s + batches * service_s + STOP_S + sim.load_s + 0.1
    sim.run(late + bound)
    assert other.began is not None


@settings(deadline=None, max_examples=25)
@given(made=loads, clients=st.integers(1, 3), service_s=st.sampled_from([0.5, 3.0]))
def test_when_all_models_are_always_asked_for_each_gets_its_turn(
    made: list[Load], clients: int, service_s: float
) -> None:
    sim = simulation(made)
    for model in sim.loads:
        for _ in range(clients):
            keep_asking(sim, model, service_s)
    sim.run(150)
    turn = sim.load_s + RULES.slice_s + (clients + 1) * service_s + STOP_S + 0.1
    for request in sim.requests:
        waited = (request.began or 150.0) - request.arrived
        assert waited <= len(made) * turn


def keep_asking(sim: Simulation, model: str, service_s: float, pause_s: float = 0.0) -> None:
    def again() -> None:
        sim.at(sim.now + pause_s, lambda: keep_asking(sim, model, service_s, pause_s))

    sim.arrive(model, service_s, again)


def test_two_who_ask_without_a_pause_get_slices_and_not_a_switch_each() -> None:
    sim = simulation([Load(id="", need=4), Load(id="", need=4)])

    keep_asking(sim, "m0", 0.1, 0.005)
    keep_asking(sim, "m1", 0.1, 0.005)
    sim.run(240)
    answered = {
        m: sum(r.model == m and r.began is not None for r in sim.requests) for m in sim.loads
    }
    assert len(sim.starts) <= 240 / RULES.slice_s + 2
    assert min(answered.values()) > 0.8 * max(answered.values())
    # Two of twelve seconds are spent loading: it could be more than 90 requests for each slice.
    assert sum(answered.values()) > 1500


def test_many_who_alternate_at_once_are_served_in_batches() -> None:
    sim = simulation([Load(id="", need=4), Load(id="", need=4)])
    for number in range(40):
        expect(sim, number * 0.01, f"m{number % 2}", 0.1, None)
    sim.run()
    assert sim.starts == ["m0", "m1"]


def test_three_models_in_turn_with_memory_for_two_make_room_for_each_other() -> None:
    sim = simulation([Load(id="", need=3) for _ in range(3)])
    waits: list[Request] = []

    def ask(number: int) -> None:
        if number < 9:
            waits.append(sim.arrive(f"m{number % 3}", 0.1, lambda: ask(number + 1)))

    ask(0)
    sim.run()
    assert len(waits) == 9
    # In the long run a model that is known not to be asked again at once is not waited for.
    assert waits[-1].waited_s < sim.load_s + 2 * STOP_S


def test_the_least_recently_used_goes_first_and_never_more_than_is_needed() -> None:
    old = Load(id="old", need=2, phase=Phase.WARM, idle_since=1.0, asked_again=False)
    new = Load(id="new", need=2, phase=Phase.WARM, idle_since=2.0, asked_again=False)
    big = Load(id="big", need=4, phase=Phase.WARM, idle_since=3.0, asked_again=False)

    def stopped(need: int) -> set[str]:
        wanted = Load(id="wanted", need=need, queue={1: 5.0})
        state = {load.id: load for load in (old, new, big, wanted)}
        return set(decide(state, 8, 6.0, RULES).stop)

    assert stopped(1) == {"old"}
    assert stopped(3) == {"old", "new"}
    # The old one has to go; the big one is enough with it, so that the new one may stay.
    assert stopped(6) == {"old", "big"}
    assert stopped(8) == {"old", "new", "big"}


def test_nobody_who_came_later_takes_memory_that_another_waits_for() -> None:
    busy = Load(id="busy", need=4, phase=Phase.WARM, active=1, warm_since=0.0)
    first = Load(id="first", need=6, queue={1: 20.0})
    small = Load(id="small", need=2, queue={2: 21.0})
    state = {load.id: load for load in (busy, small, first)}
    decision = decide(state, 6, 30.0, RULES)
    assert decision.start == ()
    assert decision.yielding == {"busy"}
    # With room for both it does no harm.
    assert decide(state, 8, 30.0, RULES).start == ("small",)


def test_who_waited_before_the_other_is_served_before_a_model_goes() -> None:
    loaded = Load(id="loaded", need=4, slots=2, phase=Phase.WARM, active=1, queue={1: 5.0, 3: 7.0})
    other = Load(id="other", need=4, queue={2: 6.0})
    state = {"loaded": loaded, "other": other}
    decision = decide(state, 6, 30.0, RULES)
    assert decision.grant == (("loaded", 1),)
    assert decision.yielding == {"loaded"}
    del loaded.queue[1]
    loaded.active = 0
    assert decide(state, 6, 30.0, RULES).stop == ("loaded",)


def test_the_idle_go_after_their_time_and_not_before() -> None:
    idle = Load(id="idle", need=1, phase=Phase.WARM, idle_since=100.0)
    rules = Rules(idle_s=60.0)
    assert decide({"idle": idle}, 9, 159.0, rules).wake_at == 160.0
    assert decide({"idle": idle}, 9, 159.0, rules).stop == ()
    assert decide({"idle": idle}, 9, 160.0, rules).stop == ("idle",)
    idle.active = 1
    assert decide({"idle": idle}, 9, 999.0, rules).stop == ()


def test_when_less_memory_is_allowed_the_unused_go() -> None:
    old = Load(id="old", need=3, phase=Phase.WARM, idle_since=1.0)
    new = Load(id="new", need=3, phase=Phase.WARM, idle_since=2.0)
    busy = Load(id="busy", need=3, phase=Phase.WARM, active=1)
    state = {load.id: load for load in (busy, new, old)}
    assert decide(state, 9, 3.0, RULES).stop == ()
    assert decide(state, 8, 3.0, RULES).stop == ("old",)
    assert set(decide(state, 2, 3.0, RULES).stop) == {"old", "new"}


def test_a_load_that_nobody_waits_for_any_more_makes_room() -> None:
    given_up = Load(id="given up", need=4, phase=Phase.LOADING)
    wanted = Load(id="wanted", need=4, queue={1: 1.0})
    state = {"given up": given_up, "wanted": wanted}
    assert decide(state, 6, 2.0, RULES).stop == ("given up",)
    given_up.queue[2] = 0.5
    assert decide(state, 6, 2.0, RULES).stop == ()


def test_what_rests_or_has_no_room_at_all_is_passed_over() -> None:
    rests = Load(id="rests", need=2, queue={1: 1.0}, rests_until=5.0)
    huge = Load(id="huge", need=9, queue={2: 1.5})
    fits = Load(id="fits", need=6, queue={3: 2.0})
    decision = decide({each.id: each for each in (rests, huge, fits)}, 6, 4.5, RULES)
    assert decision.start == ("fits",)
    assert decision.wake_at == 5.0


def test_a_model_with_other_settings_goes_as_soon_as_nobody_uses_it() -> None:
    changed = Load(id="changed", need=2, phase=Phase.WARM, active=1, outdated=True, queue={1: 1.0})
    assert decide({"changed": changed}, 6, 2.0, RULES).stop == ()
    changed.active = 0
    assert decide({"changed": changed}, 6, 2.0, RULES).stop == ("changed",)
