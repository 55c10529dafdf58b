"""Writes changed data into a YAML text and leaves what did not change as it was, byte by byte.

The nodes of the old text are compared with the new data, and only the spans that differ are
replaced: comments, order, quoting and spacing of everything else survive. The result is parsed
again and must be exactly the new data; where it is not (anchors and merges make spans mean more
than they show), the changed top-level sections are written anew.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from laird.config.schema import slug
from laird.config.yaml_source import YamlSource, read_yaml
from laird.domain.errors import ConfigError

_Splice = tuple[int, int, str]
_MARKS = ("&", "!", "*")


class _Unsplicable(Exception):
    """This part can't be changed by replacing spans."""


def rewrite(text: str, new: Mapping[str, object]) -> str:
    """Return the text changed so that it means `new`.

    `new` is plain data: mappings, lists, text, numbers, truth values, None. Raises `ConfigError`
    when the text is no YAML.
    """
    wanted = plain_data(new)
    source = read_yaml(text, "")
    if _same(source.data, wanted):
        return text
    try:
        result = _Rewriter(source.text).document(source, wanted)
        if _same(read_yaml(result, "").data, wanted):
            return result
    except (_Unsplicable, ConfigError):
        pass
    return _by_sections(source, wanted)


def plain_data(value: object) -> object:
    """Return a value as the plain types that YAML is read as; amounts become numbers."""
    if isinstance(value, Mapping):
        return {str(key): plain_data(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_data(item) for item in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


def _same(one: object, other: object) -> bool:
    """Compare strictly: `1`, `1.0` and `true` differ, the order of keys does not matter."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and one == other


def _by_sections(source: YamlSource, wanted: object) -> str:
    yaml = _writer(flow=False)
    document = yaml.load(source.text) if source.data is not None else None
    if not isinstance(document, dict) or not isinstance(wanted, dict):
        return dump_yaml(wanted, flow=False)
    for key in [key for key in document if key not in wanted]:
        del document[key]
    for key, value in wanted.items():
        if not _same(source.data.get(key), value) or key not in document:
            document[key] = value
    stream = io.StringIO()
    yaml.dump(document, stream)
    result = stream.getvalue()
    if _same(read_yaml(result, "").data, wanted):
        return result
    return dump_yaml(wanted, flow=False)


def _writer(*, flow: bool) -> YAML:
    yaml = YAML(typ="rt")
    yaml.default_flow_style = flow
    yaml.preserve_quotes = True
    yaml.width = 1_000_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def dump_yaml(value: object, *, flow: bool = False) -> str:
    """Write plain data as YAML."""
    stream = io.StringIO()
    _writer(flow=flow).dump(value, stream)
    return stream.getvalue()


def inline_yaml(value: object) -> str:
    """Write a value on one line, fit for any place."""
    text = dump_yaml([value], flow=True).strip()[1:-1]
    if isinstance(value, str) and text == value and value[0] in "-?:":
        # The writer leaves some texts bare, such as `: a`, that are read as something else.
        return json.dumps(value, ensure_ascii=False)
    return text


def _is_inline(value: object) -> bool:
    return not isinstance(value, dict | list) or not value


class _Rewriter:
    """One pass over one text. Offsets are of the old text throughout."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._newline = "\r\n" if "\r\n" in text else "\n"
        self._seen: set[int] = set()

    def document(self, source: YamlSource, wanted: object) -> str:
        if not isinstance(source.root, MappingNode):
            raise _Unsplicable
        splices = self._value(source.root, source.data, wanted)
        return self._apply(splices, 0, len(self._text))

    def _apply(self, splices: Iterable[_Splice], start: int, end: int) -> str:
        parts = []
        at = start
        for first, last, inserted in sorted(splices, key=lambda splice: splice[:2]):
            parts += [self._text[at:first], inserted.replace("\n", self._newline)]
            at = last
        parts.append(self._text[at:end])
        return "".join(parts)

    def _value(self, node: Node, old: object, new: object) -> list[_Splice]:
        """Return the splices inside a node that make it mean `new`, or raise."""
        if _same(old, new):
            return []
        if id(node) in self._seen or self._text.startswith(_MARKS, node.start_mark.index):
            raise _Unsplicable
        self._seen.add(id(node))
        both = (old, new)
        if isinstance(node, MappingNode) and all(isinstance(one, dict) and one for one in both):
            if not node.flow_style or old.keys() == new.keys():  # type: ignore[attr-defined]
                return self._mapping(node, old, new)  # type: ignore[arg-type]
        elif isinstance(node, SequenceNode) and all(isinstance(one, list) and one for one in both):
            if not node.flow_style:
                return self._sequence(node, old, new)  # type: ignore[arg-type]
        elif isinstance(node, ScalarNode) and node.style not in {"|", ">"} and _is_inline(new):
            if node.start_mark.index == node.end_mark.index:
                raise _Unsplicable
            return [(node.start_mark.index, node.end_mark.index, inline_yaml(new))]
        if (
            getattr(node, "flow_style", None)
            and "#" not in self._slice(node)
            and not self._wants_lines(node, new)
        ):
            return [(node.start_mark.index, node.end_mark.index, inline_yaml(new))]
        raise _Unsplicable

    def _wants_lines(self, node: Node, new: object) -> bool:
        """Say whether it is an empty list whose brackets would have to hold whole entries."""
        start = node.start_mark.index
        before = self._text[self._line_start(start) : start]
        return (
            not node.value
            and isinstance(new, list)
            and not all(map(_is_inline, new))
            and not {"{", "["} & set(before)
        )

    def _slice(self, node: Node) -> str:
        return self._text[node.start_mark.index : node.end_mark.index]

    # Mappings

    def _mapping(
        self, node: MappingNode, old: dict[str, object], new: dict[str, object]
    ) -> list[_Splice]:
        pairs: list[tuple[ScalarNode, Node]] = list(node.value)
        if len(pairs) != len(old):
            raise _Unsplicable  # merged fields
        splices: list[_Splice] = []
        for at, (key, value) in enumerate(pairs):
            name = key.value
            if name not in new:
                splices.append(self._without(pairs, at))
            elif not _same(old[name], new[name]):
                splices += self._changed(key, value, old[name], new[name])
        added = [(name, value) for name, value in new.items() if name not in old]
        if added:
            key, value = pairs[-1]
            column = pairs[0][0].start_mark.column
            place = self._line_end(self._content_end(key, value))
            written = "".join(self._pair(name, value, column) for name, value in added)
            splices.append((place, place, self._own_line(place, written)))
        return splices

    def _changed(self, key: ScalarNode, value: Node, old: object, new: object) -> list[_Splice]:
        try:
            return self._value(value, old, new)
        except _Unsplicable:
            if not self._stands_alone(key, value):
                raise
        column = key.start_mark.column
        written = self._pair(key.value, new, column).strip()
        return [(key.start_mark.index, self._content_end(key, value), written)]

    def _stands_alone(self, key: ScalarNode, value: Node) -> bool:
        """Say whether a pair's text is its own: not an alias of, or an anchor for, other text."""
        start = value.start_mark.index
        return start >= key.end_mark.index and not re.search(
            r"(^|[\s\[,{])[&*]\S", self._text[key.end_mark.index : self._content_end(key, value)]
        )

    def _pair(self, name: str, value: object, column: int) -> str:
        """Write `name: value` as lines that begin in a column."""
        indent = " " * column
        if _is_inline(value):
            return f"{indent}{inline_yaml(name)}: {inline_yaml(value)}\n"
        body = dump_yaml(value, flow=False).splitlines()
        # A block list keeps its own offset of two; a mapping is indented by two.
        extra = "" if isinstance(value, list) else "  "
        lines = "".join(f"{indent}{extra}{line}\n" for line in body)
        return f"{indent}{inline_yaml(name)}:\n{lines}"

    def _without(self, pairs: list[tuple[ScalarNode, Node]], at: int) -> _Splice:
        key, value = pairs[at]
        start = key.start_mark.index
        line = self._line_start(start)
        if not self._text[line:start].strip():
            return line, self._line_end(self._content_end(key, value)), ""
        # The pair begins on a list's dash: the next pair moves up to it.
        if at + 1 == len(pairs):
            raise _Unsplicable
        return start, pairs[at + 1][0].start_mark.index, ""

    # Sequences

    def _sequence(self, node: SequenceNode, old: list[object], new: list[object]) -> list[_Splice]:
        blocks = self._blocks(node)
        names = _identities(old)
        place = {name: at for at, name in enumerate(names)}
        flow = all(getattr(item, "flow_style", None) for item in node.value)
        spaced = len(blocks) > 1 and bool(re.search(r"^\s*$", self._lead(blocks, 1), re.MULTILINE))
        parts: list[str] = []
        used = set()
        for name, value in zip(_identities(new), new, strict=True):
            at = place.get(name)
            if at is None:
                gap = "\n" if spaced and parts else ""
                parts.append(gap + self._item(value, node.start_mark.column, flow=flow))
                continue
            used.add(at)
            item = node.value[at]
            start, end = blocks[at]
            try:
                splices = self._value(item, old[at], value)
            except _Unsplicable:
                if re.search(r"(^|[\s\[,{])[&*]\S", self._text[start:end]):
                    raise
                dash = self._dash(item)
                written = self._item(value, node.start_mark.column, flow=False).strip()
                splices = [(dash, self._end_of(item), written)]
            parts.append(self._own_lines(self._apply(splices, start, end)))
        kept = [at in used for at in range(len(blocks))]
        lost = [self._orphans(blocks[at]) for at, keep in enumerate(kept) if not keep]
        joined = "".join([*parts, *lost])
        return [(blocks[0][0], blocks[-1][1], joined.replace("\r\n", "\n"))]

    def _blocks(self, node: SequenceNode) -> list[tuple[int, int]]:
        """Return each item's span: whole lines, with the comments above it."""
        blocks = []
        before: int | None = None
        for item in node.value:
            dash = self._dash(item)
            line = self._line_start(dash)
            if self._text[line:dash].strip():
                raise _Unsplicable  # a list that begins on the line of another dash
            end = self._own_comments(self._line_end(self._end_of(item)), dash - line)
            start = self._attached(line) if before is None else before
            blocks.append((start, end))
            before = end
        return blocks

    def _lead(self, blocks: list[tuple[int, int]], at: int) -> str:
        """Return the comments and empty lines above an item."""
        text = self._text[slice(*blocks[at])]
        lines = []
        for line in text.splitlines():
            if line.strip() and not line.strip().startswith("#"):
                break
            lines.append(line.strip())
        return "\n".join([*lines, "#"])

    def _orphans(self, block: tuple[int, int]) -> str:
        """Return the comments above a removed item that an empty line sets apart from it."""
        lines = []
        for line in self._text[slice(*block)].splitlines(keepends=True):
            if line.strip() and not line.strip().startswith("#"):
                break
            lines.append(line)
        while lines and lines[-1].strip():
            lines.pop()
        return "".join(lines) if any(line.strip() for line in lines) else ""

    def _item(self, value: object, column: int, *, flow: bool) -> str:
        indent = " " * column
        if flow or _is_inline(value):
            return f"{indent}- {inline_yaml(value)}\n"
        lines = dump_yaml(value, flow=False).splitlines()
        if isinstance(value, list):
            lines = [line.removeprefix("  ") for line in lines]
        return f"{indent}- " + f"\n{indent}  ".join(lines) + "\n"

    def _dash(self, item: Node) -> int:
        """Return where an item's dash is."""
        start: int = item.start_mark.index
        dash = self._text.rfind("-", 0, start)
        if dash < 0 or self._text[dash + 1 : start].strip():
            raise _Unsplicable
        return dash

    # Places in the text

    def _content_end(self, key: ScalarNode, value: Node) -> int:
        """Return where a pair's text ends, without a comment after it."""
        if value.start_mark.index < value.end_mark.index:
            return self._end_of(value)
        colon = self._text.find(":", key.end_mark.index)
        if colon < 0:
            raise _Unsplicable
        return colon + 1

    def _end_of(self, node: Node) -> int:
        if isinstance(node, MappingNode) and not node.flow_style and node.value:
            return self._content_end(*node.value[-1])
        if isinstance(node, SequenceNode) and not node.flow_style and node.value:
            return self._end_of(node.value[-1])
        start: int = node.start_mark.index
        return start + len(self._slice(node).rstrip())

    def _line_start(self, at: int) -> int:
        return self._text.rfind("\n", 0, at) + 1

    def _line_end(self, at: int) -> int:
        """Return the beginning of the next line."""
        end = self._text.find("\n", at)
        return len(self._text) if end < 0 else end + 1

    def _own_comments(self, at: int, column: int) -> int:
        """Move past comment lines that are indented deeper than a list's dash."""
        while match := re.compile(r"([ \t]*)#[^\n]*(\n|$)").match(self._text, at):
            if len(match[1]) <= column:
                break
            at = match.end()
        return at

    def _attached(self, line: int) -> int:
        """Move up past the comment lines directly above a line."""
        while line > 0:
            above = self._line_start(line - 1)
            if not self._text[above:line].lstrip().startswith("#"):
                break
            line = above
        return line

    def _own_line(self, place: int, written: str) -> str:
        """Begin a new line where the text does not end in one."""
        return written if place == 0 or self._text[place - 1] == "\n" else "\n" + written

    @staticmethod
    def _own_lines(block: str) -> str:
        return block if block.endswith("\n") else block + "\n"


def _identities(items: list[object]) -> list[tuple[object, ...]]:
    """Name each item of a list, so that it is found again: by its id, its step, or its text."""
    count: dict[tuple[object, ...], int] = {}
    names = []
    for item in items:
        name = _identity(item)
        count[name] = count.get(name, 0) + 1
        names.append((*name, count[name]))
    return names


def _identity(item: object) -> tuple[object, ...]:
    if isinstance(item, dict):
        if "id" in item:
            return str(item["id"]), str(item.get("providerId", ""))
        return "step", str(item.get("providerId")), str(item.get("modelId"))
    return (slug(item) if isinstance(item, str) else str(item)), ""
