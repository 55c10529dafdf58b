from __future__ import annotations

import json

import pytest
from tests.config.world import KINDS, CompileText

from laird.config.importers import ImportedDocument, export_document, import_document
from laird.domain.catalog import Egress, Rate, Strategy
from laird.domain.errors import ConfigError

LITELLM = """\
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: openai/gpt-4o
      api_key: os.environ/OPENAI_KEY_A
      rpm: 6
      timeout: 300
      max_parallel_requests: 7
    model_info:
      max_input_tokens: 128000
      max_output_tokens: 16384
      input_cost_per_token: 0.0000025
      output_cost_per_token: 1e-05
      supports_vision: true
      mystery: 1
  - model_name: gpt-4o
    litellm_params:
      model: azure/gpt-4o-eu
      api_base: https://eu.openai.azure.com/
      api_key: os.environ/AZURE_KEY
      api_version: "2024-02-01"
  - model_name: gpt-4o
    litellm_params:
      model: azure/gpt-4o-eu-2
      api_base: https://eu.openai.azure.com/
      api_key: os.environ/AZURE_KEY
  - model_name: Claude
    litellm_params: {model: claude-sonnet-4-5}
  - model_name: local
    litellm_params: {model: ollama_chat/llama3.2, api_base: "http://localhost:11434"}
  - model_name: served
    litellm_params: {model: openai/Qwen/Qwen3-8B, api_base: os.environ/VLLM_BASE, api_key: none}
  - model_name: embed
    litellm_params:
      model: text-embedding-3-small
      api_key: sk-written-out
      output_cost_per_token: 0
      input_cost_per_token: 2e-8
    model_info: {mode: embedding}
  - model_name: fast
    litellm_params: {model: groq/llama-3.1-8b-instant}
  - model_name: kept
    litellm_params:
      model: mistral-large
      custom_llm_provider: mistral
      litellm_credential_name: shared
  - model_name: picture
    litellm_params: {model: openai/gpt-image-1, api_key: os.environ/OPENAI_KEY_A}
    model_info: {mode: image_generation}
  - model_name: auto
    litellm_params: {model: openai/gpt-5-mini, api_key: os.environ/OPENAI_KEY_A}
  - {model_name: lost, litellm_params: {model: bedrock/claude}}
  - {model_name: gone, litellm_params: {model: openai/x, api_base: os.environ/NOT_SET}}
  - {model_name: az, litellm_params: {model: azure/x}}
  - {model_name: "*", litellm_params: {model: "openai/*"}}
  - {model_name: nothing}
credential_list:
  - credential_name: shared
    credential_values: {api_key: os.environ/SHARED_KEY}
router_settings:
  routing_strategy: latency-based-routing
  model_group_alias: {gpt-4: gpt-4o, hid: {model: fast, hidden: true}, many: [a, b]}
  fallbacks: [{gpt-4o: [Claude, zzz]}, {Claude: [local]}]
  num_retries: 20
  redis_host: x
litellm_settings:
  default_fallbacks: [local]
  drop_params: true
general_settings: {master_key: sk-master}
environment_variables: {A: b}
"""


def imported(text: str, **environment: str) -> ImportedDocument:
    return import_document(text, kinds=KINDS, environment=environment)


@pytest.fixture(scope="module")
def litellm() -> ImportedDocument:
    return imported(LITELLM, VLLM_BASE="http://10.0.0.5:8000/v1")


def test_litellm_deployments_become_models_of_providers(
    litellm: ImportedDocument, compile_text: CompileText
) -> None:
    assert litellm.form == "litellm"
    snapshot = compile_text(litellm.text, OPENAI_KEY_A="a", AZURE_KEY="b")
    assert list(snapshot.providers) == [
        "openai", "azure", "anthropic", "ollama-chat", "10.0.0.5", "openai-2", "groq", "mistral",
    ]  # fmt: skip
    openai = snapshot.providers["openai"]
    assert (openai.secret_source, openai.max_concurrent) == ("env:OPENAI_KEY_A", 7)
    assert openai.timeouts.total == 300
    assert [model.key for model in snapshot.by_name["gpt-4o"]] == [
        "openai/gpt-4o", "azure/gpt-4o", "azure/gpt-4o-2",
    ]  # fmt: skip
    model = snapshot.models["openai/gpt-4o"]
    assert (model.context_window, model.max_tokens) == (128000, 16384)
    assert model.pricing is not None
    assert (model.pricing.input, model.pricing.output) == (
        Rate(2_500_000_000),
        Rate(10_000_000_000),
    )
    assert model.capabilities.vision
    assert snapshot.models["azure/gpt-4o"].upstream_model == "gpt-4o-eu"
    assert snapshot.by_name["Claude"][0].upstream_model == "claude-sonnet-4-5"
    assert snapshot.providers["anthropic"].secret_source == "env:ANTHROPIC_API_KEY"
    assert snapshot.by_name["local"][0].egress is Egress.LOCAL
    served = snapshot.by_name["served"][0]
    assert (served.upstream_model, served.egress) == ("Qwen/Qwen3-8B", Egress.LOCAL)
    embed = snapshot.by_name["embed"][0]
    assert embed.capabilities.embeddings
    assert embed.pricing is not None
    assert embed.pricing.input == Rate(20_000_000)
    assert snapshot.providers["groq"].endpoint == "https://api.groq.com/openai/v1"
    assert snapshot.providers["groq"].egress is Egress.EXTERNAL
    assert snapshot.providers["groq"].secret_source == "env:GROQ_API_KEY"
    assert snapshot.providers["mistral"].secret_source == "env:SHARED_KEY"
    assert snapshot.by_name["auto"][0].id == "auto-model"


