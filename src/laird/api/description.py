"""The machine-readable description of all routes (OpenAPI 3.1), the inference routes included."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

_METHODS = frozenset({"get", "put", "post", "delete", "patch"})
_ERRORS = {
    "400": "The request is wrong; `param` names the field.",
    "401": "There is no good credential.",
    "403": "Whoever asks may not.",
    "404": "There is no such thing.",
    "409": "The document is another one by now; the answer has both.",
    "413": "The body is too large.",
    "422": "The document would be wrong; `problems` tells where.",
    "429": "Too many requests; `retry-after` says when to come again.",
    "500": "Laird failed.",
    "503": "Something that is needed is away, such as the database.",
}
_ALWAYS = ("400", "401", "403", "404", "429", "500", "503")
_ERROR_REF = {"$ref": "#/components/schemas/Error"}
_ERROR_SCHEMA = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string", "description": "For people."},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"], "description": "The field that is wrong."},
                "code": {"type": "string", "description": "For programs."},
                "problems": {
                    "type": "array",
                    "description": "Of a document: what is wrong, and where.",
                    "items": {
                        "type": "object",
                        "required": ["message", "path", "line", "fix"],
                        "properties": {
                            "message": {"type": "string"},
                            "path": {"type": ["string", "null"]},
                            "line": {"type": ["integer", "null"]},
                            "fix": {"type": ["string", "null"]},
                        },
                    },
                },
                "expected": {"type": "string", "description": "Of a 409: the revision asked for."},
                "current": {"type": "string", "description": "Of a 409: the one in force."},
                "current_document": {"type": "string", "description": "Of a 409: its text."},
            },
        }
    },
}
_SECURITY = {
    "key": {"type": "http", "scheme": "bearer", "description": "An API key: `lai_…`."},
    "session": {"type": "apiKey", "in": "cookie", "name": "laird_session"},
}
_INFERENCE = (
    ("/v1/chat/completions", "createChatCompletion", "OpenAI's chat", "messages",
     "https://platform.openai.com/docs/api-reference/chat/create"),
    ("/v1/completions", "createCompletion", "OpenAI's legacy completions", "prompt",
     "https://platform.openai.com/docs/api-reference/completions/create"),
    ("/v1/embeddings", "createEmbedding", "OpenAI's embeddings", "input",
     "https://platform.openai.com/docs/api-reference/embeddings/create"),
    ("/v1/responses", "createResponse", "OpenAI's responses", "input",
     "https://platform.openai.com/docs/api-reference/responses/create"),
    ("/v1/messages", "createMessage", "Anthropic's messages", "messages",
     "https://docs.anthropic.com/en/api/messages"),
    ("/v1/messages/count_tokens", "countTokens", "Anthropic's count of tokens", "messages",
     "https://docs.anthropic.com/en/api/messages-count-tokens"),
)  # fmt: skip


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the description of an administration application, and of the inference routes."""
    document = get_openapi(title=app.title, version=app.version, routes=app.routes)
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Error"] = _ERROR_SCHEMA
    components["securitySchemes"] = _SECURITY
    document["security"] = [{"key": []}, {"session": []}]
    for operations in document["paths"].values():
        for method, operation in operations.items():
            if method in _METHODS:
                _add_errors(operation)
    for path, *about in _INFERENCE:
        document["paths"][path] = {"post": _inference(*about)}
    document["paths"] |= _models()
    return document


def _add_errors(operation: dict[str, Any]) -> None:
    """Tell of the errors that a route may answer with, in place of what FastAPI would."""
    responses = operation["responses"]
    responses.pop("422", None)
    changes = "requestBody" in operation or any(
        one["name"] == "revision" for one in operation.get("parameters", ())
    )
    wanted = [*_ALWAYS, *(("409", "413", "422") if changes else ())]
    for status in sorted(wanted):
        responses.setdefault(status, _error(status))


def _error(status: str) -> dict[str, Any]:
    return {
        "description": _ERRORS[status],
        "content": {"application/json": {"schema": _ERROR_REF}},
    }


def _inference(name: str, title: str, field: str, docs: str) -> dict[str, Any]:
    body = {
        "type": "object",
        "required": ["model"],
        "properties": {"model": {"type": "string"}, field: {}, "stream": {"type": "boolean"}},
        "additionalProperties": True,
    }
    answer: dict[str, Any] = {"schema": {"type": "object", "additionalProperties": True}}
    return {
        "tags": ["inference"],
        "operationId": name,
        "summary": title[0].upper() + title[1:],
        "description": f"Takes and returns what {title} endpoint does; see docs/api.md.",
        "externalDocs": {"url": docs},
        "security": [{"key": []}],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {
            "200": {
                "description": "The answer; server-sent events where `stream` is true.",
                "content": {"application/json": answer, "text/event-stream": {}},
            },
            "default": {
                "description": "An error in the form of the route's own dialect.",
                "content": {"application/json": answer},
            },
        },
    }


def _models() -> dict[str, Any]:
    shape: dict[str, Any] = {"schema": {"type": "object", "additionalProperties": True}}
    found = {"200": {"description": "What there is.", "content": {"application/json": shape}}}
    common = {"tags": ["inference"], "security": [{"key": []}], "responses": found}
    one = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        "/v1/models": {"get": {**common, "operationId": "listNames", "summary": "The names"}},
        "/v1/models/{id}": {
            "get": {**common, "operationId": "getName", "summary": "One", "parameters": [one]}
        },
    }
