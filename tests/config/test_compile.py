from __future__ import annotations

import time

import pytest
from tests.config.world import GPT_4O, KINDS, CompileText, list_price

from laird.config.compile import compile_snapshot
from laird.config.document import read_document
from laird.domain.catalog import AuthType, Egress, Rate, Strategy, Timeouts
from laird.domain.errors import ConfigError
from laird.domain.secret import Secret

FULL = """\
providers:
  - id: gpu-box
    name: The box under the desk
    type: local
    kind: ollama
    endpoint: http://192.168.1.20:11434/
    priority: 1
    maxConcurrent: 4
    gpu: true
    location: study
    healthCheckInterval: 15
    healthCheckTimeout: 2.5
    healthCheckPath: /api/version
    timeouts: {connect: 1, firstByte: 120}
    dailyRequestLimit: 1000
    maxTokensPerRequest: 4096
    weight: 3
    models:
      - llama3.2:3b
      - Qwen/Qwen2.5-7B-Instruct
  - id: openai
    kind: openai
    authSecret: env:OPENAI_API_KEY
models:
  - id: gpt-4o
    providerId: openai
    contextWindow: 128000
    maxTokens: 16384
    capabilities: {vision: true, functionCalling: false}
    tags: [smart]
  - id: mini
    name: GPT-4o mini
    providerId: openai
    upstreamModel: gpt-4o-mini
    isDefault: true
    pricing: {input: 0.15, output: 0.6, cachedInput: 0.075, cacheWrite: 0}
chains:
  - id: reliable
    name: Local first
    strategy: priority
    models:
      - {providerId: gpu-box, modelId: "llama3.2:3b", maxRetries: 0, timeoutMs: 5000}
      - {providerId: gpu-box, modelId: Qwen/Qwen2.5-7B-Instruct}
      - {providerId: openai, modelId: mini}
aliases:
  fast: mini
  default: fast
  gpt-4: openai/gpt-4o
routing:
  strategy: cheapest
  fallback: reliable
  queueLength: 10
  queueTimeout: 2.5
  agentPrefix: bot-
"""


def test_every_field_reaches_the_snapshot(compile_text: CompileText) -> None:
    snapshot = compile_text(FULL, OPENAI_API_KEY="sk-1")
    box = snapshot.providers["gpu-box"]
    assert (box.name, box.kind, box.egress) == ("The box under the desk", "ollama", Egress.LOCAL)
    assert box.endpoint == "http://192.168.1.20:11434"
    assert (box.priority, box.max_concurrent, box.weight) == (1, 4, 3)
    assert (box.gpu, box.location) == (True, "study")
    assert (box.health.interval, box.health.timeout, box.health.path) == (15, 2.5, "/api/version")
    assert box.timeouts == Timeouts(connect=1, first_byte=120, idle=60, total=600)
    assert (box.daily_request_limit, box.max_tokens_per_request) == (1000, 4096)
    cloud = snapshot.providers["openai"]
    assert cloud.timeouts.connect == 10
    assert (cloud.auth_type, cloud.secret) == (AuthType.BEARER, Secret("sk-1"))
    assert cloud.secret_source == "env:OPENAI_API_KEY"
    model = snapshot.models["openai/gpt-4o"]
    assert (model.context_window, model.max_tokens, model.tags) == (128000, 16384, ("smart",))
    assert model.capabilities.vision
    assert model.capabilities.function_calling is False, "the document wins over the kind"
    assert model.capabilities.streaming, "the kind says what the document does not"
    assert model.pricing == GPT_4O
    chain = snapshot.chains["reliable"]
    assert chain.strategy is Strategy.PRIORITY
    assert [step.model_id for step in chain.steps] == [
        "llama3.2:3b",
        "qwen/qwen2.5-7b-instruct",
        "mini",
    ]
    assert (chain.steps[0].max_retries, chain.steps[0].timeout_s) == (0, 5.0)
    assert (chain.steps[1].max_retries, chain.steps[1].timeout_s) == (1, None)
    routing = snapshot.routing
    assert (routing.strategy, routing.fallback) == (Strategy.CHEAPEST, "reliable")
    assert (routing.queue_length, routing.queue_timeout_s) == (10, 2.5)
    assert routing.agent_prefix == "bot-"
    assert snapshot.warnings == ()


def test_models_are_found_by_id_by_name_and_by_upstream_name(compile_text: CompileText) -> None:
    snapshot = compile_text(FULL)
    for name in ("mini", "GPT-4o mini", "gpt-4o-mini"):
        assert [model.key for model in snapshot.by_name[name]] == ["openai/mini"]
    spelled = snapshot.by_name["Qwen/Qwen2.5-7B-Instruct"][0]
    assert spelled.upstream_model == "Qwen/Qwen2.5-7B-Instruct"
    assert snapshot.by_name["qwen/qwen2.5-7b-instruct"] == (spelled,)


def test_one_name_may_be_served_by_several_providers(compile_text: CompileText) -> None:
    snapshot = compile_text(
        "providers:\n"
        "  - {id: a, kind: ollama, models: [llama3]}\n"
        "  - {id: b, kind: vllm, models: [llama3]}\n"
    )
    assert [model.key for model in snapshot.by_name["llama3"]] == ["a/llama3", "b/llama3"]


