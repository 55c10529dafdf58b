"""Reads a Messages body, checked by `message_facts`, into the canonical form.

`cache_control` is a hint that changes no answer, so it is left out; so are the other fields named
in `_HINTS`. What has no equal elsewhere is refused, named by its path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

import orjson

from laird.dialects.anthropic_content import (
    assistant_parts,
    plain_text,
    tool_results,
    unsupported,
    user_parts,
)
from laird.domain.chat import (
    ChatRequest,
    Message,
    ResponseFormat,
    Role,
    Sampling,
    Text,
    Tool,
    ToolChoice,
)

_KNOWN = frozenset(
    {
        "model", "messages", "max_tokens", "system", "stream", "temperature", "top_p", "top_k",
        "stop_sequences", "tools", "tool_choice", "thinking", "output_config", "output_format",
        "metadata",
    }
)  # fmt: skip
_HINTS = frozenset({"cache_control", "context_management", "diagnostics", "service_tier"})
"""Fields that ask for savings, capacity or notes, and not for another answer."""
_NEUTRAL: Mapping[str, tuple[Any, ...]] = {"speed": ("standard",), "mcp_servers": ([],)}
"""Values that ask for nothing beyond what happens anyway."""

_TOOL_FIELDS = frozenset(
    {
        "type", "name", "description", "input_schema", "strict", "cache_control", "input_examples",
        "eager_input_streaming",
    }
)  # fmt: skip
_TOOL_NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "allowed_callers": (None, ["direct"]),
    "defer_loading": (None, False),
}

_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT, "system": Role.SYSTEM}
_CHOICES = {"auto": "auto", "any": "required", "none": "none", "tool": "tool"}
_LONGEST_USER = 64
"""Characters of a user's id that other providers take."""
_NO_SAMPLING = Sampling()


def read_request(body: Mapping[str, Any]) -> ChatRequest:
    """Return the canonical form. Raises `UnsupportedField`."""
    _refuse_unknown(body)
    get = body.get
    choice = get("tool_choice")
    effort, budget = _thinking(body)
    return ChatRequest(
        messages=tuple(_messages(body)),
        tools=tuple(_tool(number, tool) for number, tool in enumerate(get("tools") or ())),
        tool_choice=_tool_choice(choice),
        parallel_tool_calls=False if choice and choice.get("disable_parallel_tool_use") else None,
        response_format=_response_format(body),
        max_tokens=_max_tokens(body),
        sampling=_sampling(body),
        reasoning_effort=effort,
        reasoning_budget=budget,
        user=_user(get("metadata")),
        stream=get("stream") is True,
    )


def _refuse_unknown(body: Mapping[str, Any]) -> None:
    for field, value in body.items():
        if field in _KNOWN or field in _HINTS or value is None or value in _NEUTRAL.get(field, ()):
            continue
        raise unsupported(field)


def _max_tokens(body: Mapping[str, Any]) -> int:
    limit: int = body["max_tokens"]
    if limit == 0:
        raise unsupported("max_tokens", "0 fills Anthropic's prompt cache and nothing else")
    return limit


def _messages(body: Mapping[str, Any]) -> Iterator[Message]:
    system = body.get("system")
    if system:
        parts = (
            (Text(system),)
            if type(system) is str
            else tuple(Text(block["text"]) for block in system)
        )
        yield Message(role=Role.SYSTEM, parts=parts)
    for index, message in enumerate(body["messages"]):
        role, content = message["role"], message["content"]
        if type(content) is str:
            yield Message(role=_ROLES[role], parts=(Text(content),))
            continue
        place = f"messages.{index}.content"
        if role == "assistant":
            yield Message(role=Role.ASSISTANT, parts=assistant_parts(place, content))
        elif role == "system":
            parts = tuple(Text(plain_text(place, block)) for block in content)
            yield Message(role=Role.SYSTEM, parts=parts)
        else:
            yield from _user_turn(place, content)


