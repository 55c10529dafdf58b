"""What a client may write as `model`, and what it means.

In order of precedence: `auto`, a `provider/model` key, an alias, a chain's id, a model's id or
name (at every provider that has it), `provider/name`, a provider's id (its default model).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from heapq import nlargest
from itertools import pairwise

import msgspec

from laird.domain.catalog import Chain, Model, Provider, Snapshot
from laird.domain.errors import ModelNotFound
from laird.domain.plan import Dropped, DropReason
from laird.domain.spending import Spending
from laird.routing.target import (
    WRITTEN,
    Calling,
    Candidate,
    Group,
    Target,
    build_candidate,
    calling_of,
    unasked_lacks,
)

AUTO = "auto"
DEMO_KIND = "demo"

_STANDS_IN = "stands in because nothing else can serve"

# Looking for similar names is slow work on text that a client chose.
_LONGEST_NAME = 120
_COMPARED = 24
_NEAREST = 3


class Names:
    """All names of one snapshot. A target is built when it is first asked for, and kept."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._targets: dict[str, Target] = {}
        self._by_path: dict[str, Model] = {}
        self._spelling: list[tuple[str, frozenset[str]]] = []
        for model in snapshot.models.values():
            self._by_path.setdefault(f"{model.provider_id}/{model.name}", model)

    def resolve(self, name: str) -> Target:
        """Return what a name means.

        Raises:
            ModelNotFound: nothing has that name; it carries up to three similar ones.
        """
        target = self._targets.get(name)
        if target is None:
            target = self._build(name, frozenset())
            if target is None:
                raise ModelNotFound(name[:_LONGEST_NAME], self._nearest(name))
            self._targets[name] = target
        return target

    def _build(self, name: str, followed: frozenset[str]) -> Target | None:
        snapshot = self.snapshot
        if name == AUTO:
            return self._auto(followed | {AUTO})
        if (model := snapshot.models.get(name)) is not None:
            return self._of_models(f"model:{name}", (model,), followed)
        if (meaning := snapshot.aliases.get(name)) is not None:
            # Aliases that lead round in a circle mean nothing.
            return None if name in followed else self._build(meaning, followed | {name})
        if (chain := snapshot.chains.get(name)) is not None:
            return self._of_chain(chain, followed)
        if models := snapshot.by_name.get(name):
            return self._of_models(f"model:{name}", models, followed)
        if (model := self._by_path.get(name)) is not None:
            return self._of_models(f"model:{model.key}", (model,), followed)
        if (provider := snapshot.providers.get(name)) is not None:
            return self._of_models(f"provider:{name}", self._default_of(provider), followed)
        return None

    def _auto(self, grants: frozenset[str]) -> Target:
        usual: list[Candidate] = []
        doubtful: list[Candidate] = []
        demo: list[Candidate] = []
        real = any(self._is_real(model) for model in self.snapshot.models.values())
        for provider, model in self._placed(self.snapshot.models.values()):
            calling = calling_of(model)
            lacks = unasked_lacks(model, calling)
            if provider.kind == DEMO_KIND:
                demo.append(build_candidate(provider, model, reason=_STANDS_IN, lacks=lacks))
            elif calling is Calling.DOUBTFUL:
                doubtful.append(build_candidate(provider, model, reason=_STANDS_IN, lacks=lacks))
            else:
                usual.append(build_candidate(provider, model, lacks=lacks))
        strategy = self.snapshot.routing.strategy
        groups = [
            Group(candidates=tuple(usual), strategy=strategy, grants=grants),
            *self._fallback({each.key for each in usual}),
        ]
        present = {each.key for group in groups for each in group.candidates}
        # A canned answer must never stand in for a model that is down or not allowed.
        for others in (doubtful,) if real else (doubtful, demo):
            rest = tuple(each for each in others if each.key not in present)
            groups.append(Group(candidates=rest, strategy=strategy, grants=grants, standby=True))
        target = _target(AUTO, groups)
        if not real:
            return target
        left_out = tuple(
            Dropped(
                provider_id=each.provider_id,
                model_id=each.model.id,
                reason=DropReason.STANDBY,
                detail="the demo answers `auto` only where no other provider is configured",
            )
            for each in demo
            if each.key not in present
        )
        return msgspec.structs.replace(target, disabled=target.disabled + left_out)

    def _is_real(self, model: Model) -> bool:
        """Tell whether a model is of an enabled provider that is not the demo."""
        provider = self.snapshot.providers.get(model.provider_id)
        return provider is not None and provider.enabled and provider.kind != DEMO_KIND

    def _of_models(self, resolved: str, models: Iterable[Model], grants: frozenset[str]) -> Target:
        own = tuple(build_candidate(*each) for each in self._placed(models))
        strategy = self.snapshot.routing.strategy
        group = Group(candidates=own, strategy=strategy, grants=grants)
        return _target(resolved, [group, *self._fallback({each.key for each in own})])

    def _of_chain(self, chain: Chain, grants: frozenset[str]) -> Target:
        own = self._steps(chain, f"chain '{chain.id}'", set())
        group = Group(candidates=own, strategy=chain.strategy, grants=grants | {chain.id})
        fallback = self._fallback({each.key for each in own})
        return _target(f"chain:{chain.id}", [group, *fallback])

    def _fallback(self, present: set[str]) -> list[Group]:
        """Return the fallback chain as a group without the candidates that are there already."""
        name = self.snapshot.routing.fallback
        chain = self.snapshot.chains.get(name) if name is not None else None
        if chain is None:
            return []
        steps = self._steps(chain, f"fallback chain '{chain.id}'", present)
        grants = frozenset({chain.id})
        return [Group(candidates=steps, strategy=chain.strategy, grants=grants)]

    def _steps(self, chain: Chain, title: str, present: set[str]) -> tuple[Candidate, ...]:
        """Return a chain's candidates; a step that repeats one, or whose model is gone, is none."""
        seen = set(present)
        steps: list[Candidate] = []
        for number, step in enumerate(chain.steps, start=1):
            key = f"{step.provider_id}/{step.model_id}"
            model = self.snapshot.models.get(key)
            provider = self.snapshot.providers.get(step.provider_id)
            if model is None or provider is None or key in seen:
                continue
            seen.add(key)
            steps.append(
                build_candidate(
                    provider,
                    model,
                    reason=f"step {number} of {title}",
                    max_retries=step.max_retries,
                    timeout_s=step.timeout_s,
                )
            )
        return tuple(steps)

    def _placed(self, models: Iterable[Model]) -> Iterator[tuple[Provider, Model]]:
        providers = self.snapshot.providers
        for model in models:
            if (provider := providers.get(model.provider_id)) is not None:
                yield provider, model

    def _default_of(self, provider: Provider) -> tuple[Model, ...]:
        if (model := self.snapshot.defaults.get(provider.id)) is not None:
            return (model,)
        own = [each for each in self.snapshot.models.values() if each.provider_id == provider.id]
        flagged = [each for each in own if each.is_default]
        return tuple((flagged or own)[:1])

    def _nearest(self, name: str) -> tuple[str, ...]:
        if len(name) > _LONGEST_NAME:
            return ()
        wanted = name.lower()
        pairs = _pairs(wanted)
        # The exact comparison is slow, so it is kept for names that share most pairs of letters.
        likely = nlargest(_COMPARED, self._known(), key=lambda known: len(pairs & known[1]))
        spelled = {known.lower(): known for known, _ in likely}
        return tuple(spelled[each] for each in get_close_matches(wanted, spelled, _NEAREST))

    def _known(self) -> list[tuple[str, frozenset[str]]]:
        """Return all names with their pairs of letters; built when a name is first missed."""
        if not self._spelling:
            snapshot = self.snapshot
            every = dict.fromkeys((AUTO, *snapshot.aliases, *snapshot.chains, *snapshot.by_name))
            every.update(dict.fromkeys((*snapshot.models, *snapshot.providers)))
            self._spelling = [(each, _pairs(each.lower())) for each in every]
        return self._spelling


