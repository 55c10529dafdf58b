"""Edits of the document: each takes its text and returns the new one, with comments and order kept.

Nothing is checked here beyond what an edit itself needs; the result is checked whole when it is
applied. Fields are the document's own (camelCase).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from laird.config.document import did_you_mean
from laird.config.rewrite import rewrite
from laird.config.schema import slug
from laird.config.yaml_source import read_yaml
from laird.domain.errors import InvalidRequest

Fields = Mapping[str, object]
"""Fields of one entry, such as `{"id": "openai", "kind": "openai"}`."""
_Data = dict[str, Any]
_SHAPE: Mapping[str, type] = {
    "providers": list,
    "models": list,
    "chains": list,
    "aliases": dict,
    "routing": dict,
    "cache": dict,
    "privacy": dict,
}
_NULL_MEANS_SOMETHING = frozenset({"authType"})


def add_provider(text: str, provider: Fields) -> str:
    """Add a provider. Raises `InvalidRequest` when its id is taken."""
    return _add(text, "providers", provider)


def replace_provider(text: str, provider_id: str, provider: Fields) -> str:
    """Put other fields in place of a provider's. Raises `InvalidRequest` for an unknown id."""
    return _replace(text, "providers", provider_id, provider)


def patch_provider(text: str, provider_id: str, changes: Fields) -> str:
    """Change some fields of a provider.

    None removes a field (but for `authType`, where null is a value), and a mapping changes the
    fields it names. Raises `InvalidRequest` for an unknown id.
    """
    return _patch(text, "providers", provider_id, changes)


def remove_provider(text: str, provider_id: str, *, cascade: bool = False) -> str:
    """Remove a provider and its models. Raises `InvalidRequest` for an unknown id.

    With `cascade` its steps leave the chains too, chains left empty go, and so do aliases that lead
    nowhere then; without it such references make the new document wrong, and it is refused.
    """

    def edit(data: _Data) -> None:
        providers = _section(data, "providers")
        gone = _find(providers, provider_id, "provider")
        providers.remove(gone)
        models = data.get("models") or []
        names = {provider_id, *_model_names(gone, models)}
        kept = [model for model in models if model.get("providerId") != provider_id]
        if len(kept) != len(models):
            data["models"] = kept
        if cascade:
            _drop_references(data, provider_id, names)

    return _edit(text, edit)


def _model_names(provider: _Data, models: list[_Data]) -> set[str]:
    inline = [_as_fields(model) for model in provider.get("models") or []]
    own = [model for model in models if model.get("providerId") == provider["id"]]
    return {
        name
        for model in [*inline, *own]
        for name in (
            str(model.get("id")),
            f"{provider['id']}/{model.get('id')}",
            str(model.get("name")),
            str(model.get("upstreamModel")),
        )
    }


def _drop_references(data: _Data, provider_id: str, names: set[str]) -> None:
    chains = data.get("chains") or []
    for chain in chains:
        chain["models"] = [
            step for step in chain.get("models") or [] if step.get("providerId") != provider_id
        ]
    names |= {chain["id"] for chain in chains if not chain["models"]}
    if chains:
        data["chains"] = [chain for chain in chains if chain["models"]]
    routing = data.get("routing") or {}
    if routing.get("fallback") in names:
        del routing["fallback"]
    names -= _names_left(data)
    aliases = data.get("aliases") or {}
    while lost := [alias for alias, target in aliases.items() if target in names]:
        for alias in lost:
            del aliases[alias]
        names |= set(lost)


def _names_left(data: _Data) -> set[str]:
    models = data.get("models") or []
    left: set[str] = set()
    for provider in data.get("providers") or []:
        left |= {provider["id"], *_model_names(provider, models)}
    return left