def test_litellm_fallbacks_become_chains(
    litellm: ImportedDocument, compile_text: CompileText
) -> None:
    snapshot = compile_text(litellm.text)
    chain = snapshot.chains["gpt-4o"]
    assert [f"{step.provider_id}/{step.model_id}" for step in chain.steps] == [
        "openai/gpt-4o", "azure/gpt-4o", "azure/gpt-4o-2", "anthropic/claude",
    ]  # fmt: skip
    assert {step.max_retries for step in chain.steps} == {10}
    assert snapshot.routing.fallback == "fallback"
    assert snapshot.routing.strategy is Strategy.FASTEST
    assert snapshot.aliases == {"gpt-4": "gpt-4o", "hid": "fast"}


@pytest.mark.parametrize(
    "note",
    [
        "gpt-4o: litellm_params.rpm is not carried over.",
        "gpt-4o: litellm_params.api_version is not carried over.",
        "gpt-4o: model_info.mystery is not carried over.",
        "served: the endpoint is the value that VLLM_BASE has now.",
        "embed: its api_key is written out; better an environment variable.",
        "picture: mode image_generation is not served; only chat and embeddings are.",
        "lost: LiteLLM's provider 'bedrock' has no equal; it was left out.",
        "gone: NOT_SET is not set, so its endpoint is unknown; left out.",
        "az: it has no api_base, which is needed here; it was left out.",
        "*: wildcards have no equal; list the models by name.",
        "a model_list entry without model_name or model was left out.",
        "Claude: ask for 'claude-failover' to have its fallbacks.",
        "fallback to zzz: there is no such model; it was left out.",
        "alias many: its target is no single model; it was left out.",
        "router_settings.redis_host is not carried over.",
        "litellm_settings.drop_params is not carried over.",
        "general_settings.master_key: make keys with `laird keys create`.",
        "environment_variables is not carried over.",
    ],
)
def test_what_litellm_has_and_we_have_not_is_told(litellm: ImportedDocument, note: str) -> None:
    assert note in litellm.notes


def test_notes_hold_no_secret(litellm: ImportedDocument) -> None:
    assert "sk-" not in "".join(litellm.notes)


def test_a_small_litellm_file_needs_no_routing(compile_text: CompileText) -> None:
    text = (
        "model_list:\n"
        "  - {model_name: a, litellm_params: {model: lm_studio/m, api_base: 'http://[::1]:1234/v1'}}\n"
        "  - {model_name: b, litellm_params: {model: meta/m, api_base: 'http://gpu.example.com/v1'}}\n"
        "router_settings: {routing_strategy: own, fallbacks: {a: b}}\n"
    )
    result = imported(text)
    assert "routing_strategy own has no equal; the default is used." in result.notes
    snapshot = compile_text(result.text)
    assert snapshot.by_name["b"][0].upstream_model == "meta/m"
    assert snapshot.by_name["b"][0].egress is Egress.EXTERNAL
    assert list(snapshot.providers) == ["example"]


def test_the_mapping_form_is_read(compile_text: CompileText) -> None:
    result = imported(
        "providers:\n"
        "  openai:\n"
        "    endpoint: https://api.openai.com/v1\n"
        "    api_key: ${OPENAI_API_KEY}\n"
        "    models: [gpt-4o, GPT-4o-Mini]\n"
        "    cost_tracking: false\n"
        "    colour: blue\n"
        "  My Box:\n"
        "    base_url: http://10.0.0.1:8000/v1\n"
        "    api_key: plain-key\n"
        "    max_concurrent: 3\n"
        "    models: {Big/M: {context_window: 100}, small: null}\n"
        "  bare: null\n"
        "  other: {kind: demo, models: [{id: m, max_tokens: 5, what: 1}]}\n"
        "routing: {strategy: fastest}\n"
        "theme: dark\n"
    )
    assert result.form == "mapping"
    assert result.notes == (
        "provider openai: colour is not carried over.",
        "provider My Box: its key is written out; better an environment variable.",
        "provider other: what is not carried over.",
        "theme is not carried over.",
    )
    with pytest.raises(ConfigError, match=r"providers\[2\].endpoint"):
        compile_text(result.text)
    snapshot = compile_text(
        result.text.replace("id: bare\n", "id: bare\n    endpoint: http://x/v1\n"),
        OPENAI_API_KEY="k",
    )
    assert snapshot.providers["openai"].cost_tracking is False
    assert snapshot.providers["openai"].secret_source == "env:OPENAI_API_KEY"
    box = snapshot.providers["my-box"]
    assert (box.name, box.max_concurrent, box.kind) == ("My Box", 3, "openai-compatible")
    assert snapshot.models["my-box/big/m"].upstream_model == "Big/M"
    assert snapshot.models["my-box/big/m"].context_window == 100
    assert snapshot.models["other/m"].max_tokens == 5
    assert snapshot.routing.strategy is Strategy.FASTEST


def test_our_own_form_is_checked_and_passed_on() -> None:
    text = "providers: [{id: a, kind: demo}] # mine\n"
    assert imported(text) == ImportedDocument(text=text, form="laird")
    with pytest.raises(ConfigError):
        imported("providers: [{id: a}]")


@pytest.mark.parametrize("text", ["", "a: 1", "- x", "a: [", "model_list: 5"])
def test_what_is_none_of_them_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"config\.yaml:1"):
        imported(text)


def test_an_export_has_no_secrets() -> None:
    text = "# mine\nproviders: [{id: a, kind: demo, authSecret: sk-secret}]\n"
    shown = export_document(text)
    assert shown == "# mine\nproviders: [{id: a, kind: demo, authSecret: «redacted»}]\n"
    assert json.loads(export_document(text, "json")) == {
        "providers": [{"id": "a", "kind": "demo", "authSecret": "«redacted»"}]
    }
