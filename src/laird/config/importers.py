"""Documents from elsewhere: LiteLLM's `config.yaml`, and the form that maps provider names."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from pydantic.alias_generators import to_camel

from laird.config.document import read_document
from laird.config.litellm import Imported, import_litellm
from laird.config.redact import redact
from laird.config.rewrite import dump_yaml, plain_data
from laird.config.schema import InlineModelEntry, ProviderEntry, slug
from laird.config.yaml_source import read_yaml
from laird.domain.catalog import Kind
from laird.domain.errors import ConfigError, Problem

_Data = dict[str, Any]
_COMPATIBLE = ("openai-compatible", "openai_compatible", "custom", "openai")
_OTHER_NAMES = {
    "api_base": "endpoint",
    "base_url": "endpoint",
    "baseUrl": "endpoint",
    "url": "endpoint",
    "api_key": "authSecret",
    "apiKey": "authSecret",
    "max_concurrent": "maxConcurrent",
}
_REFERENCE = re.compile(r"(?:os\.environ/|\$\{?|env:)([A-Za-z_][A-Za-z0-9_]*)\}?")


class ImportedDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A document made from another program's configuration."""

    text: str
    form: Literal["laird", "litellm", "mapping"]
    """What the source was taken for."""
    notes: tuple[str, ...] = ()
    """What could not be carried over, and what deserves a look; never a secret."""


def import_document(
    text: str,
    *,
    kinds: Mapping[str, Kind],
    environment: Mapping[str, str],
    file: str = "config.yaml",
) -> ImportedDocument:
    """Turn a configuration into this document's form, whichever of the known ones it has.

    Raises `ConfigError` when the text is no YAML, when it has none of the forms, or when what it
    says can't be right here.
    """
    data = read_yaml(text, file).data
    fields = data if isinstance(data, dict) else {}
    if isinstance(fields.get("model_list"), list):
        form: Literal["litellm", "mapping"] = "litellm"
        result = import_litellm(fields, kinds=kinds, environment=environment)
    elif isinstance(fields.get("providers"), dict):
        form = "mapping"
        result = _import_mapping(fields, kinds)
    elif isinstance(fields.get("providers"), list):
        read_document(text, file)
        return ImportedDocument(text=text, form="laird")
    else:
        problem = Problem(
            message="this is neither a LiteLLM configuration nor one with providers.",
            line=1,
            fix="LiteLLM's has a list `model_list`; others have `providers`.",
        )
        raise ConfigError((problem,), file=file)
    written = dump_yaml(plain_data(result.data))
    read_document(written, file)
    return ImportedDocument(text=written, form=form, notes=result.notes)


def export_document(text: str, form: Literal["yaml", "json"] = "yaml") -> str:
    """Return a document for use elsewhere, with `«redacted»` in place of secrets.

    YAML keeps comments and order. Raises `ConfigError` when it is no YAML.
    """
    shown = redact(text)
    if form == "yaml":
        return shown
    return json.dumps(read_yaml(shown, "").data, indent=2, ensure_ascii=False) + "\n"


def _import_mapping(fields: _Data, kinds: Mapping[str, Kind]) -> Imported:
    notes: list[str] = []
    providers = [
        _provider(str(name), value if isinstance(value, dict) else {}, kinds, notes)
        for name, value in fields["providers"].items()
    ]
    kept: _Data = {
        name: fields[name] for name in ("models", "chains", "aliases", "routing") if name in fields
    }
    others = sorted(fields.keys() - kept.keys() - {"providers", "version"})
    notes += [f"{name} is not carried over." for name in others]
    return Imported(data={"version": 1, "providers": providers, **kept}, notes=tuple(notes))


def _provider(name: str, written: _Data, kinds: Mapping[str, Kind], notes: list[str]) -> _Data:
    known = {field.alias or key for key, field in ProviderEntry.model_fields.items()}
    fields = _renamed(written, known, f"provider {name}", notes)
    models = fields.pop("models", None)
    if "authSecret" in fields:
        fields["authSecret"] = _reference(str(fields["authSecret"]), name, notes)
    kind = fields.pop("kind", None) or _kind_for(name, kinds)
    plain = slug(name).replace("/", "-").replace(":", "-")
    return {
        "id": plain or "provider",
        **({"name": name} if plain != name else {}),
        "kind": kind,
        **{key: value for key, value in fields.items() if key != "id"},
        "models": _models(models, name, notes),
    }


def _kind_for(name: str, kinds: Mapping[str, Kind]) -> str:
    wanted = slug(name).replace("_", "-")
    if wanted in kinds:
        return wanted
    return next((kind for kind in _COMPATIBLE if kind in kinds), wanted)


def _renamed(written: _Data, known: set[str], where: str, notes: list[str]) -> _Data:
    """Bring field names into this document's spelling; unknown ones are noted and left out."""
    fields: _Data = {}
    for name, value in written.items():
        ours = _OTHER_NAMES.get(name, to_camel(name) if "_" in name else name)
        if ours in known:
            fields[ours] = value
        else:
            notes.append(f"{where}: {name} is not carried over.")
    return fields


def _reference(secret: str, name: str, notes: list[str]) -> str:
    match = _REFERENCE.fullmatch(secret)
    if match:
        return f"env:{match[1]}"
    notes.append(f"provider {name}: its key is written out; better an environment variable.")
    return secret


def _models(models: object, name: str, notes: list[str]) -> list[object]:
    """Read a list of names or of mappings, or a mapping of names to fields."""
    known = {field.alias or key for key, field in InlineModelEntry.model_fields.items()}
    if isinstance(models, dict):
        models = [
            {"id": slug(str(key)), "upstreamModel": str(key), **(value or {})}
            if isinstance(value, dict | None)
            else str(key)
            for key, value in models.items()
        ]
    if not isinstance(models, list):
        return []
    return [
        _renamed(model, known, f"provider {name}", notes) if isinstance(model, dict) else str(model)
        for model in models
    ]