def add_model(text: str, provider_id: str, model: Fields) -> str:
    """Add a model to a provider: to its own list where it has one, else to the top-level list.

    Raises `InvalidRequest` when the provider is unknown or has a model of that id.
    """

    def edit(data: _Data) -> None:
        provider = _find(_section(data, "providers"), provider_id, "provider")
        if _locate_model(data, provider_id, str(model.get("id"))) is not None:
            raise InvalidRequest(
                f"Provider '{provider_id}' already has a model '{model.get('id')}'.", param="id"
            )
        fields = dict(model)
        listed = provider.get("models")
        if listed is not None:
            fields.pop("providerId", None)
            entry = str(fields["id"]) if set(fields) == {"id"} else fields
            listed.append(entry)
        else:
            name = fields.pop("id", None)
            _section(data, "models").append({"id": name, **fields, "providerId": provider_id})

    return _edit(text, edit)


def replace_model(text: str, provider_id: str, model_id: str, model: Fields) -> str:
    """Put other fields in place of a model's. Raises `InvalidRequest` for an unknown model."""

    def change(old: _Data) -> _Data:
        owner = {"providerId": provider_id} if "providerId" in old else {}
        return {"id": old["id"], **owner, **model}

    return _change_model(text, provider_id, model_id, change)


def patch_model(text: str, provider_id: str, model_id: str, changes: Fields) -> str:
    """Change some fields of a model, as `patch_provider` does."""

    def change(old: _Data) -> _Data:
        _merge(old, changes)
        return old

    return _change_model(text, provider_id, model_id, change)


def remove_model(text: str, provider_id: str, model_id: str) -> str:
    """Remove a model. Raises `InvalidRequest` for an unknown one."""

    def edit(data: _Data) -> None:
        models, at = _model_place(data, provider_id, model_id)
        del models[at]

    return _edit(text, edit)


def add_chain(text: str, chain: Fields) -> str:
    """Add a failover chain. Raises `InvalidRequest` when its id is taken."""
    return _add(text, "chains", chain)


def replace_chain(text: str, chain_id: str, chain: Fields) -> str:
    """Put other fields in place of a chain's. Raises `InvalidRequest` for an unknown id."""
    return _replace(text, "chains", chain_id, chain)


def patch_chain(text: str, chain_id: str, changes: Fields) -> str:
    """Change some fields of a chain, as `patch_provider` does."""
    return _patch(text, "chains", chain_id, changes)


def remove_chain(text: str, chain_id: str) -> str:
    """Remove a chain. Raises `InvalidRequest` for an unknown id."""

    def edit(data: _Data) -> None:
        chains = _section(data, "chains")
        chains.remove(_find(chains, chain_id, "chain"))

    return _edit(text, edit)


def set_alias(text: str, alias: str, target: str) -> str:
    """Add an alias, or let it lead elsewhere."""

    def edit(data: _Data) -> None:
        data["aliases"] = {**(data.get("aliases") or {}), alias: target}

    return _edit(text, edit)


def remove_alias(text: str, alias: str) -> str:
    """Remove an alias. Raises `InvalidRequest` for an unknown one."""

    def edit(data: _Data) -> None:
        aliases = data.get("aliases") or {}
        if alias not in aliases:
            raise _unknown("alias", alias, aliases)
        del aliases[alias]

    return _edit(text, edit)


def patch_routing(text: str, changes: Fields) -> str:
    """Change some of the routing settings, as `patch_provider` does."""

    def edit(data: _Data) -> None:
        routing = dict(data.get("routing") or {})
        _merge(routing, changes)
        data["routing"] = routing

    return _edit(text, edit)


def _edit(text: str, change: Callable[[_Data], None]) -> str:
    data = read_yaml(text, "").data
    if data is None:
        data = {}
    _check_shape(data)
    change(data)
    return rewrite(text, data)


