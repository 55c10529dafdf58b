"""Reads an OpenAI chat body, checked by `chat_facts`, into the canonical form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from laird.domain.chat import (
    ChatRequest,
    Document,
    Image,
    Message,
    Part,
    Reasoning,
    ResponseFormat,
    Role,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from laird.domain.errors import InvalidRequest, UnsupportedField
from laird.wire.openai_reasoning import GEMINI, read_details

_ROLES: Mapping[str, Role] = {
    "developer": Role.SYSTEM,
    "system": Role.SYSTEM,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "tool": Role.TOOL,
    "function": Role.TOOL,
}

_KNOWN = frozenset(
    {
        "model", "messages", "stream", "stream_options", "tools", "tool_choice", "functions",
        "function_call", "parallel_tool_calls", "response_format", "max_tokens",
        "max_completion_tokens", "reasoning_effort", "user", "temperature", "top_p", "top_k",
        "stop", "seed", "n", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs",
        "logit_bias",
    }
)  # fmt: skip


def read_request(body: Mapping[str, Any]) -> ChatRequest:
    """Return the canonical form. Raises `InvalidRequest` or `UnsupportedField`."""
    _refuse_sound(body)
    effort, budget, extra = _reasoning(body)
    return ChatRequest(
        messages=tuple(_messages(body["messages"])),
        tools=tuple(_tools(body)),
        tool_choice=_tool_choice(body),
        parallel_tool_calls=body.get("parallel_tool_calls"),
        response_format=_response_format(body.get("response_format")),
        max_tokens=_first(body.get("max_completion_tokens"), body.get("max_tokens")),
        sampling=_sampling(body),
        reasoning_effort=effort,
        reasoning_budget=budget,
        user=body.get("user"),
        stream=body.get("stream") is True,
        extra=extra,
    )


def _reasoning(body: Mapping[str, Any]) -> tuple[str | None, int | None, dict[str, Any]]:
    """Return effort, budget and the fields that are left.

    `reasoning` is OpenRouter's object for both. What it may say beyond them has no equal, so then
    it is left as it stands, for the provider to honour or refuse.
    """
    extra = {k: v for k, v in body.items() if k not in _KNOWN and v is not None}
    effort, budget = body.get("reasoning_effort"), None
    wish = extra.get("reasoning")
    if isinstance(wish, dict) and wish.keys() <= {"effort", "max_tokens", "enabled"}:
        del extra["reasoning"]
        budget = wish.get("max_tokens")
        effort = _first(effort, wish.get("effort"))
        if wish.get("enabled") is False:
            effort, budget = "none", None
        elif wish.get("enabled") and effort is None and budget is None:
            effort = "medium"
    return effort, budget, extra


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _refuse_sound(body: Mapping[str, Any]) -> None:
    modalities = body.get("modalities") or ()
    if body.get("audio") is not None or "audio" in modalities:
        raise UnsupportedField(
            "Sound can't be translated for this provider: 'audio' and the modality \"audio\" work"
            " only with a provider that speaks OpenAI's format.",
            param="audio" if body.get("audio") is not None else "modalities",
        )


def _sampling(body: Mapping[str, Any]) -> Sampling:
    stop = body.get("stop")
    return Sampling(
        temperature=body.get("temperature"),
        top_p=body.get("top_p"),
        top_k=body.get("top_k"),
        stop=() if stop is None else (stop,) if isinstance(stop, str) else tuple(stop),
        seed=body.get("seed"),
        n=body.get("n"),
        presence_penalty=body.get("presence_penalty"),
        frequency_penalty=body.get("frequency_penalty"),
        logprobs=body.get("logprobs"),
        top_logprobs=body.get("top_logprobs"),
        logit_bias=body.get("logit_bias"),
    )


def _messages(messages: Iterable[Mapping[str, Any]]) -> Iterable[Message]:
    names_of_calls: dict[str, str] = {}
    for index, message in enumerate(messages):
        place = f"messages[{index}]"
        match message["role"]:
            case "assistant":
                parts = _assistant_parts(place, message, names_of_calls)
            case "tool":
                parts = (_tool_result(place, message),)
            case "function":
                parts = (_function_result(place, message, names_of_calls),)
            case _:
                parts = _content(f"{place}.content", message["content"])
        role = _ROLES[message["role"]]
        name = message.get("name") if role is not Role.TOOL else None
        yield Message(role=role, parts=parts, name=name)


def _content(place: str, content: object) -> tuple[Text | Image | Document, ...]:
    if content is None:
        return ()
    if isinstance(content, str):
        return (Text(content),)
    parts = content if isinstance(content, list) else []
    return tuple(_part(f"{place}[{number}]", part) for number, part in enumerate(parts))


def _part(place: str, part: Mapping[str, Any]) -> Text | Image | Document:
    match part["type"]:
        case "text":
            return Text(part["text"])
        case "image_url":
            image = part["image_url"]
            return _image(f"{place}.image_url.url", image["url"], image.get("detail"))
        case "file":
            return _file(f"{place}.file", part.get("file"))
        case "refusal" if isinstance(part.get("refusal"), str):
            return Text(part["refusal"])
        case kind:
            raise UnsupportedField(
                f"A content part of type '{kind}' can't be translated for this provider:"
                " send text, image_url or file.",
                param=place,
            )


def _image(place: str, url: str, detail: str | None) -> Image:
    if _is_address(url):
        return Image(url=url, detail=detail)
    media_type, data = _data_url(place, url, "image/…")
    return Image(media_type=media_type, data=data, detail=detail)


def _file(place: str, file: object) -> Document:
    """Read a file part: `file_data` is a data: URL, or an address as OpenRouter takes it."""
    if not isinstance(file, dict):
        raise InvalidRequest(f"Invalid type for '{place}': expected an object.", param=place)
    if file.get("file_id") is not None:
        raise UnsupportedField(
            f"'{place}.file_id' names a file that was uploaded to one provider, which the provider"
            " of this model can't read: send it in file_data.",
            param=f"{place}.file_id",
        )
    name, data = file.get("filename"), file.get("file_data")
    if not isinstance(data, str) or not data:
        place = f"{place}.file_data"
        raise InvalidRequest(f"Missing required parameter: '{place}'.", param=place)
    name = name if isinstance(name, str) else None
    if _is_address(data):
        return Document(url=data, name=name)
    media_type, data = _data_url(f"{place}.file_data", data, "application/pdf")
    return Document(media_type=media_type, data=data, name=name)


def _is_address(url: str) -> bool:
    return url[:8].lower() == "https://" or url[:7].lower() == "http://"


def _data_url(place: str, url: str, example: str) -> tuple[str, str]:
    """Return media type and base64 text of a data: URL. Raises `InvalidRequest`."""
    if url[:5].lower() != "data:":
        raise InvalidRequest(f"Invalid '{place}': expected an http(s) or a data: URL.", param=place)
    head, comma, data = url[5:].partition(",")
    media_type, _, coding = head.partition(";")
    if not comma or not coding.lower().endswith("base64") or not media_type or not data:
        raise InvalidRequest(
            f"Invalid '{place}': expected 'data:{example};base64,' followed by the data.",
            param=place,
        )
    return media_type.lower(), data


def _assistant_parts(
    place: str, message: Mapping[str, Any], names_of_calls: dict[str, str]
) -> tuple[Part, ...]:
    if message.get("audio") is not None:
        raise UnsupportedField("Sound can't be translated.", param=f"{place}.audio")
    parts: list[Part] = [*_thinking(message)]
    parts += (
        part for part in _content(f"{place}.content", message.get("content")) if part != Text("")
    )
    if isinstance(message.get("refusal"), str) and message["refusal"]:
        parts.append(Text(message["refusal"]))
    for number, call in enumerate(message.get("tool_calls") or ()):
        parts.append(_call(f"{place}.tool_calls[{number}]", call))
    legacy = message.get("function_call")
    if legacy is not None:
        parts.append(_legacy_call(place, legacy, names_of_calls))
    return tuple(parts)


def _thinking(message: Mapping[str, Any]) -> Iterable[Reasoning]:
    """Yield an assistant's earlier thinking; details tell it better than the mere text."""
    thinking = message.get("reasoning_content") or message.get("reasoning")
    details = message.get("reasoning_details")
    parts = read_details(details) if isinstance(details, list) else []
    if isinstance(thinking, str) and thinking and not any(part.text for part in parts):
        yield Reasoning(text=thinking)
    yield from parts


