"""Whether a caller may have an answer from one candidate of a name, whatever its state is now."""

from __future__ import annotations

from laird.domain.keys import Caller
from laird.routing.target import Candidate, Target


def permitted(target: Target, caller: Caller, key: str) -> Candidate | None:
    """Return the candidate called `key` (`provider/model`) if the caller may be served by it.

    These are the rules by which planning leaves candidates out for privacy and for the key's
    policy. Health, limits and budgets say nothing here: an answer that is there already needs none
    of them. A candidate of a disabled provider is none.
    """
    policy = caller.key
    providers = policy.allowed_providers
    for group in target.groups:
        models = policy.allowed_models
        if not models.isdisjoint(group.grants):
            models = frozenset()
        for candidate in group.candidates:
            if (
                candidate.key == key
                and not (caller.local_only and candidate.external)
                and (not providers or candidate.provider_id in providers)
                and (not models or not models.isdisjoint(candidate.names))
            ):
                return candidate
    return None