def _check_shape(data: object) -> None:
    """Refuse a document whose sections are not what edits go through."""
    if not isinstance(data, dict):
        raise InvalidRequest("The document is not a mapping, so it can't be edited.")
    for name, kind in _SHAPE.items():
        if not isinstance(data.get(name) or kind(), kind):
            what = "list" if kind is list else "mapping"
            raise InvalidRequest(f"'{name}' in the document is not a {what}: mend that first.")
    for name, inner in (("providers", "models"), ("models", "tags"), ("chains", "models")):
        for entry in data.get(name) or []:
            if not isinstance(entry, dict) or "id" not in entry:
                raise InvalidRequest(f"'{name}' has an entry without an id: mend that first.")
            if not isinstance(entry.get(inner) or [], list):
                raise InvalidRequest(
                    f"'{inner}' of '{entry['id']}' is not a list: mend that first."
                )
    for chain in data.get("chains") or []:
        if not all(isinstance(step, dict) for step in chain.get("models") or []):
            raise InvalidRequest(f"Chain '{chain['id']}' has a wrong step: mend that first.")


def _section(data: _Data, name: str) -> list[Any]:
    section: list[Any] = data.get(name) or []
    data[name] = section
    return section


def _add(text: str, section: str, entry: Fields) -> str:
    def edit(data: _Data) -> None:
        entries = _section(data, section)
        if any(_as_fields(other).get("id") == entry.get("id") for other in entries):
            raise InvalidRequest(
                f"There is already a {section[:-1]} '{entry.get('id')}'.", param="id"
            )
        entries.append(dict(entry))

    return _edit(text, edit)


def _replace(text: str, section: str, entry_id: str, entry: Fields) -> str:
    def edit(data: _Data) -> None:
        entries = _section(data, section)
        at = entries.index(_find(entries, entry_id, section[:-1]))
        entries[at] = {"id": entry_id, **entry}

    return _edit(text, edit)


def _patch(text: str, section: str, entry_id: str, changes: Fields) -> str:
    def edit(data: _Data) -> None:
        _merge(_find(_section(data, section), entry_id, section[:-1]), changes)

    return _edit(text, edit)


def _merge(fields: _Data, changes: Fields) -> None:
    for name, value in changes.items():
        if value is None and name not in _NULL_MEANS_SOMETHING:
            fields.pop(name, None)
        elif isinstance(value, Mapping):
            before = fields.get(name)
            inner = dict(before) if isinstance(before, dict) else {}
            _merge(inner, value)
            fields[name] = inner
        else:
            fields[name] = value


def _find(entries: list[Any], entry_id: str, what: str) -> _Data:
    for entry in entries:
        if isinstance(entry, dict) and entry.get("id") == entry_id:
            return entry
    raise _unknown(what, entry_id, [str(_as_fields(entry).get("id")) for entry in entries])


def _unknown(what: str, name: str, known: Mapping[str, Any] | list[str]) -> InvalidRequest:
    hint = did_you_mean(name, known)
    return InvalidRequest(f"There is no {what} '{name}'.{f' {hint}' * bool(hint)}", param="id")


def _as_fields(entry: object) -> _Data:
    """Return an entry's fields, also where a model is a bare name."""
    if isinstance(entry, dict):
        return entry
    name = str(entry)
    short = slug(name)
    return {"id": name} if short == name else {"id": short, "name": name, "upstreamModel": name}


def _locate_model(data: _Data, provider_id: str, model_id: str) -> tuple[list[Any], int] | None:
    for provider in data.get("providers") or []:
        if provider.get("id") == provider_id:
            inline: list[Any] = provider.get("models") or []
            for at, model in enumerate(inline):
                if _as_fields(model).get("id") == model_id:
                    return inline, at
    models: list[Any] = data.get("models") or []
    for at, model in enumerate(models):
        if (model.get("providerId"), model.get("id")) == (provider_id, model_id):
            return models, at
    return None


def _model_place(data: _Data, provider_id: str, model_id: str) -> tuple[list[Any], int]:
    found = _locate_model(data, provider_id, model_id)
    if found is None:
        raise InvalidRequest(f"Provider '{provider_id}' has no model '{model_id}'.", param="id")
    return found


def _change_model(
    text: str, provider_id: str, model_id: str, change: Callable[[_Data], _Data]
) -> str:
    def edit(data: _Data) -> None:
        models, at = _model_place(data, provider_id, model_id)
        models[at] = change(_as_fields(models[at]))

    return _edit(text, edit)
