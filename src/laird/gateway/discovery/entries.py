"""What was found, in the document's own words: entries that can be added as they are."""

from __future__ import annotations

from collections.abc import Iterable, MutableSet

from laird.config.default import FirstEntry
from laird.config.egress import is_own_network
from laird.config.schema import slug
from laird.domain.catalog import Egress
from laird.gateway.discovery.found import Discovered, Entry
from laird.gateway.discovery.walk import Sighting
from laird.providers.base import FoundModel

_OF_A_BARE_NAME = {"id", "name", "upstreamModel"}
_LONGEST_STEM = 190


def server_entry(seen: Sighting, endpoint: str, taken: MutableSet[str]) -> Entry:
    """Return the entry of a server; its id joins `taken`.

    One that wants a key is switched off until it has one. Context windows are written for kinds
    that do not tell them later: for others they would only grow old in the document.
    """
    row = seen.fingerprint
    fields: dict[str, object] = {"id": free_id(row.name, taken), "kind": row.kind}
    # The kind does not say it for them; for a host that may be anybody's, nobody does.
    if row.kind == "custom":
        fields["name"] = row.title
        if is_own_network(endpoint):
            fields["type"] = Egress.LOCAL.value
    fields["endpoint"] = endpoint
    if seen.needs_key:
        fields["enabled"] = False
    fields["models"] = model_entries(seen.models, windows=row.kind == "custom")
    return fields


def model_entries(models: Iterable[FoundModel], *, windows: bool) -> list[object]:
    """Return the entries of models: bare names, and more where there is more to say."""
    taken: set[str] = set()
    return [_model_entry(model, taken, windows=windows) for model in models]


def _model_entry(model: FoundModel, taken: set[str], *, windows: bool) -> object:
    short = slug(model.id)
    unique = free_id(short or "model", taken)
    fields: dict[str, object] = {"id": unique}
    if unique != model.id:
        if short:
            fields["name"] = model.id
        fields["upstreamModel"] = model.id
    if windows and model.context_window:
        fields["contextWindow"] = model.context_window
    if model.egress is Egress.EXTERNAL:
        fields["egress"] = Egress.EXTERNAL.value
    able = model.capabilities
    if able.embeddings and able.streaming is False:
        fields["capabilities"] = {"streaming": False, "embeddings": True}
    return model.id if unique == short and fields.keys() <= _OF_A_BARE_NAME else fields


def free_id(name: str, taken: MutableSet[str]) -> str:
    """Return a name, with a number after it where it is taken, and take it."""
    found, number = name, 2
    while found in taken:
        found, number = f"{name[:_LONGEST_STEM]}-{number}", number + 1
    taken.add(found)
    return found


def first_entries(found: Discovered) -> list[FirstEntry]:
    """Return what goes into the first document, with a line for each that says why.

    A cloud whose variable is set is switched on: whoever exports a key means it to be used.
    """
    entries = [
        FirstEntry(
            comment=f"{server.title}, found running."
            + " It wants a key: name it in authSecret, as env:NAME, and take away enabled."
            * server.needs_key,
            fields=server.entry,
            local=True,
        )
        for server in found.servers
        if server.entry is not None
    ]
    entries += [
        FirstEntry(
            comment=f"{cloud.title}, since {cloud.variable} is set."
            + " Name your deployments in models." * (not cloud.entry["models"]),
            fields=cloud.entry,
            local=False,
        )
        for cloud in found.clouds
        if cloud.entry is not None
    ]
    return entries
