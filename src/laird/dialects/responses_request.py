"""Reads a Responses body, checked by `responses_facts`, into the canonical form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from laird.dialects.responses_seals import unseal, unseal_call
from laird.domain.chat import (
    ChatRequest,
    Document,
    Image,
    Message,
    Part,
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

_ROLES: Mapping[str, Role] = {
    "developer": Role.SYSTEM,
    "system": Role.SYSTEM,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
}

_KNOWN = frozenset(
    {
        "model", "input", "instructions", "stream", "stream_options", "store", "metadata",
        "previous_response_id", "max_output_tokens", "max_tool_calls", "temperature", "top_p",
        "top_logprobs", "tools", "tool_choice", "parallel_tool_calls", "text", "reasoning",
        "include", "truncation", "user", "background", "conversation", "prompt",
    }
)  # fmt: skip
"""Fields that are read here; others are passed on by their names, which chat has as well."""

_INCLUDABLE = frozenset(
    {
        "reasoning.encrypted_content",
        "message.output_text.logprobs",
        "message.input_image.image_url",
        "file_search_call.results",
        "web_search_call.results",
        "web_search_call.action.sources",
        "computer_call_output.output.image_url",
        "code_interpreter_call.outputs",
    }
)
_LOGPROBS = "message.output_text.logprobs"

_NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "truncation": ("disabled",),
    "conversation": (),
    "prompt": (),
}
"""Fields that can't be translated, with the values that ask for nothing."""


def read_request(body: Mapping[str, Any], before: int = 0) -> ChatRequest:
    """Return the canonical form. Raises `InvalidRequest` or `UnsupportedField`.

    `before` is how many items of the input are not the client's own, but those of the conversation
    that it goes on from: they are not counted where an error names a place.
    """
    _refuse(body)
    reasoning = body.get("reasoning") or {}
    text = body.get("text") or {}
    extra = {k: v for k, v in body.items() if k not in _KNOWN and v is not None}
    if text.get("verbosity") is not None:
        extra["verbosity"] = text["verbosity"]
    choice, allowed = _tool_choice(body.get("tool_choice"))
    tools = tuple(_tools(body.get("tools") or ()))
    if allowed is not None:
        tools = tuple(tool for tool in tools if tool.name in allowed)
    return ChatRequest(
        messages=_messages(body, before),
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=body.get("parallel_tool_calls"),
        response_format=_format(text.get("format")),
        max_tokens=body.get("max_output_tokens"),
        sampling=_sampling(body),
        reasoning_effort=reasoning.get("effort"),
        user=body.get("user"),
        stream=body.get("stream") is True,
        extra=extra,
    )


def _unsupported(field: str, advice: str) -> UnsupportedField:
    return UnsupportedField(
        f"'{field}' can't be translated for this provider: {advice}", param=field
    )


def _refuse(body: Mapping[str, Any]) -> None:
    """Refuse what only a provider that speaks this format could do."""
    for field, neutral in _NEUTRAL.items():
        value = body.get(field)
        if value is not None and value not in neutral:
            raise _unsupported(
                field, "leave it out, or ask a model of a provider that has the Responses API."
            )
    for value in body.get("include") or ():
        if value not in _INCLUDABLE:
            raise _unsupported("include", f"'{value}' is not known.")
    reasoning = body.get("reasoning") or {}
    for name, usual in (("context", "auto"), ("mode", "standard")):
        if reasoning.get(name) not in {None, usual}:
            raise _unsupported(f"reasoning.{name}", f"leave it out, or say '{usual}'.")
    options = body.get("stream_options") or {}
    if options.get("include_obfuscation") is True:
        raise _unsupported("stream_options.include_obfuscation", "events are not padded.")


def _sampling(body: Mapping[str, Any]) -> Sampling:
    top = body.get("top_logprobs")
    wanted = bool(top) or _LOGPROBS in (body.get("include") or ())
    return Sampling(
        temperature=body.get("temperature"),
        top_p=body.get("top_p"),
        logprobs=True if wanted else None,
        top_logprobs=top if wanted else None,
    )


