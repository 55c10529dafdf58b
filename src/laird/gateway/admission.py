"""Taking a request from its key's rate, and telling the client what is left of it."""

from __future__ import annotations

import time

from laird.domain.errors import LairdError
from laird.gateway.call import Call, Trace
from laird.limits.rates import Rates


def admit(rates: Rates, call: Call, trace: Trace, tokens: int) -> bool:
    """Take one request and `tokens` from the rate of its key; False where the key has no limits.

    What is left then is in `trace`, also when this raises. Where it returns True, `Rates.settle`
    follows. Raises what `Rates.admit` raises.
    """
    key = call.caller.key
    rate = key.rate
    now = time.monotonic()
    try:
        trace.rate = rates.admit(key.id, rate, tokens, now)
    except LairdError:
        trace.rate = rates.standing(key.id, rate, now)
        raise
    return trace.rate is not None


def expected_tokens(call: Call) -> int:
    """Return what to take for a request at first; counting tokens uses none."""
    if call.count is not None:
        return 0
    return call.facts.prompt_tokens + (call.facts.max_tokens or 0)