def everything_for(spending: Spending | None, names: Names) -> Target | None:
    """Return what may stand in for what budgets have no room for; None where nothing may."""
    if spending is None or not spending.may_go_local:
        return None
    return names.resolve(AUTO)


def resolve(snapshot: Snapshot, name: str) -> Target:
    """Return what a name means under a snapshot; for many names, keep a `Names`.

    Raises:
        ModelNotFound: nothing has that name; it carries up to three similar ones.
    """
    return Names(snapshot).resolve(name)


def _pairs(name: str) -> frozenset[str]:
    return frozenset(map("".join, pairwise(name)))


def _target(resolved: str, groups: list[Group]) -> Target:
    """Take the candidates of disabled providers out of the groups, and drop empty groups."""
    disabled: list[Dropped] = []
    kept: list[Group] = []
    for group in groups:
        able: list[Candidate] = []
        for each in group.candidates:
            if each.provider.enabled:
                able.append(each)
            else:
                disabled.append(
                    Dropped(
                        provider_id=each.provider_id,
                        model_id=each.model.id,
                        reason=DropReason.DISABLED,
                        detail="its provider is disabled",
                    )
                )
        if able:
            kept.append(
                Group(
                    candidates=tuple(able),
                    strategy=group.strategy,
                    grants=group.grants,
                    standby=group.standby,
                )
            )
    strategy = groups[0].strategy
    candidates = [each for group in kept for each in group.candidates]
    return Target(
        resolved=resolved,
        strategy=WRITTEN if strategy is None else strategy.value,
        groups=tuple(kept),
        disabled=tuple(disabled),
        only=candidates[0] if len(candidates) == 1 else None,
    )