def _call(place: str, call: Mapping[str, Any]) -> ToolCall:
    function = call.get("function")
    if not isinstance(function, dict):
        raise UnsupportedField(
            "Custom tools can't be translated for this provider: use tools of type function.",
            param=place,
        )
    if not isinstance(call.get("id"), str):
        raise InvalidRequest(f"Missing required parameter: '{place}.id'.", param=f"{place}.id")
    return ToolCall(
        id=call["id"],
        name=function["name"],
        arguments=function["arguments"],
        signature=_signature(call.get("extra_content")),
    )


def _signature(extra: object) -> str | None:
    """Return the proof of the thinking behind a call: `{"google": {"thought_signature": ...}}`.

    See https://ai.google.dev/gemini-api/docs/thought-signatures, on OpenAI's format.
    """
    google = extra.get("google") if isinstance(extra, dict) else None
    value = google.get("thought_signature") if isinstance(google, dict) else None
    return GEMINI + value if isinstance(value, str) and value else None


def _legacy_call(place: str, call: object, names_of_calls: dict[str, str]) -> ToolCall:
    """Read a `function_call` of the old form, which has a name but no id."""
    fields = call if isinstance(call, dict) else {}
    name, arguments = fields.get("name"), fields.get("arguments")
    if not isinstance(name, str) or not isinstance(arguments, str):
        param = f"{place}.function_call"
        raise InvalidRequest(
            f"Invalid '{param}': expected an object with name and arguments.", param=param
        )
    identity = f"call_{len(names_of_calls)}"
    names_of_calls[name] = identity
    return ToolCall(id=identity, name=name, arguments=arguments)


