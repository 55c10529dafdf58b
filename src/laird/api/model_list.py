"""Which names a key may ask for, and what they are."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from laird.domain.catalog import Egress, Model
from laird.domain.errors import ModelNotFound
from laird.domain.keys import Caller
from laird.routing.names import AUTO, Names
from laird.routing.target import Candidate, Group, Target

_LONGEST_NAME = 120


class ListedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A name that may be used as `model`."""

    id: str
    title: str
    """What people call it."""
    owner: str
    """The provider's id; `laird` for what chooses among several models."""
    egress: Egress
    """External where any model that may answer is."""
    model: Model | None = None
    """The one model that it means; None for `auto`, chains, and aliases of those."""


def listed_models(names: Names, caller: Caller) -> Iterator[ListedModel]:
    """Yield what a caller may ask for: `auto`, aliases, chains and models as `provider/model`."""
    snapshot = names.snapshot
    for name in dict.fromkeys((AUTO, *snapshot.aliases, *snapshot.chains, *snapshot.models)):
        found = _listed(names, name, caller)
        if found is not None:
            yield found


def find_model(names: Names, name: str, caller: Caller) -> ListedModel:
    """Return what a name means to a caller; any name that could be asked for will do.

    Raises `ModelNotFound` with similar names, none of which is kept from the caller.
    """
    found = _listed(names, name, caller)
    if found is not None:
        return found
    try:
        names.resolve(name)
    except ModelNotFound as error:
        similar = (each for each in error.nearest if _listed(names, each, caller) is not None)
        raise ModelNotFound(name[:_LONGEST_NAME], tuple(similar)) from None
    raise ModelNotFound(name[:_LONGEST_NAME])


def _listed(names: Names, name: str, caller: Caller) -> ListedModel | None:
    """Return what a name means, None where it means nothing that the caller may use."""
    try:
        target = names.resolve(name)
    except ModelNotFound:
        # It may be an alias whose meaning is gone.
        return None
    usable = [
        candidate
        for group in target.groups
        for candidate in group.candidates
        if _means(target, candidate) and _may_use(caller, group, candidate)
    ]
    if not usable:
        return None
    external = any(candidate.external for candidate in usable)
    model = usable[0].model
    single = target.resolved.startswith("model:") or target.resolved.startswith("provider:")
    chain = names.snapshot.chains.get(name)
    return ListedModel(
        id=name,
        title=model.name if single else name if chain is None else chain.name,
        owner=model.provider_id if single else "laird",
        egress=Egress.EXTERNAL if external else Egress.LOCAL,
        model=model if single else None,
    )


def _means(target: Target, candidate: Candidate) -> bool:
    """Tell whether a candidate is meant by the target's name, and not only its fallback."""
    kind, _, name = target.resolved.partition(":")
    if kind == "model":
        return name in candidate.names
    return kind != "provider" or candidate.provider_id == name


def _may_use(caller: Caller, group: Group, candidate: Candidate) -> bool:
    key = caller.key
    if caller.local_only and candidate.external:
        return False
    if key.allowed_providers and candidate.provider_id not in key.allowed_providers:
        return False
    allowed = key.allowed_models
    return (
        not allowed
        or not allowed.isdisjoint(candidate.names)
        or not allowed.isdisjoint(group.grants)
    )
