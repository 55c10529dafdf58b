"""What changed between two documents, in short lines for people. Secrets are never in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from laird.config.checks import placed_models
from laird.config.schema import DocumentEntry, Entry, PrivacyEntry

_SECRET = "authSecret"  # noqa: S105  (the name of a field)
_MAX_LINES = 100
_MAX_VALUE = 60


def describe_changes(old: DocumentEntry | None, new: DocumentEntry) -> tuple[str, ...]:
    """Return lines such as `provider openai: maxConcurrent 4 -> 8`, at most 100.

    With no old document the one line is `first document`.
    """
    if old is None:
        return ("first document",)
    lines = [
        *_compare("provider", _providers(old), _providers(new)),
        *_compare("model", _models(old), _models(new)),
        *_compare("chain", _chains(old), _chains(new)),
        *_fields("aliases", dict(old.aliases), dict(new.aliases)),
        *_fields("routing", _written(old.routing), _written(new.routing)),
        *_fields("cache", _written(old.cache), _written(new.cache)),
        *_privacy(old.privacy, new.privacy),
    ]
    if len(lines) > _MAX_LINES:
        lines[_MAX_LINES - 1 :] = [f"and {len(lines) - _MAX_LINES + 1} more changes"]
    return tuple(lines) or ("comments, order or spelling",)


def _privacy(old: PrivacyEntry, new: PrivacyEntry) -> Iterator[str]:
    parts = [_written(each) for each in (old, new)]
    before, after = (
        {str(rule["name"]): dict(rule) for rule in part.pop("rules")}  # type: ignore[attr-defined]
        for part in parts
    )
    yield from _fields("privacy", *parts)
    yield from _compare("privacy rule", before, after)


def _written(entry: Entry) -> dict[str, object]:
    """Return a part of the document with all its fields, defaults included, by document name."""
    return entry.model_dump(mode="json", by_alias=True)


def _providers(document: DocumentEntry) -> dict[str, dict[str, object]]:
    found = {}
    for provider in document.providers:
        fields = _written(provider)
        fields.pop("models")
        found[provider.id] = fields
    return found


def _models(document: DocumentEntry) -> dict[str, dict[str, object]]:
    found = {}
    for placed in placed_models(document):
        fields = _written(placed.entry)
        fields.pop("providerId", None)
        found[f"{placed.provider_id}/{placed.entry.id}"] = fields
    return found


def _chains(document: DocumentEntry) -> dict[str, dict[str, object]]:
    found = {}
    for chain in document.chains:
        fields = _written(chain)
        fields["models"] = [f"{step.provider_id}/{step.model_id}" for step in chain.models]
        for at, step in enumerate(chain.models):
            fields[f"models[{at}]"] = {"maxRetries": step.max_retries, "timeoutMs": step.timeout_ms}
        found[chain.id] = fields
    return found


def _compare(
    what: str, old: Mapping[str, dict[str, object]], new: Mapping[str, dict[str, object]]
) -> Iterator[str]:
    for name in old:
        if name not in new:
            yield f"{what} {name}: removed"
    for name, fields in new.items():
        if name not in old:
            yield f"{what} {name}: added"
        else:
            yield from _fields(f"{what} {name}", old[name], fields)


def _fields(what: str, old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[str]:
    for name in dict.fromkeys([*old, *new]):
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        if name == _SECRET:
            yield f"{what}: {name} changed"
        elif isinstance(before, dict) and isinstance(after, dict):
            yield from _fields(f"{what}: {name}", before, after)
        else:
            yield f"{what}: {name} {_short(before)} -> {_short(after)}"


def _short(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, list):
        value = ", ".join(str(item) for item in value) or "none"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= _MAX_VALUE else f"{text[: _MAX_VALUE - 1]}…"
