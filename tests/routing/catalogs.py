"""Small catalogues to plan over, and hypothesis strategies for large ones."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from laird.domain.catalog import (
    Capabilities,
    Chain,
    ChainStep,
    Egress,
    Model,
    Pricing,
    Provider,
    Rate,
    RoutingRules,
    Snapshot,
    Strategy,
    Tier,
)
from laird.domain.health import HealthStatus, ProviderCondition
from laird.domain.keys import ApiKey, Caller
from laird.domain.plan import Conditions, RequestFacts

CALLER = Caller(key=ApiKey(id="k1", name="laptop", digest="", prefix="lai_1234", created_us=0))
LOCAL_CALLER = Caller(key=CALLER.key, local_only=True, privacy_reason="header")


def caller(**limits: Any) -> Caller:
    key = ApiKey(id="k1", name="laptop", digest="", prefix="lai_1234", created_us=0, **limits)
    return Caller(key=key)


def facts(model: str = "auto", **wishes: Any) -> RequestFacts:
    return RequestFacts(model=model, **wishes)


def provider(provider_id: str, *, external: bool = False, **fields: Any) -> Provider:
    return Provider(
        id=provider_id,
        name=provider_id.title(),
        kind=fields.pop("kind", "custom"),
        egress=Egress.EXTERNAL if external else Egress.LOCAL,
        endpoint="http://127.0.0.1:1",
        **fields,
    )


def model(key: str, *, external: bool = False, **fields: Any) -> Model:
    provider_id, _, model_id = key.partition("/")
    fields.setdefault("upstream_model", model_id)
    return Model(
        id=model_id,
        name=fields.pop("name", model_id),
        provider_id=provider_id,
        egress=Egress.EXTERNAL if external else Egress.LOCAL,
        **fields,
    )


def priced(dollars_in: int, dollars_out: int | None = None) -> Pricing:
    """Return prices in whole dollars per million tokens."""
    out = dollars_in if dollars_out is None else dollars_out
    return Pricing(input=Rate(dollars_in * 10**9), output=Rate(out * 10**9))


def chain(chain_id: str, *keys: str, strategy: Strategy | None = None, **fields: Any) -> Chain:
    steps = (key.partition("/") for key in keys)
    return Chain(
        id=chain_id,
        name=chain_id,
        steps=tuple(ChainStep(provider_id=p, model_id=m, **fields) for p, _, m in steps),
        strategy=strategy,
    )


def snapshot(
    providers: list[Provider],
    models: list[Model],
    *,
    chains: list[Chain] | None = None,
    aliases: dict[str, str] | None = None,
    **routing: Any,
) -> Snapshot:
    by_name: dict[str, tuple[Model, ...]] = {}
    for each in models:
        for name in dict.fromkeys((each.id, each.name)):
            by_name[name] = (*by_name.get(name, ()), each)
    return Snapshot(
        revision="r1",
        providers={each.id: each for each in providers},
        models={each.key: each for each in models},
        chains={each.id: each for each in chains or ()},
        aliases=aliases or {},
        by_name=by_name,
        defaults={each.provider_id: each for each in models if each.is_default},
        routing=RoutingRules(**routing),
    )


_maybe = st.sampled_from([None, True, False])
_ids = st.sampled_from(["p0", "p1", "p2", "p3"])


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    providers: list[Provider] = []
    models: list[Model] = []
    for number in range(draw(st.integers(1, 4))):
        external = draw(st.booleans())
        one = provider(
            f"p{number}",
            external=external,
            kind=draw(st.sampled_from(["custom", "openai", "demo"])),
            enabled=draw(st.integers(0, 4)) > 0,
            priority=draw(st.integers(0, 3)),
            weight=draw(st.integers(0, 3)),
            max_concurrent=draw(st.sampled_from([None, 1, 4])),
            max_tokens_per_request=draw(st.sampled_from([None, None, 500])),
        )
        providers.append(one)
        for place in range(draw(st.integers(0, 3))):
            pricing = Pricing(
                input=Rate(draw(st.integers(0, 50)), (Tier(100, draw(st.integers(0, 50))),)),
                output=Rate(draw(st.integers(0, 50))),
            )
            models.append(
                model(
                    f"{one.id}/m{place}",
                    external=external or draw(st.booleans()),
                    context_window=draw(st.sampled_from([None, 300, 100_000])),
                    pricing=draw(st.sampled_from([None, pricing])),
                    capabilities=Capabilities(
                        streaming=draw(_maybe),
                        function_calling=draw(_maybe),
                        vision=draw(_maybe),
                        json_mode=draw(_maybe),
                        embeddings=draw(_maybe),
                        reasoning=draw(_maybe),
                    ),
                )
            )
    keys = [each.key for each in models]
    strategy = st.sampled_from([None, *Strategy])
    chains = [
        chain(name, *draw(st.lists(st.sampled_from(keys), max_size=4)), strategy=draw(strategy))
        for name in (["c0", "c1"] if keys else [])
    ]
    return snapshot(
        providers,
        models,
        chains=chains,
        strategy=draw(st.sampled_from(list(Strategy))),
        fallback=draw(st.sampled_from([None, "c0"])),
    )


names = st.sampled_from(["auto", "m0", "m1", "p0", "p1", "p0/m0", "p1/m1", "c0", "c1"])

requests = st.builds(
    RequestFacts,
    model=st.just("asked"),
    stream=st.booleans(),
    tools=st.booleans(),
    vision=st.booleans(),
    json_mode=st.booleans(),
    embeddings=st.integers(0, 5).map(lambda number: number == 0),
    reasoning=st.booleans(),
    prompt_tokens=st.integers(0, 600),
    max_tokens=st.none() | st.integers(0, 600),
)

callers = st.builds(
    Caller,
    key=st.builds(
        ApiKey,
        id=st.just("k1"),
        name=st.just("laptop"),
        digest=st.just(""),
        prefix=st.just(""),
        created_us=st.just(0),
        allowed_models=st.sampled_from(
            [frozenset[str](), frozenset({"m0"}), frozenset({"c0"}), frozenset({"p0/m0", "auto"})]
        ),
        allowed_providers=st.sampled_from([frozenset[str](), frozenset({"p0", "p1"})]),
    ),
    local_only=st.booleans(),
)

conditions = st.builds(
    Conditions,
    health=st.dictionaries(
        _ids,
        st.builds(
            ProviderCondition,
            status=st.sampled_from(list(HealthStatus)),
            admits=st.booleans(),
            resting_until=st.sampled_from([0.0, 0.0, 200.0]),
            latency_ms=st.none() | st.floats(1, 1000),
            credential_bad=st.integers(0, 4).map(lambda number: number == 0),
        ),
    ),
    active=st.dictionaries(_ids, st.integers(0, 5)),
    exhausted=st.frozensets(_ids, max_size=1),
    now=st.just(100.0),
    draw=st.floats(0, 1, exclude_max=True),
)
