"""YAML text as plain values that remember their lines, with limits against hostile documents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from laird.domain.errors import ConfigError, Problem

Loc = tuple[int | str, ...]
"""A place in the document: keys and list positions from the top."""

MAX_CHARACTERS = 4_000_000
MAX_VALUES = 500_000
MAX_DEPTH = 32
_TAG = "tag:yaml.org,2002:"
_MERGE = _TAG + "merge"

# What the parser says (a part of it) -> what it means to the writer, and what to do about it.
# The parser's own words are never passed on: they may quote a secret.
_SYNTAX = (
    ("'\\t' that cannot start", "a tab is used for indentation.", "Use spaces."),
    ("cannot start any token", "a value can't begin with this character.", "Put it in quotes."),
    (
        "mapping values are not allowed",
        "there is a second ': ' on the line, or the indentation is wrong.",
        "Put text that holds ': ' in quotes.",
    ),
    (
        "expected <block end>",
        "the indentation does not fit the lines above.",
        "Entries of one list or mapping begin in the same column.",
    ),
    (
        "could not find expected ':'",
        "a ':' is missing, or the indentation is wrong.",
        "Write `name: value`.",
    ),
    (
        "undefined alias",
        "*name refers to an anchor that does not exist.",
        "Put text that begins with * in quotes.",
    ),
    ("expected a single document", "a second document begins here.", "Keep one per file."),
    ("unexpected end of stream", "a quote is not closed.", "Add the closing quote."),
    ("expected ',' or", "a bracket is not closed, or a comma is missing.", "Check the brackets."),
    ("maximum depth", f"this is nested deeper than {MAX_DEPTH} levels.", "Flatten it."),
    ("tag handle", "tags (words that begin with !) are not supported.", "Put it in quotes."),
)


class YamlSource(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed YAML text: `data` in plain values, and the tree of nodes with their positions."""

    text: str
    data: Any
    root: Any = None
    """The root node, or None for an empty text."""

    def line_of(self, loc: Loc) -> int | None:
        """Return the line (from 1) of a place, or of the nearest part of it that is written."""
        node, line = self.root, None
        for part in loc:
            if isinstance(node, MappingNode):
                pair = next((pair for pair in node.value if pair[0].value == part), None)
                if pair is None:
                    break
                line, node = pair[0].start_mark.line + 1, pair[1]
            elif (
                isinstance(node, SequenceNode)
                and isinstance(part, int)
                and 0 <= part < len(node.value)
            ):
                node = node.value[part]
                line = node.start_mark.line + 1
            else:
                break
        return line