class _Turns:
    """Collects items into turns: all that the model said in one, all results in one."""

    __slots__ = ("_parts", "_role", "messages", "proofs")

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.proofs: dict[str, str] = {}
        """Proofs of thinking, by the id of the tool call that they belong to."""
        self._role: Role | None = None
        self._parts: list[Part] = []

    def add(self, role: Role, part: Part) -> None:
        """Add a part to the turn that is open, or begin one."""
        if role is not self._role:
            self.close()
            self._role = role
        self._parts.append(part)

    def add_message(self, role: Role, parts: tuple[Part, ...]) -> None:
        """Add a message. The model's own goes into its turn, unless that would glue two texts."""
        if role is not Role.ASSISTANT:
            self.close()
            self.messages.append(Message(role=role, parts=parts))
            return
        if self._role is Role.ASSISTANT and type(self._parts[-1]) is Text:
            self.close()
        for part in parts:
            self.add(Role.ASSISTANT, part)

    def close(self) -> None:
        """End the turn that is open."""
        if self._role is not None:
            self.messages.append(Message(role=self._role, parts=tuple(self._parts)))
            self._parts = []
            self._role = None


def _messages(body: Mapping[str, Any], before: int) -> tuple[Message, ...]:
    turns = _Turns()
    instructions = body.get("instructions")
    if instructions:
        turns.add_message(Role.SYSTEM, (Text(instructions),))
    items = body.get("input") or ()
    if type(items) is str:
        turns.add_message(Role.USER, (Text(items),))
        items = ()
    for index, item in enumerate(items):
        place = f"input[{index - before}]" if index >= before else "previous_response_id"
        _add_item(turns, place, item)
    turns.close()
    if not turns.messages:
        raise InvalidRequest("There is no 'input', and nothing to go on from.", param="input")
    return tuple(turns.messages)


def _add_item(turns: _Turns, place: str, item: Mapping[str, Any]) -> None:
    kind = item.get("type")
    if kind == "message" or (kind is None and "role" in item):
        role = _ROLES[item["role"]]
        turns.add_message(role, _content(f"{place}.content", item["content"]))
    elif kind == "function_call":
        call_id = item["call_id"]
        call = ToolCall(
            id=call_id,
            name=item["name"],
            arguments=item["arguments"],
            signature=turns.proofs.get(call_id),
        )
        turns.add(Role.ASSISTANT, call)
    elif kind == "function_call_output":
        parts = _content(f"{place}.output", item["output"])
        turns.add(Role.TOOL, ToolResult(call_id=item["call_id"], parts=parts))
    elif kind == "reasoning":
        proof = unseal_call(item.get("encrypted_content"))
        if proof is not None:
            turns.proofs[proof[0]] = proof[1]
        elif (thinking := unseal(item)) is not None:
            turns.add(Role.ASSISTANT, thinking)
    elif kind is None or kind == "item_reference":
        raise UnsupportedField(
            f"'{place}' refers to the item '{item['id']}', which is not kept here. Send the item"
            ' itself, or send "store": true with each request whose items you refer to.',
            param=place,
        )
    else:
        raise UnsupportedField(
            f"An item of type '{kind}' can't be translated for this provider: it belongs to a"
            " tool that only a provider with the Responses API has.",
            param=place,
        )


def _content(place: str, content: str | list[Any]) -> tuple[Text | Image | Document, ...]:
    if type(content) is str:
        return (Text(content),)
    return tuple(_part(f"{place}[{number}]", part) for number, part in enumerate(content))


def _part(place: str, part: Mapping[str, Any]) -> Text | Image | Document:
    match part["type"]:
        case "input_text" | "output_text":
            return Text(part["text"])
        case "refusal":
            return Text(part["refusal"])
        case "input_image":
            return _image(place, part)
        case "input_file":
            return _file(place, part)
        case kind:
            raise UnsupportedField(
                f"A content part of type '{kind}' can't be translated for this provider:"
                " send input_text, input_image or input_file.",
                param=place,
            )


