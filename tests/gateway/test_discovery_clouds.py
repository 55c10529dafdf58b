"""Clouds are found by the names of variables; what is found can be added as it is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.gateway.discovery_world import NOTHING, snapshot_of, written

from laird.config.default import first_document
from laird.domain.catalog import Kind, Snapshot
from laird.gateway.discovery.clouds import STARTER_MODELS, find_clouds
from laird.gateway.discovery.entries import first_entries, free_id, model_entries, server_entry
from laird.gateway.discovery.fingerprints import FINGERPRINTS
from laird.gateway.discovery.found import Discovered, FoundCloud, FoundServer
from laird.gateway.discovery.walk import Sighting
from laird.pricing.catalogue import Catalogue
from laird.providers.base import FoundModel
from laird.providers.registry import KINDS

CLOUDS = [kind for kind in KINDS.values() if kind.env_key]
AZURE = {
    "AZURE_OPENAI_API_KEY": "canary-azure",
    "AZURE_OPENAI_ENDPOINT": "https://r.openai.azure.com/openai/v1/",
}


def find(environment: dict[str, str], snapshot: Snapshot = NOTHING) -> tuple[FoundCloud, ...]:
    return find_clouds(KINDS, environment, snapshot, set())


def test_without_a_variable_there_is_no_cloud() -> None:
    assert find({}) == ()
    assert find({"OPENAI_API_KEY": "", "OTHER_API_KEY": "x"}) == ()


@pytest.mark.parametrize("kind", CLOUDS, ids=lambda kind: kind.id)
def test_each_kind_is_found_by_its_variable_and_its_value_is_nowhere(kind: Kind) -> None:
    assert kind.env_key is not None
    environment = {**AZURE, kind.env_key: "canary-value"}
    found = next(one for one in find(environment) if one.kind == kind.id)
    assert (found.variable, found.missing, found.configured_as) == (kind.env_key, None, None)
    assert "canary" not in str(found)
    snapshot = written(found.entry)
    (provider,) = snapshot.providers.values()
    assert (provider.kind, provider.secret_source) == (kind.id, f"env:{kind.env_key}")
    assert provider.enabled
    assert bool(snapshot.models) is (kind.id != "azure")


@pytest.mark.parametrize("kind", STARTER_MODELS)
def test_the_models_to_begin_with_have_a_price(kind: str) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    for model in STARTER_MODELS[kind]:
        assert Catalogue().price(KINDS[kind].prices_as, model, now) is not None, model


@pytest.mark.parametrize(
    "endpoint",
    ["", "r.openai.azure.com", "https://", "https://user:canary@r.azure.com", "https://r#x", "a b"],
)
def test_azure_without_a_usable_endpoint_says_what_is_missing(endpoint: str) -> None:
    (found,) = find({**AZURE, "AZURE_OPENAI_ENDPOINT": endpoint})
    assert (found.missing, found.entry) == ("AZURE_OPENAI_ENDPOINT", None)
    assert "canary" not in str(found)


def test_a_cloud_that_is_configured_says_as_what() -> None:
    environment = {"OPENAI_API_KEY": "x", "ANTHROPIC_API_KEY": "x", "XAI_API_KEY": "x"}
    snapshot = snapshot_of(
        "providers:\n"
        "  - {id: work, kind: openai, authSecret: env:WORK_KEY}\n"
        "  - {id: home, kind: openai, authSecret: env:OPENAI_API_KEY}\n"
        "  - {id: claude, kind: anthropic}\n",
        environment,
    )
    found = {one.kind: one for one in find(environment, snapshot)}
    assert {kind: one.configured_as for kind, one in found.items()} == {
        "openai": "home", "anthropic": "claude", "xai": None,
    }  # fmt: skip
    assert [kind for kind, one in found.items() if one.entry] == ["xai"]


def test_ids_are_free() -> None:
    taken = {"openai", "openai-2"}
    (found,) = find_clouds(KINDS, {"OPENAI_API_KEY": "x"}, NOTHING, taken)
    assert found.entry is not None
    assert found.entry["id"] == "openai-3"
    assert "openai-3" in taken
    assert len(free_id("x" * 200, {"x" * 200})) <= 200


def test_the_first_document_says_why_each_is_there() -> None:
    jan = next(row for row in FINGERPRINTS if row.name == "jan")
    seen = Sighting(fingerprint=jan, needs_key=True)
    entry = server_entry(seen, "http://127.0.0.1:1337/v1", set())
    environment = {**AZURE, "OPENAI_API_KEY": "canary", "GROQ_API_KEY": "canary"}
    found = Discovered(asked=(), servers=(_found(entry),), clouds=find(environment))
    text = first_document(first_entries(found))
    for line in (
        "# Jan, found running. It wants a key: name it in authSecret, as env:NAME, and take away",
        "# OpenAI, since OPENAI_API_KEY is set.\n",
        "# Groq, since GROQ_API_KEY is set.\n",
        "since AZURE_OPENAI_API_KEY is set. Name your deployments in models.\n",
    ):
        assert line in text
    assert "canary" not in text
    snapshot = snapshot_of(text, environment)
    assert list(snapshot.providers) == ["demo", "jan", "openai", "azure", "groq"]
    assert not snapshot.providers["jan"].enabled
    assert snapshot.providers["groq"].secret is not None


def _found(entry: object) -> FoundServer:
    assert isinstance(entry, dict)
    endpoint = str(entry["endpoint"])
    return FoundServer(kind="custom", title="Jan", endpoint=endpoint, entry=entry, needs_key=True)


PRINTABLE = st.characters(exclude_categories=["C", "Z"], include_characters=" ")
NAMES = st.text(PRINTABLE, min_size=1, max_size=200)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.builds(FoundModel, id=NAMES, context_window=st.none() | st.integers(1, 10**9)),
        max_size=8,
        unique_by=lambda model: model.id,
    ),
    st.booleans(),
)
def test_whatever_models_are_called_their_entries_are_right(
    models: list[FoundModel], windows: bool
) -> None:
    entries = model_entries(models, windows=windows)
    snapshot = written(
        {"id": "a", "kind": "vllm", "endpoint": "http://127.0.0.1:1", "models": entries}
    )
    assert [model.upstream_model for model in snapshot.models.values()] == [
        model.id for model in models
    ]


def test_models_whose_ids_would_be_the_same_get_different_ones() -> None:
    names = ["Qwen", "qwen", "QWEN", "???", "!!!"]
    entries = model_entries([FoundModel(id=name) for name in names], windows=False)
    snapshot = written(
        {"id": "a", "kind": "vllm", "endpoint": "http://127.0.0.1:1", "models": entries}
    )
    assert list(snapshot.models) == ["a/qwen", "a/qwen-2", "a/qwen-3", "a/model", "a/model-2"]