def _tool_result(place: str, message: Mapping[str, Any]) -> ToolResult:
    return ToolResult(
        call_id=message["tool_call_id"], parts=_content(f"{place}.content", message["content"])
    )


def _function_result(
    place: str, message: Mapping[str, Any], names_of_calls: Mapping[str, str]
) -> ToolResult:
    name = message.get("name")
    if not isinstance(name, str) or name not in names_of_calls:
        raise InvalidRequest(
            f"Invalid '{place}.name': no function_call before it has this name.",
            param=f"{place}.name",
        )
    return ToolResult(
        call_id=names_of_calls[name], parts=_content(f"{place}.content", message.get("content"))
    )


def _tools(body: Mapping[str, Any]) -> Iterable[Tool]:
    for number, tool in enumerate(body.get("tools") or ()):
        if tool["type"] != "function":
            raise UnsupportedField(
                f"A tool of type '{tool['type']}' can't be translated for this provider:"
                " only type function can.",
                param=f"tools[{number}].type",
            )
        yield _tool(tool["function"])
    for function in body.get("functions") or ():
        yield _tool(function)


def _tool(function: Mapping[str, Any]) -> Tool:
    return Tool(
        name=function["name"],
        description=function.get("description"),
        parameters=function.get("parameters"),
        strict=function.get("strict"),
    )


def _tool_choice(body: Mapping[str, Any]) -> ToolChoice | None:
    choice = body.get("tool_choice")
    field = "tool_choice"
    if choice is None:
        choice, field = body.get("function_call"), "function_call"
    if choice is None:
        return None
    if isinstance(choice, str):
        return ToolChoice(mode=choice)
    named = choice if field == "function_call" else choice.get("function")
    if isinstance(named, dict) and isinstance(named.get("name"), str):
        return ToolChoice(mode="tool", name=named["name"])
    raise UnsupportedField(
        f"This form of '{field}' can't be translated for this provider: use none, auto, required"
        " or the name of one function.",
        param=field,
    )


def _response_format(form: Mapping[str, Any] | None) -> ResponseFormat | None:
    if form is None:
        return None
    match form["type"]:
        case "text" | "json_object" as kind:
            return ResponseFormat(kind=kind)
        case "json_schema":
            inner = form["json_schema"]
            return ResponseFormat(
                kind="json_schema",
                name=inner.get("name"),
                schema=inner.get("schema"),
                strict=inner.get("strict"),
            )
        case kind:
            raise UnsupportedField(
                f"The response_format '{kind}' can't be translated for this provider:"
                " use text, json_object or json_schema.",
                param="response_format.type",
            )
