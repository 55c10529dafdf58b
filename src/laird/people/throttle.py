"""How often somebody may try to sign in: a few times at once, then ever more slowly.

Tries are counted by name and by address. One counts from its beginning, so that many at once gain
nothing, and the one that succeeds is taken back. A name that nobody has counts like any other. The
longest wait for a name is short, since anybody can make its owner wait; for an address it is long.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict

from laird.domain.errors import RateLimited

FREE_TRIES = 5
LONGEST_WAIT_OF_NAME_S = 30.0
LONGEST_WAIT_OF_ADDRESS_S = 900.0
_FORGET_S = 3600.0
_MOST = 10_000


class _Tries:
    __slots__ = ("count", "last")

    def __init__(self) -> None:
        self.count = 0
        self.last = 0.0


class Throttle:
    """Counts tries. `now` is monotonic seconds throughout."""

    def __init__(self) -> None:
        self._tries: OrderedDict[str, _Tries] = OrderedDict()

    def begin(self, name: str, address: str, now: float) -> None:
        """Count a try by a name (folded) and an address.

        Raises:
            RateLimited: it comes too early; it is not counted then.
        """
        wait = max(
            self._wait(f"n:{name}", LONGEST_WAIT_OF_NAME_S, now),
            self._wait(_network(address), LONGEST_WAIT_OF_ADDRESS_S, now),
        )
        if wait > 0:
            raise RateLimited(
                "There were too many tries to sign in. Wait a little, then try again.",
                retry_after_s=wait,
            )
        for place in (f"n:{name}", _network(address)):
            tries = self._tries.setdefault(place, _Tries())
            tries.count += 1
            tries.last = now
            self._tries.move_to_end(place)
        while len(self._tries) > _MOST:
            self._tries.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """Take a try back: it was the right one. The name begins anew; the address does not."""
        self._tries.pop(f"n:{name}", None)
        tries = self._tries.get(_network(address))
        if tries is not None:
            tries.count -= 1

    def _wait(self, place: str, longest: float, now: float) -> float:
        """Return the seconds to wait before the next try, 0 for none."""
        tries = self._tries.get(place)
        if tries is None:
            return 0.0
        if now - tries.last > _FORGET_S:
            del self._tries[place]
            return 0.0
        over = tries.count - FREE_TRIES
        if over < 0:
            return 0.0
        return max(0.0, tries.last + min(longest, 2.0 ** min(over, 30)) - now)


def _network(address: str) -> str:
    """Return what is counted for an address: of IPv6 the network, for a house has many."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return f"a:{address}"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return f"a:{parsed.ipv4_mapped}"
        return f"a:{ipaddress.ip_network((parsed, 64), strict=False)}"
    return f"a:{parsed}"
