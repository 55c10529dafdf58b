"""From text to a checked document: every mistake as a `Problem` with line, path and fix."""

from __future__ import annotations

import difflib
import hashlib
import types
from collections.abc import Iterable, Mapping
from typing import Union, get_args, get_origin

import msgspec
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from laird.config.schema import DocumentEntry, slug
from laird.config.yaml_source import Loc, YamlSource, path_text, read_yaml
from laird.domain.credential import looks_like_a_key
from laird.domain.errors import ConfigError, Problem

DEFAULT_FILE = "providers.yaml"
_MAX_PROBLEMS = 50


class Finding(msgspec.Struct, frozen=True):
    """Something to say about one place of the document."""

    loc: Loc
    message: str
    fix: str | None = None


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A document whose every entry is right in itself."""

    file: str
    """The name to show in messages, usually a path."""
    source: YamlSource
    entries: DocumentEntry

    @property
    def text(self) -> str:
        """The document as it was written."""
        return self.source.text

    def problem(self, finding: Finding) -> Problem:
        """Return a finding with its line and its path as text."""
        return _problem(self.source, finding)


def revision_of(text: str) -> str:
    """Return the revision of a document: 16 hex characters of the SHA-256 of its text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """Return a question that names what is closest to a mistyped name, or None."""
    candidates = list(known)
    folded = {candidate.lower(): candidate for candidate in candidates}
    wanted = name.replace("_", "").lower()
    if wanted in folded:
        return f"Did you mean '{folded[wanted]}'?"
    near = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.6)
    return f"Did you mean '{folded[near[0]]}'?" if near else None


def pick(name: str, known: Iterable[str], what: str) -> str:
    """Return the advice for a name that does not exist: the nearest one, or all there are."""
    candidates = list(known)
    if not candidates:
        return f"There is no {what} in the document."
    listed = ", ".join(candidates[:12]) + (", …" if len(candidates) > 12 else "")
    return did_you_mean(name, candidates) or f"There is {listed}."


def read_document(text: str, file: str = DEFAULT_FILE) -> Document:
    """Parse and check a document.

    An empty document is refused, since it is most often a file that is being written. Raises
    `ConfigError` with every problem found, up to 50.
    """
    source = read_yaml(text, file)
    data = source.data
    if not isinstance(data, dict):
        empty = data is None
        problem = Problem(
            message="the document is empty." if empty else "the document must be a mapping.",
            line=1,
            fix="Write `providers: []` for one without providers."
            if empty
            else "It begins with a line such as `providers:`.",
        )
        raise ConfigError((problem,), file=file)
    try:
        entries = DocumentEntry.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=True)[:_MAX_PROBLEMS]
        problems = [_problem(source, _finding(detail, data)) for detail in details]
        problems.sort(key=lambda problem: problem.line or 0)
        raise ConfigError(tuple(problems), file=file) from None
    return Document(file=file, source=source, entries=entries)


def _problem(source: YamlSource, finding: Finding) -> Problem:
    return Problem(
        message=finding.message,
        path=path_text(finding.loc),
        line=source.line_of(finding.loc),
        fix=finding.fix,
    )


def _finding(detail: ErrorDetails, data: object) -> Finding:
    loc: Loc = tuple(detail["loc"])
    kind = detail["type"]
    context = detail.get("ctx", {})
    if kind == "missing":
        return Finding(loc, f"'{loc[-1]}' is missing.", _missing_fix(str(loc[-1])))
    if kind == "extra_forbidden":
        name = str(loc[-1])
        return Finding(loc, f"there is no field '{name}'.", _field_fix(name, loc))
    if kind in _WORDS:
        message = _WORDS[kind].format(**{name: _number(context[name]) for name in context})
        return Finding(loc, message + _shown(data, loc), _value_fix(kind, loc, data, context))
    if kind == "value_error":
        return Finding(loc, f"{context['error']}.")
    return Finding(loc, "this value is not allowed here.")


_WORDS = {
    "literal_error": "must be {expected}",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "list_type": "must be a list",
    "dict_type": "must be a mapping (lines of `name: value`)",
    "mapping_type": "must be a mapping (lines of `name: value`)",
    "model_type": "must be a mapping (lines of `name: value`)",
    "model_attributes_type": "must be a mapping (lines of `name: value`)",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least one entry",
    "string_pattern_mismatch": "may hold only lower-case letters, digits, '-', '_' and '.'"
    " (models also ':' and '/'), and begins with a letter or digit",
}


def _number(value: object) -> object:
    """Show bounds such as 86400.0 without their fraction."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _at(data: object, loc: Loc) -> object:
    for part in loc:
        if isinstance(data, dict):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return None
    return data


def _shown(data: object, loc: Loc) -> str:
    """Quote a wrong value, unless it is or could be a secret."""
    value = _at(data, loc)
    if value is None or isinstance(value, list | dict) or "authSecret" in loc:
        return "."
    text = str(value)
    if text.startswith(("sk-", "lai_")) or looks_like_a_key(text):
        return "."
    return f", not '{text}'." if isinstance(value, str) else f", not {text.lower()}."


def _value_fix(kind: str, loc: Loc, data: object, context: Mapping[str, object]) -> str | None:
    value = _at(data, loc)
    if kind == "string_pattern_mismatch" and isinstance(value, str):
        better = slug(value)
        if loc[0] != "models" and "models" not in loc[2:]:
            better = better.replace("/", "-").replace(":", "-")
        return f"Write '{better}'." if better else None
    if kind == "literal_error" and isinstance(value, str):
        return did_you_mean(value, [word.strip("' ") for word in _choices(context)])
    if kind == "string_type" and isinstance(value, int | float):
        return "Put it in quotes."
    if kind == "list_type" and isinstance(value, dict) and loc == ("providers",):
        return (
            "Write one `- id: …` entry for each provider; `laird config import` turns"
            " the form `providers: {name: …}` into that."
        )
    if kind in {"int_type", "float_type"} and isinstance(value, str):
        return "Leave out quotes and units."
    return None


def _choices(context: Mapping[str, object]) -> list[str]:
    return str(context["expected"]).replace(" or ", ",").split(",")


def _missing_fix(name: str) -> str | None:
    return {
        "kind": "Add a line such as `kind: ollama` or `kind: openai`.",
        "id": "Add a line such as `id: my-provider`.",
        "output": "Prices name both input and output; write 0 for one that is free.",
        "input": "Prices name both input and output; write 0 for one that is free.",
        "providerId": "Name the provider that serves it.",
        "models": "A chain lists at least one model.",
    }.get(name)


def _field_fix(name: str, loc: Loc) -> str:
    """Advise on an unknown field: the nearest one, or all there are in that place."""
    entry = _entry_at(loc[:-1])
    known = [field.alias or key for key, field in entry.model_fields.items()] if entry else []
    return did_you_mean(name, known) or f"Fields here are {', '.join(known)}."


def _entry_at(loc: Loc) -> type[BaseModel] | None:
    """Return the model class that a place in the document is read by."""
    current: type[BaseModel] | None = DocumentEntry
    for part in loc:
        if isinstance(part, int) or current is None:
            continue
        fields = current.model_fields
        match = next((field for key, field in fields.items() if (field.alias or key) == part), None)
        current = _model_in(match.annotation) if match else None
    return current


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return annotation if issubclass(annotation, BaseModel) else None
    if get_origin(annotation) in {list, Union, types.UnionType}:
        found = (_model_in(argument) for argument in get_args(annotation))
        return next((model for model in found if model is not None), None)
    return None
