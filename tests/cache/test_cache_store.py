"""What the cache keeps, for how long, and in how much memory."""

from __future__ import annotations

import gc
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laird.cache.store import OVERHEAD_BYTES, Entry, ResponseCache
from laird.domain.cache import CacheSettings

NOW = 1000.0


def entry(body: bytes = b"x" * 100, *, at: float = NOW, key_id: str = "k") -> Entry:
    return Entry(
        body=body,
        stream=False,
        key_id=key_id,
        provider="a",
        model="m",
        upstream_model="m",
        external=False,
        stored_at=at,
        tokens=12,
        cost_nano=500,
    )


def room_for(count: int, body: bytes = b"x" * 100) -> CacheSettings:
    return CacheSettings(max_bytes=count * entry(body).size)


def test_an_answer_is_there_until_it_is_too_old() -> None:
    cache = ResponseCache(CacheSettings(ttl_s=60))
    cache.put(b"a", entry())
    assert cache.get(b"b", NOW) is None
    assert cache.get(b"a", NOW + 59.9) == entry()
    assert cache.get(b"a", NOW + 60) is None
    assert len(cache) == 0
    assert cache.stats().bytes == 0
    assert cache.stats().expired == 1


def test_the_least_recently_used_goes_first() -> None:
    cache = ResponseCache(room_for(3))
    for name in (b"a", b"b", b"c"):
        cache.put(name, entry())
    assert cache.get(b"a", NOW)
    cache.put(b"d", entry())
    assert cache.get(b"b", NOW) is None
    assert all(cache.get(name, NOW) for name in (b"a", b"c", b"d"))
    assert cache.stats().evicted == 1


def test_a_newer_answer_takes_the_place_of_the_older_one() -> None:
    cache = ResponseCache(CacheSettings(ttl_s=60))
    cache.put(b"a", entry(b"old"))
    cache.put(b"a", entry(b"new", at=NOW + 50))
    assert len(cache) == 1
    # The older one's time is no longer that of the name.
    cache.sweep(NOW + 70)
    found = cache.get(b"a", NOW + 70)
    assert found is not None
    assert found.body == b"new"
    assert cache.stats().evicted == 0


def test_what_is_too_large_is_not_kept_and_does_not_leave_an_old_answer() -> None:
    cache = ResponseCache(CacheSettings(max_entry_bytes=2000))
    cache.put(b"a", entry())
    cache.put(b"a", entry(b"x" * 2000, at=NOW + 1))
    assert cache.get(b"a", NOW + 1) is None
    assert cache.stats().too_large == 1


def test_smaller_settings_are_in_force_at_once() -> None:
    cache = ResponseCache(CacheSettings(ttl_s=60))
    cache.put(b"large", entry(b"x" * 5000))
    for name in (b"a", b"b", b"c"):
        cache.put(name, entry())
    cache.configure(CacheSettings(ttl_s=10, max_entry_bytes=2000, max_bytes=2 * entry().size))
    assert [cache.get(name, NOW) for name in (b"large", b"a")] == [None, None]
    assert cache.get(b"b", NOW + 9)
    assert cache.get(b"b", NOW + 10) is None
    cache.configure(CacheSettings(max_bytes=0))
    assert len(cache) == 0


def test_forgetting_everything_or_what_one_key_asked() -> None:
    cache = ResponseCache()
    cache.put(b"a", entry())
    cache.put(b"b", entry(key_id="other"))
    assert cache.clear("nobody") == 0
    assert cache.clear("other") == 1
    assert cache.get(b"a", NOW)
    assert cache.clear() == 1
    assert cache.stats().bytes == 0


def test_an_answer_under_way_counts_as_memory_and_is_given_up_when_there_is_none() -> None:
    cache = ResponseCache(CacheSettings(max_bytes=4000, max_entry_bytes=3000))
    cache.put(b"a", entry(b"x" * 1000))
    recording = cache.recorder()
    recording.add(b"y" * 1500)
    assert cache.stats().bytes > 2500 + OVERHEAD_BYTES
    recording.add(b"y" * 700)
    # There was room for one of the two.
    assert cache.get(b"a", NOW) is None
    other = cache.recorder()
    other.add(b"z" * 2000)
    assert not other.whole
    assert recording.whole
    assert recording.take() == b"y" * 2200
    assert cache.stats().bytes == 0


def test_a_recording_larger_than_an_entry_may_be_is_given_up_at_once() -> None:
    cache = ResponseCache(CacheSettings(max_entry_bytes=3000))
    recording = cache.recorder()
    for _ in range(10):
        recording.add(b"x" * 1000)
    assert not recording.whole
    assert recording.size == 0
    assert cache.stats().bytes == 0
    assert cache.stats().too_large == 1
    recording.close()
    assert cache.stats().bytes == 0


def test_hits_and_misses_are_counted_with_what_was_saved() -> None:
    cache = ResponseCache()
    cache.hit(entry())
    cache.hit(entry())
    cache.miss(refresh=False)
    cache.miss(refresh=True)
    stats = cache.stats()
    assert (stats.hits, stats.misses, stats.refreshes) == (2, 2, 1)
    assert (stats.saved_tokens, stats.saved_nano) == (24, 1000)


@pytest.mark.parametrize("size", [0, 50, 3000])
def test_memory_is_counted_honestly(size: int) -> None:
    cache = ResponseCache(CacheSettings(max_bytes=2**30))
    names = [number.to_bytes(32, "big") for number in range(2000)]
    gc.collect()
    tracemalloc.start()
    try:
        for number, name in enumerate(names):
            body = bytes([number % 251]) * (size + number % 7)
            cache.put(bytes(bytearray(name)), entry(body, at=NOW + number / 1000))
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken <= cache.stats().bytes <= 2 * taken + 2000 * 200


def test_the_list_of_ages_does_not_grow_without_bound() -> None:
    cache = ResponseCache(CacheSettings(ttl_s=3600))
    for number in range(20_000):
        cache.put(b"one", entry(at=NOW + number / 100))
    assert len(cache._ages) < 2000
    cache.sweep(NOW + 10_000)
    assert len(cache) == 0


steps = st.lists(
    st.tuples(
        st.sampled_from(["put", "get", "sweep", "clear"]),
        st.integers(0, 5),
        st.integers(0, 400),
        st.floats(0, 20),
    ),
    max_size=60,
)


@settings(deadline=None)
@given(steps=steps)
def test_it_is_never_over_its_limit_and_never_gives_what_is_old(
    steps: list[tuple[str, int, int, float]],
) -> None:
    limit = 4 * entry().size
    cache = ResponseCache(CacheSettings(ttl_s=30, max_bytes=limit))
    newest: dict[bytes, tuple[float, bytes]] = {}
    now = NOW
    for what, number, size, pause in steps:
        now += pause
        name = bytes([number])
        if what == "put":
            body = bytes([number]) * size
            cache.put(name, entry(body, at=now))
            newest[name] = (now, body)
        elif what == "get":
            found = cache.get(name, now)
            if found is not None:
                assert (found.stored_at, found.body) == newest[name]
                assert now - found.stored_at < 30
        elif what == "sweep":
            cache.sweep(now)
        else:
            cache.clear()
        stats = cache.stats()
        assert 0 <= stats.bytes <= limit
        assert stats.bytes == sum(each.size for each in cache._entries.values())