def _image(place: str, part: Mapping[str, Any]) -> Image:
    url = part.get("image_url")
    if url is None:
        raise _not_uploaded(f"{place}.file_id", "image_url")
    detail = part.get("detail")
    if detail == "original":  # nothing else has more than high
        detail = "high"
    if url[:5].lower() != "data:":
        if url[:8].lower() != "https://" and url[:7].lower() != "http://":
            raise InvalidRequest(
                f"Invalid '{place}.image_url': expected an http(s) or a data: URL.",
                param=f"{place}.image_url",
            )
        return Image(url=url, detail=detail)
    media_type, data = _inline(f"{place}.image_url", url)
    return Image(media_type=media_type, data=data, detail=detail)


def _file(place: str, part: Mapping[str, Any]) -> Document:
    name = part.get("filename")
    data = part.get("file_data")
    if data:
        media_type = None
        if data[:5].lower() == "data:":
            media_type, data = _inline(f"{place}.file_data", data)
        return Document(media_type=media_type, data=data, name=name)
    if part.get("file_url"):
        return Document(url=part["file_url"], name=name)
    raise _not_uploaded(f"{place}.file_id", "file_data or file_url")


def _inline(place: str, url: str) -> tuple[str, str]:
    """Return media type and base64 text of a data: URL."""
    head, comma, data = url[5:].partition(",")
    media_type, _, coding = head.partition(";")
    if not comma or not coding.lower().endswith("base64") or not media_type or not data:
        raise InvalidRequest(
            f"Invalid '{place}': expected 'data:…;base64,' followed by the content.", param=place
        )
    return media_type.lower(), data


def _not_uploaded(place: str, instead: str) -> UnsupportedField:
    return UnsupportedField(
        f"'{place}' names an uploaded file, which can't be translated for this provider:"
        f" send it as {instead}.",
        param=place,
    )


_TOOL_FIELDS = frozenset({"type", "name", "description", "parameters", "strict", "output_schema"})


def _tools(tools: Iterable[Mapping[str, Any]]) -> Iterable[Tool]:
    for number, tool in enumerate(tools):
        if tool["type"] != "function":
            raise UnsupportedField(
                f"A tool of type '{tool['type']}' can't be translated for this provider:"
                " only type function can.",
                param=f"tools[{number}].type",
            )
        for field, value in tool.items():
            if field not in _TOOL_FIELDS and value not in (None, False, ["direct"]):
                raise _unsupported(f"tools[{number}].{field}", "leave it out.")
        yield Tool(
            name=tool["name"],
            description=tool.get("description"),
            parameters=tool.get("parameters"),
            strict=tool.get("strict"),
        )


def _tool_choice(choice: Any) -> tuple[ToolChoice | None, frozenset[str] | None]:
    """Return the choice, and the names of the tools it leaves where it leaves only some."""
    if choice is None:
        return None, None
    if type(choice) is str:
        return ToolChoice(mode=choice), None
    if choice["type"] == "function" and type(choice.get("name")) is str:
        return ToolChoice(mode="tool", name=choice["name"]), None
    names = _allowed(choice.get("tools")) if choice["type"] == "allowed_tools" else None
    if names and choice.get("mode") in {"auto", "required"}:
        return ToolChoice(mode=choice["mode"]), names
    raise _unsupported(
        "tool_choice",
        "use none, auto, required, the name of one function, or allowed_tools that are functions.",
    )


def _allowed(tools: object) -> frozenset[str] | None:
    """Return the names of the functions in a list; None where there is anything else in it."""
    names: set[str] = set()
    for one in tools if isinstance(tools, list) else ():
        if not isinstance(one, dict) or one.get("type") != "function":
            return None
        if not isinstance(one.get("name"), str):
            return None
        names.add(one["name"])
    return frozenset(names)


def _format(form: Mapping[str, Any] | None) -> ResponseFormat | None:
    if form is None:
        return None
    if form["type"] != "json_schema":
        return ResponseFormat(kind=form["type"])
    schema = form["schema"]
    if form.get("description") and "description" not in schema:
        schema = {**schema, "description": form["description"]}
    return ResponseFormat(
        kind="json_schema", name=form["name"], schema=schema, strict=form.get("strict")
    )