def test_aliases_are_followed_to_their_end(compile_text: CompileText) -> None:
    aliases = compile_text(FULL).aliases
    assert aliases == {"fast": "mini", "default": "mini", "gpt-4": "openai/gpt-4o"}


def test_the_default_model_is_the_one_marked_else_the_first_that_chats(
    compile_text: CompileText,
) -> None:
    assert compile_text(FULL).defaults["openai"].id == "mini"
    snapshot = compile_text(
        "providers:\n"
        "  - id: a\n"
        "    kind: ollama\n"
        "    models:\n"
        "      - {id: embed, capabilities: {embeddings: true}}\n"
        "      - chat\n"
        "  - {id: b, kind: vllm, models: [{id: embed, capabilities: {embeddings: true}}]}\n"
    )
    assert snapshot.defaults["a"].id == "chat"
    assert snapshot.defaults["b"].id == "embed"


class TestPrices:
    def test_the_document_wins_and_is_exact(self, compile_text: CompileText) -> None:
        pricing = compile_text(FULL).models["openai/mini"].pricing
        assert pricing is not None
        assert (pricing.input, pricing.output) == (Rate(150_000_000), Rate(600_000_000))
        assert (pricing.cached_input, pricing.cache_write) == (Rate(75_000_000), Rate(0))
        assert pricing.version == "document"

    def test_a_price_per_thousand_counts_for_input_and_output(
        self, compile_text: CompileText
    ) -> None:
        text = "providers: [{id: o, kind: openai, models: [{id: m, costPer1kTokens: 0.002}]}]"
        pricing = compile_text(text).models["o/m"].pricing
        assert pricing is not None
        assert pricing.input == pricing.output == Rate(2_000_000_000)

    def test_a_local_model_is_free_unless_the_document_says_otherwise(
        self, compile_text: CompileText
    ) -> None:
        text = (
            "providers:\n  - id: o\n    kind: ollama\n"
            "    models: [free, {id: power, costPer1kTokens: 0.001}]\n"
        )
        models = compile_text(text).models
        free, power = models["o/free"].pricing, models["o/power"].pricing
        assert free is not None
        assert (free.input, free.output, free.version) == (Rate(0), Rate(0), "local")
        assert power is not None
        assert power.input == Rate(1_000_000_000)

    def test_an_unknown_price_is_none_and_never_zero(self, compile_text: CompileText) -> None:
        snapshot = compile_text("providers: [{id: o, kind: openai, models: [brand-new]}]")
        assert snapshot.models["o/brand-new"].pricing is None

    def test_without_cost_tracking_the_cost_stays_empty(self, compile_text: CompileText) -> None:
        text = "providers: [{id: o, kind: openai, costTracking: false, models: [gpt-4o]}]"
        assert compile_text(text).models["o/gpt-4o"].pricing is None


class TestEgress:
    @pytest.mark.parametrize(
        ("endpoint", "egress"),
        [
            ("http://127.0.0.1:1234/v1", Egress.LOCAL),
            ("http://[::1]:1234/v1", Egress.LOCAL),
            ("http://10.1.2.3/v1", Egress.LOCAL),
            ("http://[::ffff:192.168.1.4]/v1", Egress.LOCAL),
            ("http://vllm:8000/v1", Egress.LOCAL),
            ("http://gpu.local/v1", Egress.LOCAL),
            ("https://api.groq.com/openai/v1", Egress.EXTERNAL),
            ("http://8.8.8.8/v1", Egress.EXTERNAL),
            ("http://[::ffff:8.8.8.8]/v1", Egress.EXTERNAL),
            ("http://134744072/v1", Egress.EXTERNAL),
            ("http://0x08080808/v1", Egress.EXTERNAL),
        ],
    )
    def test_a_server_of_a_local_kind_is_local_only_on_our_own_network(
        self, compile_text: CompileText, endpoint: str, egress: Egress
    ) -> None:
        text = (
            f'providers: [{{id: x, kind: openai-compatible, endpoint: "{endpoint}", models: [m]}}]'
        )
        snapshot = compile_text(text)
        assert snapshot.providers["x"].egress is egress
        assert snapshot.models["x/m"].egress is egress

    def test_the_endpoint_of_the_environment_counts(self, compile_text: CompileText) -> None:
        text = "providers: [{id: x, kind: vllm, models: [m]}]"
        moved = compile_text(text, PROVIDER_X_ENDPOINT="https://vllm.example.com/v1")
        assert moved.models["x/m"].egress is Egress.EXTERNAL

    @pytest.mark.parametrize(
        "name", ["glm-4.6:cloud", "gpt-oss:120b-cloud", "kimi-cloud", "GLM:CLOUD", "glm: cloud "]
    )
    def test_a_cloud_model_of_a_local_ollama_is_external_and_unpriced(
        self, compile_text: CompileText, name: str
    ) -> None:
        snapshot = compile_text(f'providers: [{{id: x, kind: ollama, models: ["{name}", near]}}]')
        far, near = snapshot.models.values()
        assert (far.egress, far.pricing) == (Egress.EXTERNAL, None)
        assert near.egress is Egress.LOCAL

    def test_an_ollama_behind_another_kind_is_known_by_its_tags(
        self, compile_text: CompileText
    ) -> None:
        models = '["glm-4.6:cloud", "org/gpt-oss:120b-cloud", "my-cloud", "qwen3:8b"]'
        snapshot = compile_text(f"providers: [{{id: x, kind: vllm, models: {models}}}]")
        assert [model.egress.value for model in snapshot.models.values()] == [
            "external",
            "external",
            "local",
            "local",
        ]

    def test_a_model_may_be_declared_external(self, compile_text: CompileText) -> None:
        text = "providers: [{id: x, kind: vllm, models: [{id: m, egress: external}, n]}]"
        models = compile_text(text).models
        assert (models["x/m"].egress, models["x/n"].egress) == (Egress.EXTERNAL, Egress.LOCAL)

    @pytest.mark.parametrize(
        ("provider", "why"),
        [
            ("kind: openai, models: [{id: m, egress: local}]", "is external"),
            ('kind: ollama, models: [{id: "m:cloud", egress: local}]', "Ollama's cloud"),
            ("kind: openai, type: local, models: [m]", "not local"),
        ],
    )
    def test_what_leaves_can_not_be_called_local(
        self, compile_text: CompileText, provider: str, why: str
    ) -> None:
        with pytest.raises(ConfigError, match=why):
            compile_text(f"providers: [{{id: x, {provider}}}]")


