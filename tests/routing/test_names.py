"""What the field `model` may say, and what it means."""

from __future__ import annotations

import pytest
from tests.routing.catalogs import chain, model, provider, snapshot

from laird.domain.catalog import Capabilities
from laird.domain.errors import ModelNotFound
from laird.domain.plan import DropReason
from laird.routing.names import Names, resolve
from laird.routing.target import CHAT, EMBEDDINGS, Target

HOME = snapshot(
    [provider("ollama"), provider("studio"), provider("openai", external=True)],
    [
        model("ollama/llama3"),
        model("ollama/qwen", name="Qwen 3", is_default=True),
        model("studio/llama3"),
        model("openai/gpt-4o", external=True),
    ],
    chains=[chain("careful", "ollama/llama3", "openai/gpt-4o", max_retries=3, timeout_s=20.0)],
    aliases={
        "fast": "ollama/llama3",
        "fastest": "fast",
        "work": "careful",
        "circle": "circus",
        "circus": "circle",
        "nowhere": "gone",
    },
)


def keys(target: Target) -> list[str]:
    return [each.key for each in target.candidates]


@pytest.mark.parametrize(
    ("name", "resolved", "expected"),
    [
        ("auto", "auto", ["ollama/llama3", "ollama/qwen", "studio/llama3", "openai/gpt-4o"]),
        ("ollama/llama3", "model:ollama/llama3", ["ollama/llama3"]),
        ("llama3", "model:llama3", ["ollama/llama3", "studio/llama3"]),
        ("Qwen 3", "model:Qwen 3", ["ollama/qwen"]),
        ("ollama/Qwen 3", "model:ollama/qwen", ["ollama/qwen"]),
        ("ollama", "provider:ollama", ["ollama/qwen"]),
        ("studio", "provider:studio", ["studio/llama3"]),
        ("careful", "chain:careful", ["ollama/llama3", "openai/gpt-4o"]),
        ("fast", "model:ollama/llama3", ["ollama/llama3"]),
        ("fastest", "model:ollama/llama3", ["ollama/llama3"]),
        ("work", "chain:careful", ["ollama/llama3", "openai/gpt-4o"]),
    ],
)
def test_every_kind_of_name_leads_to_its_candidates(
    name: str, resolved: str, expected: list[str]
) -> None:
    target = resolve(HOME, name)

    assert target.resolved == resolved
    assert keys(target) == expected


@pytest.mark.parametrize("name", ["gone", "circle", "nowhere", "", "openai/llama3"])
def test_a_name_that_means_nothing_is_not_found(name: str) -> None:
    with pytest.raises(ModelNotFound):
        resolve(HOME, name)


def test_an_unknown_name_is_answered_with_up_to_three_similar_ones() -> None:
    with pytest.raises(ModelNotFound) as error:
        resolve(HOME, "GPT-4")
    assert error.value.nearest[0] == "gpt-4o"
    assert len(error.value.nearest) <= 3
    assert "Did you mean gpt-4o" in error.value.message


def test_an_endless_name_is_neither_compared_nor_repeated() -> None:
    with pytest.raises(ModelNotFound) as error:
        resolve(HOME, "llama3" * 10_000)
    assert error.value.nearest == ()
    assert len(error.value.message) < 300


def test_names_that_collide_mean_key_alias_chain_model_provider_in_that_order() -> None:
    providers = [provider("a"), provider("b"), provider("m")]
    models = [model("a/m"), model("b/m"), model("m/z")]
    chains = [chain("m", "b/m"), chain("a/m", "b/m")]
    everything = snapshot(providers, models, chains=chains, aliases={"m": "a/m", "a/m": "m/z"})

    assert resolve(everything, "a/m").resolved == "model:a/m"
    assert keys(resolve(everything, "m")) == ["a/m"]
    assert resolve(snapshot(providers, models, chains=chains), "m").resolved == "chain:m"
    assert resolve(snapshot(providers, models), "m").resolved == "model:m"
    assert resolve(snapshot(providers, models[2:]), "m").resolved == "provider:m"


def test_auto_is_not_to_be_redefined() -> None:
    assert resolve(snapshot([], [], aliases={"auto": "x"}), "auto").resolved == "auto"


def test_a_providers_default_is_the_flagged_model_else_the_first() -> None:
    models = [model("a/one"), model("a/two", is_default=True), model("b/three")]
    without_index = snapshot([provider("a"), provider("b")], models)
    bare = snapshot([provider("a")], [model("a/one"), model("a/two")])

    assert keys(resolve(without_index, "a")) == ["a/two"]
    assert keys(resolve(bare, "a")) == ["a/one"]
    assert keys(resolve(snapshot([provider("a")], []), "a")) == []


