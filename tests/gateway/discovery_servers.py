"""Local model servers as they answer questions: bodies as their sources write them, shortened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.support.answers import Answer, json_answer, raw_answer, text_answer

NOT_FOUND = json_answer({"detail": "Not Found"}, status=404)


@dataclass(frozen=True)
class Script:
    """What a server answers by path, and to every other one."""

    title: str
    port: int
    kind: str
    models: tuple[str, ...]
    paths: Mapping[str, Answer]
    otherwise: Answer = NOT_FOUND
    version: str | None = None
    path: str = ""
    """What its endpoint ends with."""
    needs_key: bool = False
    windows: tuple[int | None, ...] = ()
    fields: dict[str, Any] = field(default_factory=dict)

    def but(self, paths: Mapping[str, Answer], **changes: Any) -> Script:
        """Return it with other answers."""
        return replace(self, paths={**self.paths, **paths}, **changes)


def listing(*rows: Mapping[str, Any], **more: Any) -> Answer:
    """Return a list of models."""
    return json_answer({"object": "list", "data": list(rows), **more})


def row(name: str, owner: str | None, created: int = 1758000000, **more: Any) -> dict[str, Any]:
    """Return one model of a list."""
    owned = {} if owner is None else {"owned_by": owner}
    return {"id": name, "object": "model", "created": created, **owned, **more}


def served_by(answer: Answer, software: str) -> Answer:
    """Return an answer with a Server header."""
    return answer.with_headers(("Server", software))


_TAG = {
    "modified_at": "2026-05-04T17:37:44.7+02:00",
    "size": 2019393189,
    "digest": "a80c4f17acd55265feec403c7aef86be0c25983ab279d83f3bcd3abbcb5b8b72",
    "details": {"parent_model": "", "format": "gguf", "family": "llama", "families": ["llama"]},
}

OLLAMA = Script(
    title="Ollama",
    port=11434,
    kind="ollama",
    version="0.35.1",
    models=("llama3.2:3b", "ada/tiny:latest", "nomic-embed-text:latest", "glm-4.6:cloud"),
    windows=(131072, None, 2048, None),
    paths={
        "/v1/models": listing(
            row("llama3.2:3b", "library"),
            row("ada/tiny:latest", "ada"),
            row("nomic-embed-text:latest", "library"),
            row("glm-4.6:cloud", "library"),
        ),
        "/api/version": json_answer({"version": "0.35.1"}),
        "/api/tags": json_answer(
            {
                "models": [
                    {
                        "name": "llama3.2:3b",
                        "model": "llama3.2:3b",
                        **_TAG,
                        "details": {**_TAG["details"], "context_length": 131072},  # type: ignore[dict-item]
                        "capabilities": ["completion", "tools"],
                    },
                    {"name": "ada/tiny:latest", "model": "ada/tiny:latest", **_TAG},
                    {
                        "name": "nomic-embed-text:latest",
                        "model": "nomic-embed-text:latest",
                        **_TAG,
                        "details": {**_TAG["details"], "context_length": 2048},  # type: ignore[dict-item]
                        "capabilities": ["embedding"],
                    },
                    {
                        "name": "glm-4.6:cloud",
                        "model": "glm-4.6:cloud",
                        "remote_model": "glm-4.6",
                        "remote_host": "https://ollama.com:443",
                        **_TAG,
                    },
                ]
            }
        ),
    },
    otherwise=text_answer(b"404 page not found", status=404),
)
EMPTY_OLLAMA = OLLAMA.but(
    {
        "/v1/models": json_answer({"object": "list", "data": None}),
        "/api/tags": json_answer({"models": []}),
    },
    models=(),
    windows=(),
)
_STRAY = json_answer({"error": "Unexpected endpoint or method. (GET /stray)"})
LM_STUDIO = Script(
    title="LM Studio",
    port=1234,
    kind="lmstudio",
    models=("qwen/qwen3-8b", "text-embedding-nomic-embed-text-v1.5"),
    windows=(8192, 2048),
    paths={
        "/v1/models": json_answer(
            {
                "data": [
                    {"id": name, "object": "model", "owned_by": "organization_owner"}
                    for name in ("qwen/qwen3-8b", "text-embedding-nomic-embed-text-v1.5")
                ],
                "object": "list",
            }
        ),
        "/api/v0/models": listing(
            {
                "id": "qwen/qwen3-8b",
                "object": "model",
                "type": "llm",
                "publisher": "qwen",
                "arch": "qwen3",
                "compatibility_type": "gguf",
                "quantization": "Q4_K_M",
                "state": "loaded",
                "max_context_length": 40960,
                "loaded_context_length": 8192,
            },
            {
                "id": "text-embedding-nomic-embed-text-v1.5",
                "object": "model",
                "type": "embeddings",
                "publisher": "nomic-ai",
                "arch": "nomic-bert",
                "compatibility_type": "gguf",
                "quantization": "Q4_0",
                "state": "not-loaded",
                "max_context_length": 2048,
            },
        ),
    },
    otherwise=_STRAY,
)
NEW_LM_STUDIO = LM_STUDIO.but(
    {
        "/api/v0/models": NOT_FOUND,
        "/api/v1/models": json_answer(
            {
                "models": [
                    {
                        "type": "llm",
                        "publisher": "qwen",
                        "key": "qwen/qwen3-8b",
                        "max_context_length": 40960,
                        "loaded_instances": [
                            {"id": "qwen/qwen3-8b", "config": {"context_length": 8192}}
                        ],
                    },
                    {
                        "type": "embedding",
                        "key": "text-embedding-nomic-embed-text-v1.5",
                        "max_context_length": 2048,
                        "loaded_instances": [],
                    },
                ]
            }
        ),
    }
)
OLD_LM_STUDIO = replace(
    LM_STUDIO, paths={"/v1/models": LM_STUDIO.paths["/v1/models"]}, windows=(None, None)
)
EMPTY_LM_STUDIO = LM_STUDIO.but(
    {"/v1/models": listing(), "/api/v0/models": listing()}, models=(), windows=()
)
KEYED_LM_STUDIO = replace(
    LM_STUDIO,
    paths={},
    otherwise=json_answer(
        {
            "error": {
                "message": "An LM Studio API token is required to make requests to this server, but"
                " none was provided using the Authorization header using the 'Bearer' scheme",
                "type": "invalid_request_error",
                "code": "invalid_api_key",
                "param": None,
            }
        },
        status=401,
    ),
    models=(),
    windows=(),
    needs_key=True,
)
_IMITATED_TAGS = json_answer(
    {"models": [{"name": "local:latest", "model": "local:latest", **_TAG}]}
)
LOCAL_AI = Script(
    title="LocalAI",
    port=8080,
    kind="localai",
    version="v4.2.0",
    models=("qwen3-8b", "bert-embeddings", "whisper-1"),
    windows=(None, None, None),
    paths={
        "/v1/models": listing(
            {"id": "qwen3-8b", "object": "model"},
            {"id": "bert-embeddings", "object": "model"},
            {"id": "whisper-1", "object": "model"},
        ),
        "/.well-known/localai.json": json_answer(
            {
                "version": "v4.2.0 (d055a518dfb09c9ad92dcf4d5cf823b9cbdbd604)",
                "endpoints": {"models": "/v1/models", "swagger": "/swagger/index.html"},
            }
        ),
        "/version": json_answer({"version": "v4.2.0 (d055a518dfb09c9ad92dcf4d5cf823b9cbdbd604)"}),
        "/v1/models/capabilities": listing(
            {"id": "qwen3-8b", "object": "model", "capabilities": ["chat", "tools"]},
            {"id": "bert-embeddings", "object": "model", "capabilities": ["embeddings"]},
            {"id": "whisper-1", "object": "model", "capabilities": ["transcript"]},
        ),
        # It imitates Ollama.
        "/api/version": json_answer({"version": "0.9.0"}),
        "/api/tags": _IMITATED_TAGS,
        "/": text_answer(b"Ollama is running"),
    },
)
OLD_LOCAL_AI = LOCAL_AI.but(
    {"/.well-known/localai.json": NOT_FOUND, "/v1/models/capabilities": NOT_FOUND}
)
_WANTS_KEY = json_answer(
    {
        "error": {
            "code": 401,
            "message": "An authentication key is required",
            "type": "invalid_request_error",
        }
    },
    status=401,
)
KEYED_LOCAL_AI = replace(
    LOCAL_AI,
    paths={"/.well-known/localai.json": LOCAL_AI.paths["/.well-known/localai.json"]},
    otherwise=_WANTS_KEY,
    models=(),
    windows=(),
    needs_key=True,
)
SILENT_LOCAL_AI = replace(KEYED_LOCAL_AI, otherwise=Answer(401, (("WWW-Authenticate", "Bearer"),)))
LLAMA_CPP = Script(
    title="llama.cpp server",
    port=8080,
    kind="llamacpp",
    version="b6400-3de00820",
    models=("models/qwen3-8b.gguf",),
    windows=(4096,),
    paths={
        "/v1/models": served_by(
            listing(
                row(
                    "models/qwen3-8b.gguf",
                    "llamacpp",
                    meta={"vocab_type": 2, "n_ctx": 4096, "n_ctx_train": 40960},
                ),
                models=[{"name": "models/qwen3-8b.gguf", "capabilities": ["completion"]}],
            ),
            "llama.cpp",
        ),
        "/props": served_by(
            json_answer(
                {
                    "default_generation_settings": {"n_ctx": 4096},
                    "total_slots": 1,
                    "build_info": "b6400-3de00820",
                }
            ),
            "llama.cpp",
        ),
        # It imitates Ollama.
        "/api/tags": served_by(_IMITATED_TAGS, "llama.cpp"),
    },
    otherwise=served_by(
        json_answer(
            {"error": {"code": 404, "message": "File Not Found", "type": "not_found_error"}},
            status=404,
        ),
        "llama.cpp",
    ),
)
KEYED_LLAMA_CPP = LLAMA_CPP.but(
    {
        "/props": served_by(
            json_answer(
                {
                    "error": {
                        "code": 401,
                        "message": "Invalid API Key",
                        "type": "authentication_error",
                    }
                },
                status=401,
            ),
            "llama.cpp",
        )
    },
    version=None,
    needs_key=True,
)
NEW_KEYED_LLAMA_CPP = replace(
    KEYED_LLAMA_CPP,
    paths={},
    otherwise=KEYED_LLAMA_CPP.paths["/props"],
    models=(),
    windows=(),
)
LOADING_LLAMA_CPP = replace(
    LLAMA_CPP,
    paths={},
    otherwise=served_by(
        json_answer(
            {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}},
            status=503,
        ),
        "llama.cpp",
    ),
    version=None,
    models=(),
    windows=(),
)
VLLM = Script(
    title="vLLM",
    port=8000,
    kind="vllm",
    version="0.11.0",
    models=("Qwen/Qwen3-8B", "sql-lora"),
    windows=(40960, None),
    paths={
        "/v1/models": listing(
            row("Qwen/Qwen3-8B", "vllm", root="Qwen/Qwen3-8B", parent=None, max_model_len=40960),
            row("sql-lora", "vllm", root="/loras/sql", parent="Qwen/Qwen3-8B", max_model_len=None),
        ),
        "/version": json_answer({"version": "0.11.0"}),
    },
)
_UNAUTHORIZED = json_answer({"error": "Unauthorized"}, status=401)
KEYED_VLLM = VLLM.but({"/v1/models": _UNAUTHORIZED}, models=(), windows=(), needs_key=True)
SGLANG = Script(
    title="SGLang",
    port=30000,
    kind="custom",
    path="/v1",
    models=("Qwen/Qwen3-8B",),
    windows=(32768,),
    paths={
        "/v1/models": listing(
            row("Qwen/Qwen3-8B", "sglang", root="Qwen/Qwen3-8B", max_model_len=32768)
        ),
        "/get_model_info": json_answer(
            {
                "model_path": "Qwen/Qwen3-8B",
                "tokenizer_path": "Qwen/Qwen3-8B",
                "is_generation": True,
                "preferred_sampling_params": None,
                "weight_version": "default",
            }
        ),
    },
)
KEYED_SGLANG = replace(
    SGLANG, paths={}, otherwise=_UNAUTHORIZED, models=(), windows=(), needs_key=True
)
TGI = Script(
    title="Text Generation Inference",
    port=3000,
    kind="custom",
    path="/v1",
    version="3.3.6",
    models=("HuggingFaceH4/zephyr-7b-beta",),
    windows=(8192,),
    paths={
        "/v1/models": listing(
            row("HuggingFaceH4/zephyr-7b-beta", "HuggingFaceH4/zephyr-7b-beta", 0)
        ),
        "/info": json_answer(
            {
                "model_id": "HuggingFaceH4/zephyr-7b-beta",
                "model_sha": "892b3d7a7b1cf10c7a701c60881cd93df615734c",
                "model_pipeline_tag": "text-generation",
                "max_concurrent_requests": 128,
                "max_input_tokens": 8191,
                "max_total_tokens": 8192,
                "router": "text-generation-router",
                "version": "3.3.6",
                "sha": None,
                "docker_label": "sha-0",
            }
        ),
    },
    otherwise=Answer(404),
)
OLD_TGI = TGI.but({"/v1/models": Answer(404)})
LIGHT_LLM = Script(
    title="LightLLM",
    port=8000,
    kind="lightllm",
    models=("llama-13b",),
    windows=(16384,),
    paths={
        "/v1/models": listing(row("llama-13b", "lightllm", max_model_len=16384)),
        "/get_model_name": json_answer({"model_name": "llama-13b"}),
        "/token_load": json_answer({"current_load": 0.0, "logical_max_load": 0.0}),
    },
)
OLD_LIGHT_LLM = LIGHT_LLM.but({"/v1/models": NOT_FOUND}, windows=(None,))
KOBOLDCPP = Script(
    title="KoboldCpp",
    port=5001,
    kind="custom",
    path="/v1",
    version="1.122.1",
    models=("koboldcpp/qwen3-8b",),
    windows=(8192,),
    paths={
        "/v1/models": listing(
            row("koboldcpp/qwen3-8b", "koboldcpp", permission=[], root="koboldcpp")
        ),
        "/api/extra/version": json_answer(
            {
                "result": "KoboldCpp",
                "version": "1.122.1",
                "protected": False,
                "llm": True,
                "vision": True,
                "embeddings": False,
            }
        ),
        "/api/extra/true_max_context_length": json_answer({"value": 8192}),
        # It imitates Ollama.
        "/api/version": json_answer({"version": "0.7.0"}),
        "/api/tags": _IMITATED_TAGS,
    },
)
KEYED_KOBOLDCPP = KOBOLDCPP.but(
    {
        "/v1/models": json_answer(
            {
                "detail": {
                    "error": "Unauthorized",
                    "msg": "Authentication key is missing or invalid.",
                    "type": "unauthorized",
                }
            },
            status=401,
        ),
        "/api/extra/version": json_answer(
            {"result": "KoboldCpp", "version": "1.122.1", "protected": True, "llm": True}
        ),
    },
    models=(),
    windows=(),
    needs_key=True,
)
_JAN_DESCRIPTION = json_answer(
    {
        "openapi": "3.0.0",
        "info": {"title": "Jan API Server Endpoints", "version": "1.0"},
        "servers": [{"url": "http://localhost:1337/v1"}],
    }
)
JAN = Script(
    title="Jan",
    port=1337,
    kind="custom",
    path="/v1",
    models=("Jan-v3-4b", "gpt-5"),
    windows=(None, None),
    paths={
        "/v1/models": listing(row("Jan-v3-4b", "llama.cpp", 1), row("gpt-5", "remote", 1)),
        "/openapi.json": _JAN_DESCRIPTION,
    },
    otherwise=text_answer(b"Not Found", status=404),
)
EMPTY_JAN = JAN.but({"/v1/models": listing()}, models=(), windows=())
KEYED_JAN = replace(
    JAN,
    paths={"/openapi.json": _JAN_DESCRIPTION},
    otherwise=text_answer(b"Missing authorization header", status=401),
    models=(),
    windows=(),
    needs_key=True,
)

USUAL: dict[str, Script] = {
    script.title: script
    for script in (
        OLLAMA, LM_STUDIO, LOCAL_AI, LLAMA_CPP, VLLM, LIGHT_LLM, SGLANG, TGI, KOBOLDCPP, JAN,
    )
}  # fmt: skip
OTHERS: dict[str, Script] = {
    "an Ollama without a model": EMPTY_OLLAMA,
    "LM Studio with the newer list alone": NEW_LM_STUDIO,
    "LM Studio before it had lists of its own": OLD_LM_STUDIO,
    "LM Studio without a model": EMPTY_LM_STUDIO,
    "LM Studio with a key": KEYED_LM_STUDIO,
    "LocalAI before it described itself": OLD_LOCAL_AI,
    "LocalAI with a key": KEYED_LOCAL_AI,
    "LocalAI with a key and no words": SILENT_LOCAL_AI,
    "llama.cpp with a key": NEW_KEYED_LLAMA_CPP,
    "llama.cpp with a key when its list was for all": KEYED_LLAMA_CPP,
    "llama.cpp while it loads": LOADING_LLAMA_CPP,
    "vLLM with a key": KEYED_VLLM,
    "SGLang with a key": KEYED_SGLANG,
    "TGI before it had a list": OLD_TGI,
    "LightLLM before it had a list": OLD_LIGHT_LLM,
    "KoboldCpp with a password": KEYED_KOBOLDCPP,
    "Jan without a model": EMPTY_JAN,
    "Jan with a key": KEYED_JAN,
}

_LAIRD_REFUSAL = json_answer(
    {
        "error": {
            "message": "There is no key. Send it as Authorization: Bearer lai_...",
            "type": "invalid_request_error",
            "param": None,
            "code": "missing_api_key",
        }
    },
    status=401,
)
HTML = text_answer(b"<!doctype html><html><title>Grafana</title></html>", content_type="text/html")
STRANGERS: dict[str, dict[str, Answer]] = {
    "Laird itself": {"": _LAIRD_REFUSAL},
    "a web page at every path": {"": HTML},
    "another kind of server that imitates Ollama": {
        "/v1/models": listing(row("qwen3", "lemonade")),
        "/api/version": json_answer({"version": "0.9.0"}),
        "/api/tags": _IMITATED_TAGS,
    },
    "TabbyAPI, which imitates KoboldCpp": {
        "/v1/models": listing(row("qwen3", "tabbyAPI")),
        "/api/extra/version": json_answer({"result": "KoboldCpp", "version": "1.74"}),
    },
    "a server for embeddings whose /info is like TGI's": {
        "/info": json_answer(
            {
                "model_id": "BAAI/bge-m3",
                "model_type": {"embedding": {"pooling": "cls"}},
                "max_input_length": 512,
                "version": "1.8.0",
            }
        ),
    },
    "a proxy with models of many owners": {
        "/v1/models": listing(row("gpt-5", "openai"), row("claude-sonnet-4-5", "anthropic")),
        "/version": json_answer({"version": "1.0"}),
    },
    "somebody's API whose models are unowned": {
        "/v1/models": listing({"id": "a"}, {"id": "b"}),
        "/version": json_answer({"version": "2.1"}),
    },
    "a server that borrowed LM Studio's owner": {
        "/v1/models": listing(row("dbrx", "organization_owner")),
    },
    "a list that holds no objects": {"/v1/models": json_answer({"data": ["a", 5]})},
    "a list inside a list": {"": json_answer([[[{"data": []}]]])},
    "a number": {"": json_answer(7)},
    "nesting without end": {"": text_answer(b"[" * 100_000, content_type="application/json")},
    "cut JSON": {"": text_answer(b'{"object": "list", "data": [', content_type="application/json")},
    "an error that says Unauthorized": {"": _UNAUTHORIZED},
    "a server of another protocol": {"": raw_answer(b"SSH-2.0-OpenSSH_9.6\r\n")},
    "an answer without a body": {"": Answer(204)},
}