class TestEnvironment:
    def test_it_wins_over_the_document_and_says_so(self, compile_text: CompileText) -> None:
        box = compile_text(
            FULL,
            PROVIDER_GPU_BOX_ENDPOINT="http://10.0.0.9:11434",
            PROVIDER_GPU_BOX_ENABLED="off",
            PROVIDER_GPU_BOX_API_KEY="k",
        ).providers["gpu-box"]
        assert (box.endpoint, box.enabled, box.secret) == (
            "http://10.0.0.9:11434",
            False,
            Secret("k"),
        )
        assert box.secret_source == "PROVIDER_GPU_BOX_API_KEY"
        assert box.auth_type is AuthType.BEARER
        assert box.overridden == ("endpoint", "enabled", "authSecret")

    def test_an_empty_variable_is_an_unset_one(self, compile_text: CompileText) -> None:
        box = compile_text(FULL, PROVIDER_GPU_BOX_ENABLED="", PROVIDER_GPU_BOX_API_KEY="")
        assert box.providers["gpu-box"].overridden == ()

    @pytest.mark.parametrize(
        ("name", "value"),
        [("PROVIDER_OPENAI_ENABLED", "perhaps"), ("PROVIDER_OPENAI_ENDPOINT", "file:///etc")],
    )
    def test_a_wrong_variable_is_an_error_that_names_it(
        self, compile_text: CompileText, name: str, value: str
    ) -> None:
        with pytest.raises(ConfigError, match=name) as caught:
            compile_text(FULL, **{name: value})
        assert value not in caught.value.message

    def test_the_usual_variable_of_a_kind_goes_to_its_own_endpoint_alone(
        self, compile_text: CompileText
    ) -> None:
        text = (
            "providers:\n"
            "  - {id: real, kind: openai, models: [a]}\n"
            "  - {id: other, kind: openai, endpoint: https://elsewhere.example/v1, models: [b]}\n"
        )
        providers = compile_text(text, OPENAI_API_KEY="sk-1").providers
        assert providers["real"].secret == Secret("sk-1")
        assert providers["real"].secret_source == "env:OPENAI_API_KEY"
        assert providers["other"].secret is None

    def test_no_authentication_means_no_secret_from_the_environment(
        self, compile_text: CompileText
    ) -> None:
        text = "providers: [{id: o, kind: openai, authType: null, models: [a]}]"
        provider = compile_text(text, OPENAI_API_KEY="sk-1").providers["o"]
        assert (provider.auth_type, provider.secret) == (AuthType.NONE, None)


def test_the_same_text_has_the_same_revision_and_any_change_another(
    compile_text: CompileText,
) -> None:
    first = compile_text(FULL)
    assert compile_text(FULL).revision == first.revision
    assert compile_text(FULL + "# a comment\n").revision != first.revision
    assert len(first.revision) == 16


def test_five_thousand_models_compile_quickly() -> None:
    text = "providers:\n" + "".join(
        f"  - {{id: p{at}, kind: openai, endpoint: 'https://h{at}.example/v1', models: "
        f"[{', '.join(f'm{number}' for number in range(100))}]}}\n"
        for at in range(50)
    )
    document = read_document(text)
    started = time.perf_counter()
    snapshot = compile_snapshot(document, kinds=KINDS, environment={}, price=list_price)
    took_s = time.perf_counter() - started
    assert len(snapshot.models) == 5000
    assert took_s < 1.5, "0.1 s on an idle machine"