def test_a_chains_retries_and_timeouts_are_its_candidates_own() -> None:
    first, second = resolve(HOME, "careful").candidates

    assert (first.max_retries, first.timeout_s) == (3, 20.0)
    assert first.attempt.reason == "step 1 of chain 'careful'"
    assert second.attempt.reason == "step 2 of chain 'careful'"


def test_a_step_that_repeats_one_or_whose_model_is_gone_is_passed_over() -> None:
    looped = snapshot(
        [provider("a")], [model("a/m")], chains=[chain("c", "a/m", "a/gone", "x/m", "a/m")]
    )

    assert keys(resolve(looped, "c")) == ["a/m"]


def test_the_fallback_chain_follows_a_name_s_own_candidates_without_repeating_them() -> None:
    home = snapshot(
        [provider("a"), provider("b")],
        [model("a/m"), model("b/m"), model("b/n")],
        chains=[chain("safety", "b/m", "a/m")],
        fallback="safety",
    )

    assert keys(resolve(home, "a/m")) == ["a/m", "b/m"]
    assert keys(resolve(home, "b/n")) == ["b/n", "b/m", "a/m"]
    assert keys(resolve(home, "safety")) == ["b/m", "a/m"]
    assert keys(resolve(home, "auto")) == ["a/m", "b/m", "b/n"]
    assert resolve(home, "b/n").candidates[1].attempt.reason == "step 1 of fallback chain 'safety'"


def test_a_fallback_that_is_no_chain_adds_nothing() -> None:
    home = snapshot([provider("a")], [model("a/m")], fallback="gone")

    assert keys(resolve(home, "a/m")) == ["a/m"]


def test_the_demo_is_no_candidate_of_auto_beside_a_real_model_unless_a_chain_names_it() -> None:
    providers = [provider("demo", kind="demo"), provider("a", external=True)]
    models = [model("demo/echo"), model("a/m", external=True)]
    chains = [chain("c", "demo/echo", "a/m")]

    target = resolve(snapshot(providers, models), "auto")
    assert [(group.standby, group.candidates[0].key) for group in target.groups] == [
        (False, "a/m"),
    ]
    assert [each.model_id for each in target.disabled] == ["echo"]
    assert keys(resolve(snapshot(providers, models, chains=chains), "c")) == ["demo/echo", "a/m"]
    fallback = resolve(snapshot(providers, models, chains=chains, fallback="c"), "auto")
    assert keys(fallback) == ["a/m", "demo/echo"]
    assert not any(group.standby for group in fallback.groups)


def test_disabled_providers_are_listed_as_left_out() -> None:
    target = resolve(snapshot([provider("a", enabled=False)], [model("a/m")]), "a/m")

    assert target.candidates == ()
    assert [each.reason for each in target.disabled] == [DropReason.DISABLED]


@pytest.mark.parametrize(
    ("name", "able", "unasked"),
    [
        ("llama3", Capabilities(), EMBEDDINGS),
        ("gpt-4o", Capabilities(streaming=True, function_calling=True), EMBEDDINGS),
        ("nomic-embed-text", Capabilities(), CHAT),
        ("text-embedding-3-small", Capabilities(streaming=True, function_calling=True), CHAT),
        ("vectors", Capabilities(embeddings=True), CHAT),
        ("both", Capabilities(embeddings=True, vision=True), 0),
        ("either", Capabilities(embeddings=True, function_calling=True), 0),
        ("embedded-poet", Capabilities(embeddings=False), EMBEDDINGS),
        ("whisper-1", Capabilities(), CHAT | EMBEDDINGS),
    ],
)
def test_auto_asks_a_model_only_for_what_it_is_made_for(
    name: str, able: Capabilities, unasked: int
) -> None:
    home = snapshot([provider("a")], [model(f"a/{name}", capabilities=able)])

    [chosen_by_auto] = resolve(home, "auto").candidates
    [chosen_by_name] = resolve(home, f"a/{name}").candidates
    assert chosen_by_auto.lacks & (CHAT | EMBEDDINGS) == unasked
    assert chosen_by_name.lacks & CHAT == 0


def test_a_target_is_built_once() -> None:
    names = Names(HOME)

    assert names.resolve("llama3") is names.resolve("llama3")
