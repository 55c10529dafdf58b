"""Takes secrets out of documents that are shown or kept, and puts them back where known."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from laird.config.overrides import env_name, stored_name
from laird.config.rewrite import inline_yaml
from laird.config.schema import REDACTED
from laird.config.yaml_source import read_yaml
from laird.domain.errors import ConfigError

_FIELD = "authSecret"
_LINE = re.compile(rf"({_FIELD}[\"']?\s*:\s*)(?![\"']?env:)\S[^\r\n,}}]*")
_COMMENT = re.compile(rf"(#[^\r\n]*{_FIELD}\s*:\s*)(?![\"']?env:)\S[^\r\n]*")
_LONG = 8


_NOBODY: frozenset[str] = frozenset()


def redact(text: str, names: Collection[str] = _NOBODY) -> str:
    """Return a document with `«redacted»` in place of each secret that is written out.

    `env:NAME`, `stored:NAME` and the `names` of stored credentials stay. Secrets repeated elsewhere
    (in comments, say) are taken out too. Text that is no YAML is treated line by line.
    """
    try:
        root = read_yaml(text, "").root
    except ConfigError:
        return _LINE.sub(rf"\g<1>{REDACTED}", text)
    nodes = {id(node): node for _, node in _secrets(root) if is_written_out(node.value, names)}
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


def is_written_out(auth_secret: str, names: Collection[str] = _NOBODY) -> bool:
    """Tell whether this is a secret itself, and says not only where one is."""
    return (
        env_name(auth_secret) is None
        and stored_name(auth_secret) is None
        and auth_secret not in {"", REDACTED}
        and auth_secret not in names
    )


def written_out(text: str, names: Collection[str]) -> dict[str, str]:
    """Return the secrets that stand in a document, by the id of the first provider with each.

    A provider whose secret is its own id names a credential that is not there. Raises
    `ConfigError` when the text is no YAML.
    """
    found: dict[int, tuple[str, str]] = {}
    for provider_id, node in _secrets(read_yaml(text, "").root):
        if is_written_out(node.value, names) and node.value != provider_id:
            found.setdefault(id(node), (provider_id, node.value))
    return dict(found.values())


def replace_secrets(text: str, names: Mapping[str, str]) -> str:
    """Put names in place of the secrets of providers, given by id; all else stays as it is.

    A replaced secret is taken out of comments too. Raises `ConfigError` when the text is no YAML.
    """
    nodes: dict[int, tuple[ScalarNode, str]] = {}
    for provider_id, node in _secrets(read_yaml(text, "").root):
        if provider_id in names:
            nodes.setdefault(id(node), (node, names[provider_id]))
    result = _splice(text, list(nodes.values()))
    for node, _ in nodes.values():
        if len(node.value) >= _LONG:
            result = _out_of_comments(result, node.value)
    return result


def _out_of_comments(text: str, secret: str) -> str:
    lines = text.splitlines(keepends=True)
    for at, line in enumerate(lines):
        mark = line.find("#")
        if mark >= 0 and secret in line[mark:]:
            lines[at] = line[:mark] + line[mark:].replace(secret, REDACTED)
    return "".join(lines)


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
