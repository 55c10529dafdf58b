"""What a change of the document may not bring about, whichever fields it comes by.

A credential is bound to the origin that it was given for: it goes elsewhere only with the change
that gives it again, which is an administrator's to make. An operator runs providers, and does not
have their credentials. What counts as local decides what may be sent there, so an operator can't
call something local which is not certainly inside, or which an administrator has called external.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from laird.config.egress import host_of, is_own_network
from laird.config.schema import DocumentEntry, InlineModelEntry
from laird.domain.catalog import Egress, Provider, Snapshot
from laird.domain.errors import InvalidRequest, NotAllowed
from laird.domain.privacy import Action, PrivacyPolicy

_OPEN_TO_ALL = (".ts.net",)
"""Own names that somebody else may have as well: anybody can publish a machine by such a one."""

_Place = tuple[str, str, int | None]
_Mark = tuple[_Place, str]


def check_bounds(before: Snapshot, after: Snapshot) -> None:
    """Refuse a change of the document that only an administrator may make.

    Raises:
        NotAllowed: a credential would go to another place, or text that must stay inside.
    """
    left = _external_places(before)
    for provider in after.providers.values():
        old = before.providers.get(provider.id)
        same_place = old is not None and _place(old) == _place(provider)
        # One that is missing just now may be there later, and would go where this says.
        same_credential = old is not None and (
            (old.secret_source, old.secret) == (provider.secret_source, provider.secret)
        )
        if provider.secret_source is not None and not (same_place and same_credential):
            raise NotAllowed(
                f"Only an administrator may have the credential of '{provider.id}'"
                f" ({provider.secret_source}) sent to {provider.endpoint}."
            )
        was_local = same_place and old is not None and old.egress is Egress.LOCAL
        if provider.egress is not Egress.LOCAL or was_local:
            continue
        if not _is_certainly_inside(provider.endpoint):
            raise NotAllowed(
                f"Only an administrator may call '{provider.id}' local: {provider.endpoint} is not"
                " certainly on your own network."
            )
        if _place(provider) in left:
            raise NotAllowed(
                f"Only an administrator may call '{provider.id}' local: {provider.endpoint} counts"
                " as external until now."
            )
    _check_models(before, after)


def _is_certainly_inside(endpoint: str) -> bool:
    return is_own_network(endpoint) and not host_of(endpoint).endswith(_OPEN_TO_ALL)


def _external_places(snapshot: Snapshot) -> set[_Place]:
    """Return the places that no provider calls local, and one external."""
    places: dict[Egress, set[_Place]] = {egress: set() for egress in Egress}
    for provider in snapshot.providers.values():
        places[provider.egress].add(_place(provider))
    return places[Egress.EXTERNAL] - places[Egress.LOCAL]


def _check_models(before: Snapshot, after: Snapshot) -> None:
    """Refuse to let a model count as local that did not, on the same server, by whatever id."""
    was = {(_of(before, model.provider_id), model.upstream_model): model.egress
           for model in before.models.values()}  # fmt: skip
    for key, model in after.models.items():
        old = before.models.get(key)
        here = was.get((_of(after, model.provider_id), model.upstream_model))
        left = here is Egress.EXTERNAL or (old is not None and old.egress is Egress.EXTERNAL)
        if model.egress is Egress.LOCAL and left:
            raise NotAllowed(f"Only an administrator may call the model '{key}' local.")


def check_marks(
    before: Snapshot, was: DocumentEntry | None, after: Snapshot, entries: DocumentEntry
) -> None:
    """Refuse to take out what says that something inside sends text outside.

    That is `type: external` of a provider and `egress: external` of a model on a server that else
    counts as local: without them, what is added there again would be local. `was` and `entries` are
    what the documents say. Raises `NotAllowed`.
    """
    if was is None:
        return
    kept = _marks(after, entries)
    for place, model in _marks(before, was):
        if (place, model) not in kept and (place, "") not in kept:
            what = f"that the model '{model}'" if model else "that the server"
            raise NotAllowed(
                f"Only an administrator may take out of the document {what} at"
                f" {place[0]}://{place[1]} is external."
            )


def _marks(snapshot: Snapshot, entries: DocumentEntry) -> set[_Mark]:
    marks: set[_Mark] = set()
    for entry in entries.providers:
        provider = snapshot.providers[entry.id]
        local = provider.egress is Egress.LOCAL or is_own_network(provider.endpoint)
        if not local:
            continue
        if entry.type == "external":
            marks.add((_place(provider), ""))
        mine = [model for model in entries.models if model.provider_id == entry.id]
        marks |= {(_place(provider), name) for name in _external((*entry.models, *mine))}
    return marks


def _external(models: Iterable[InlineModelEntry]) -> Iterable[str]:
    return (model.upstream_model or model.id for model in models if model.egress == "external")


def check_moved(
    provider_id: str, values: dict[str, Any], before: Snapshot, after: Snapshot
) -> None:
    """Refuse to send a provider's credential to another place where it was not given again.

    `values` are the fields that are changed, of the provider called `provider_id` before.

    Raises:
        InvalidRequest: naming `authSecret`, which must be given.
    """
    old = before.providers[provider_id]
    new = after.providers.get(str(values.get("id", provider_id)))
    if new is None or new.secret_source is None or _place(new) == _place(old):
        return
    if new.secret_source == old.secret_source and "authSecret" not in values:
        raise InvalidRequest(
            f"The credential of '{provider_id}' ({old.secret_source}) was given for {old.endpoint}."
            f" To have it sent to {new.endpoint}, give 'authSecret' again in the same change; with"
            " null nothing is sent.",
            param="authSecret",
        )


def check_key_name(wanted: str, policy: PrivacyPolicy | None) -> None:
    """Refuse the name of a new key that a privacy rule exempts. Raises `NotAllowed`."""
    name = wanted.strip()
    for rule in policy.rules if policy is not None else ():
        if rule.then is Action.ANY and any(fnmatchcase(name, pattern) for pattern in rule.keys):
            raise NotAllowed(
                f"Only an administrator may make a key of this name: the privacy rule"
                f" '{rule.name}' exempts it.",
                param="name",
            )


def _of(snapshot: Snapshot, provider_id: str) -> _Place:
    return _place(snapshot.providers[provider_id])


def _place(provider: Provider) -> _Place:
    """Return the origin of a provider's endpoint."""
    parts = urlsplit(provider.endpoint)
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").rstrip("."), parts.port or usual
