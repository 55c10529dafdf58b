"""Takes secrets out of documents that are shown or kept, and puts them back where known."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from laird.config.overrides import env_name
from laird.config.rewrite import inline_yaml
from laird.config.schema import REDACTED
from laird.config.yaml_source import read_yaml
from laird.domain.errors import ConfigError

_FIELD = "authSecret"
_LINE = re.compile(rf"({_FIELD}[\"']?\s*:\s*)(?![\"']?env:)\S[^\r\n,}}]*")
_COMMENT = re.compile(rf"(#[^\r\n]*{_FIELD}\s*:\s*)(?![\"']?env:)\S[^\r\n]*")
_LONG = 8


def redact(text: str) -> str:
    """Return a document with `«redacted»` in place of each secret that is written out.

    `env:NAME` stays. Secrets repeated elsewhere (in comments, say) are taken out too. Text that is
    no YAML is treated line by line.
    """
    try:
        root = read_yaml(text, "").root
    except ConfigError:
        return _LINE.sub(rf"\g<1>{REDACTED}", text)
    nodes = {
        id(node): node
        for _, node in _secrets(root)
        if env_name(node.value) is None and node.value not in {"", REDACTED}
    }
    result = _splice(text, [(node, REDACTED) for node in nodes.values()])
    for node in nodes.values():
        if len(node.value) >= _LONG:
            result = result.replace(node.value, REDACTED)
    return _COMMENT.sub(rf"\g<1>{REDACTED}", result)


def restore(text: str, current: str) -> str:
    """Put the secrets of the current document in place of `«redacted»`, provider by provider.

    What the current document does not have stays redacted, and is refused when it is compiled.
    Returns the text unchanged when either is no YAML.
    """
    if REDACTED not in text:
        return text
    try:
        known = dict(_values(read_yaml(current, "").root))
        root = read_yaml(text, "").root
    except ConfigError:
        return text
    filled = [
        (node, known[provider_id])
        for provider_id, node in _secrets(root)
        if node.value == REDACTED and provider_id in known
    ]
    return _splice(text, filled)


def _values(root: Node | None) -> Iterator[tuple[str, str]]:
    for provider_id, node in _secrets(root):
        if node.value != REDACTED:
            yield provider_id, node.value


def _secrets(root: Node | None) -> Iterator[tuple[str, ScalarNode]]:
    """Yield each provider's id and the node of its secret."""
    for provider in _items(_field(root, "providers")):
        secret = _field(provider, _FIELD)
        name = _field(provider, "id")
        if isinstance(secret, ScalarNode):
            yield (name.value if isinstance(name, ScalarNode) else ""), secret


def _items(node: Node | None) -> list[Node]:
    return node.value if isinstance(node, SequenceNode) else []


def _field(node: Node | None, name: str) -> Node | None:
    """Return a field of a mapping, looking through `<<` as well."""
    if not isinstance(node, MappingNode):
        return None
    found: Node | None = None
    for key, value in node.value:
        if key.value == name:
            return value  # type: ignore[no-any-return]
        if key.value == "<<" and found is None:
            parts = _items(value) or [value]
            found = next((hit for part in parts if (hit := _field(part, name))), None)
    return found


def _splice(text: str, changes: list[tuple[ScalarNode, str]]) -> str:
    for node, value in sorted(changes, key=lambda one: one[0].start_mark.index, reverse=True):
        start, end = node.start_mark.index, node.end_mark.index
        written = text[start:end]
        anchor = re.match(r"(?:[&!]\S*\s+)*", written)
        kept = anchor[0] if anchor else ""
        tail = "\n" if written.endswith("\n") else ""
        text = f"{text[:start]}{kept}{inline_yaml(value)}{tail}{text[end:]}"
    return text