def _user_turn(place: str, content: list[Any]) -> Iterator[Message]:
    """Yield the results of tools, which everybody wants right after their calls, then the rest."""
    results = tool_results(place, content)
    if results:
        yield Message(role=Role.TOOL, parts=results)
    rest = user_parts(place, content)
    if rest or not results:
        yield Message(role=Role.USER, parts=rest)


def _sampling(body: Mapping[str, Any]) -> Sampling:
    get = body.get
    temperature, top_p, top_k = get("temperature"), get("top_p"), get("top_k")
    stop = get("stop_sequences")
    if temperature is None and top_p is None and top_k is None and not stop:
        return _NO_SAMPLING
    return Sampling(temperature=temperature, top_p=top_p, top_k=top_k, stop=tuple(stop or ()))


def _tool(number: int, tool: Mapping[str, Any]) -> Tool:
    place = f"tools.{number}"
    kind = tool.get("type")
    if kind is not None and kind != "custom":
        raise unsupported(
            f"{place}.type", f"'{kind}' is a tool of Anthropic's; tools of your own work"
        )
    for field, value in tool.items():
        if field not in _TOOL_FIELDS and value not in _TOOL_NEUTRAL.get(field, (None,)):
            raise unsupported(f"{place}.{field}")
    return Tool(
        name=tool["name"],
        description=_description(tool),
        parameters=tool["input_schema"],
        strict=tool.get("strict"),
    )


def _description(tool: Mapping[str, Any]) -> str | None:
    """Return the description, with the examples in it that have no other place."""
    text: str | None = tool.get("description")
    examples = tool.get("input_examples")
    if not examples:
        return text
    lines = (orjson.dumps(example).decode() for example in examples)
    return "\n".join([*([text, ""] if text else []), "Examples of input:", *lines])


def _tool_choice(choice: Mapping[str, Any] | None) -> ToolChoice | None:
    if choice is None:
        return None
    return ToolChoice(mode=_CHOICES[choice["type"]], name=choice.get("name"))


def _thinking(body: Mapping[str, Any]) -> tuple[str | None, int | None]:
    """Return the effort and the budget of thinking."""
    effort = (body.get("output_config") or {}).get("effort")
    if effort == "max":
        # The canonical form does not know it; this is the nearest that it does.
        effort = "xhigh"
    thinking = body.get("thinking")
    match thinking["type"] if thinking else None:
        case None | "adaptive":
            return effort, None
        case "enabled":
            return effort, thinking["budget_tokens"] if thinking else None
        case "disabled":
            return "none", None
        case kind:
            raise unsupported("thinking.type", f"'{kind}' is known to Anthropic's models alone")


def _response_format(body: Mapping[str, Any]) -> ResponseFormat | None:
    form = (body.get("output_config") or {}).get("format") or body.get("output_format")
    if not form:
        return None
    schema = form["schema"]
    strict = True if _all_required(schema) else None
    return ResponseFormat(kind="json_schema", schema=schema, strict=strict)


def _all_required(schema: object) -> bool:
    """Tell whether each object of a schema is closed and has no field that may be left out.

    Only such a schema may be asked for strictly of providers that follow OpenAI's rules.
    """
    if type(schema) is list:
        return all(map(_all_required, schema))
    if type(schema) is not dict:
        return True
    properties = schema.get("properties")
    if type(properties) is dict and (
        schema.get("additionalProperties") is not False
        or properties.keys() != set(schema.get("required") or ())
        or not all(map(_all_required, properties.values()))
    ):
        return False
    return all(_all_required(value) for name, value in schema.items() if name != "properties")


def _user(metadata: Mapping[str, Any] | None) -> str | None:
    """Return who the request is for; a long id as its hash, which is the same one each time."""
    who: str | None = metadata.get("user_id") if metadata else None
    if not who:
        return None
    return who if len(who) <= _LONGEST_USER else sha256(who.encode()).hexdigest()