def path_text(loc: Sequence[int | str]) -> str:
    """Write a place as `providers[1].maxConcurrent`."""
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def decode(data: bytes, file: str) -> str:
    """Return the text of a document's bytes. Raises `ConfigError` when they are not UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problem = Problem(
            message="this is not UTF-8 text.",
            line=data.count(b"\n", 0, error.start) + 1,
            fix="Save the file as UTF-8.",
        )
        raise ConfigError((problem,), file=file) from None


def read_yaml(text: str, file: str) -> YamlSource:
    """Parse one YAML document.

    Raises `ConfigError` for text that is no YAML, for a key given twice, and for documents that
    are too big, too deep, or grow too big through anchors.
    """
    if len(text) > MAX_CHARACTERS:
        problem = Problem(
            message=f"the document is longer than {MAX_CHARACTERS} characters.",
            fix="Leave out what is not configuration.",
        )
        raise ConfigError((problem,), file=file)
    text = text.removeprefix("\ufeff")
    root = _compose(text, file)
    if root is None:
        return YamlSource(text=text, data=None)
    builder = _Builder()
    data = builder.value(root, 0)
    if builder.problems:
        raise ConfigError(tuple(builder.problems), file=file)
    return YamlSource(text=text, data=data, root=root)


def _compose(text: str, file: str) -> Node | None:
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = MAX_DEPTH
    yaml.composer.warn_double_anchors = False
    line: int | None = None
    try:
        root: Node | None = yaml.compose(text)
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        message, fix = "there is a control character here.", "Remove it."
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else None
        message, fix = _explain(str(error.problem))
    except (YAMLError, ValueError, TypeError, AttributeError, LookupError, AssertionError):
        # The parser stumbles over some malformed texts (odd directives, lone surrogates) with
        # errors of other types; to the writer all of them mean the same.
        message, fix = _explain("")
    else:
        return root
    raise ConfigError((Problem(message=message, line=line, fix=fix),), file=file) from None


def _explain(words: str) -> tuple[str, str]:
    for part, message, fix in _SYNTAX:
        if part in words:
            return message, fix
    return "this is not valid YAML.", "Check quotes, brackets and indentation near this line."


class _Builder:
    """Turns nodes into plain values, within the limits; what is wrong is collected."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._left = MAX_VALUES

    def value(self, node: Node, depth: int) -> object:
        self._left -= 1
        if self._left < 0 or depth > MAX_DEPTH:
            if not any("anchors" in problem.message for problem in self.problems):
                self._problem(node, "anchors make the document far too big.", "Write it out.")
            return None
        if isinstance(node, MappingNode):
            return self._mapping(node, depth)
        if isinstance(node, SequenceNode):
            return [self.value(item, depth + 1) for item in node.value]
        return self._scalar(node)

    def _problem(self, node: Node, message: str, fix: str) -> None:
        line = node.start_mark.line + 1
        self.problems.append(Problem(message=message, line=line, fix=fix))

    def _mapping(self, node: MappingNode, depth: int) -> dict[str, object]:
        own: dict[str, object] = {}
        merged: dict[str, object] = {}
        lines: dict[str, int] = {}
        for key, item in node.value:
            if key.tag == _MERGE:
                self._merge(merged, key, item, depth)
                continue
            name = key.value
            if not isinstance(key, ScalarNode) or not name:
                self._problem(key, "a name must be plain text.", "Write `name: value`.")
                continue
            if name in own:
                first = lines[name]
                self._problem(
                    key, f"'{name}' is given twice (first in line {first}).", "Keep one of them."
                )
                continue
            lines[name] = key.start_mark.line + 1
            own[name] = self.value(item, depth + 1)
        return merged | own if merged else own

    def _merge(self, merged: dict[str, object], key: Node, item: Node, depth: int) -> None:
        """Read `<<: *name`, or a list of them, where the first that has a key wins."""
        value = self.value(item, depth + 1)
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, dict):
                merged.update({key: part[key] for key in part if key not in merged})
            else:
                self._problem(key, "<< must refer to a mapping.", "Write the fields out.")

    def _scalar(self, node: Node) -> object:
        tag = str(node.tag)
        reader = _SCALARS.get(tag)
        if reader is None:
            self._problem(
                node, "tags (words that begin with !) are not supported.", "Put it in quotes."
            )
            return None
        try:
            return reader(node.value)
        except ValueError:
            return node.value


def _integer(text: str) -> int:
    digits = text.replace("_", "")
    sign = -1 if digits.startswith("-") else 1
    digits = digits.lstrip("+-")
    base = {"0x": 16, "0o": 8, "0b": 2}.get(digits[:2].lower(), 10)
    return sign * int(digits if base == 10 else digits[2:], base)


def _real(text: str) -> float:
    return float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))


def _nothing(_: str) -> None:
    return None


def _truth(text: str) -> bool:
    return text.lower() in {"true", "yes", "on", "y"}


_SCALARS: dict[str, Callable[[str], object]] = {
    _TAG + "str": str,
    _TAG + "int": _integer,
    _TAG + "float": _real,
    _TAG + "bool": _truth,
    _TAG + "null": _nothing,
    _TAG + "timestamp": str,
    _MERGE: str,
    _TAG + "value": str,
}
