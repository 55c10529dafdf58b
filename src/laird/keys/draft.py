"""A key as somebody asks for it, checked and made."""

from __future__ import annotations

import secrets
import unicodedata

import msgspec
from msgspec import UNSET, UnsetType

from laird.domain.errors import InvalidRequest
from laird.domain.keys import ApiKey, PrivacyClass, RateLimit, Scope
from laird.domain.secret import Secret
from laird.keys.key_text import SHOWN_CHARACTERS, contains_key, digest, new_key

LONGEST_NAME = 100
_LONGEST_REFERENCE = 300
_MOST_REFERENCES = 1000
_HIGHEST_LIMIT = 1_000_000_000
_PRIORITIES = range(-1000, 1001)
_HUNDRED_YEARS_US = 100 * 366 * 86_400 * 1_000_000
_SCOPES = frozenset(scope.value for scope in Scope)
_PRIVACY = frozenset(privacy.value for privacy in PrivacyClass)


class KeyDraft(msgspec.Struct, frozen=True, kw_only=True):
    """What a new key shall be; the fields mean what they mean in `ApiKey`."""

    name: str
    expires_us: int | None = None
    enabled: bool = True
    scopes: frozenset[str] = frozenset({Scope.INFERENCE})
    allowed_models: frozenset[str] = frozenset()
    allowed_providers: frozenset[str] = frozenset()
    privacy: PrivacyClass = PrivacyClass.ANY
    priority: int | None = None
    rate: RateLimit = RateLimit()
    cache: bool = False
    keep: bool = False


class KeyChange(msgspec.Struct, frozen=True, kw_only=True):
    """What shall be otherwise; what is not set stays. The fields mean what they do in `ApiKey`.

    What a key may be used for is not among them: that is decided when it is made.
    """

    name: str | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    expires_us: int | UnsetType | None = UNSET
    allowed_models: frozenset[str] | UnsetType = UNSET
    allowed_providers: frozenset[str] | UnsetType = UNSET
    privacy: PrivacyClass | UnsetType = UNSET
    priority: int | UnsetType | None = UNSET
    requests_per_minute: int | UnsetType | None = UNSET
    tokens_per_minute: int | UnsetType | None = UNSET
    cache: bool | UnsetType = UNSET
    keep: bool | UnsetType = UNSET


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key just made. `text` is nowhere else: show it once, then it is gone."""

    key: ApiKey
    text: Secret


def make_key(draft: KeyDraft, now_us: int) -> NewKey:
    """Return a new key with fresh random text. `now_us` is UTC microseconds since the epoch.

    Raises:
        InvalidRequest: a field of the draft is wrong; `param` names it.
    """
    name = _checked_name(draft.name)
    _check_expiry(draft.expires_us, now_us)
    _check_scopes(draft.scopes)
    _check_policy(draft)
    text = new_key()
    key = ApiKey(
        id=f"key_{secrets.token_hex(8)}",
        name=name,
        digest=digest(text),
        prefix=text[:SHOWN_CHARACTERS],
        created_us=now_us,
        expires_us=draft.expires_us,
        enabled=draft.enabled,
        scopes=draft.scopes,
        allowed_models=draft.allowed_models,
        allowed_providers=draft.allowed_providers,
        privacy=PrivacyClass(draft.privacy),
        priority=draft.priority,
        rate=draft.rate,
        cache=draft.cache,
        keep=draft.keep,
    )
    return NewKey(key=key, text=Secret(text))


def changed_key(key: ApiKey, wanted: KeyChange, now_us: int) -> ApiKey:
    """Return a key with some of its fields changed. `now_us` is UTC microseconds since the epoch.

    Raises:
        InvalidRequest: a field is wrong, or there is none; `param` names it.
    """
    fields = {
        name: value for name, value in msgspec.structs.asdict(wanted).items() if value is not UNSET
    }
    if not fields:
        raise InvalidRequest("There is nothing to change: name at least one field.")
    if "name" in fields:
        fields["name"] = _checked_name(fields["name"])
    if "expires_us" in fields:
        _check_expiry(fields["expires_us"], now_us)
    rate = {name: fields.pop(name) for name in RateLimit.__struct_fields__ if name in fields}
    changed = msgspec.structs.replace(key, **fields, rate=msgspec.structs.replace(key.rate, **rate))
    _check_policy(changed)
    return changed


def _check_policy(key: KeyDraft | ApiKey) -> None:
    _check_references(key.allowed_models, "allowed_models", "model")
    _check_references(key.allowed_providers, "allowed_providers", "provider")
    _check_privacy(key.privacy)
    _check_priority(key.priority)
    _check_limit(key.rate.requests_per_minute, "requests_per_minute")
    _check_limit(key.rate.tokens_per_minute, "tokens_per_minute")


def _checked_name(name: str) -> str:
    """Return the name without blanks around it."""
    stripped = name.strip()
    if not stripped:
        raise InvalidRequest("A key needs a name, such as 'laptop' or 'agent-ci'.", param="name")
    if len(stripped) > LONGEST_NAME:
        raise InvalidRequest(
            f"The name has {len(stripped)} characters; {LONGEST_NAME} are the most.", param="name"
        )
    # Control, surrogate and unassigned characters garble logs and tables.
    if any(unicodedata.category(character)[0] == "C" for character in stripped):
        raise InvalidRequest("The name has characters that can't be shown.", param="name")
    if contains_key(stripped):
        raise InvalidRequest(
            "The name contains a key. Names are shown and logged, so choose another.", param="name"
        )
    return stripped


def _check_expiry(expires_us: int | None, now_us: int) -> None:
    if expires_us is None:
        return
    if expires_us <= now_us:
        raise InvalidRequest(
            "The key would have expired already. Give a time in the future, in microseconds since"
            " 1970 (UTC), or none.",
            param="expires_us",
        )
    if expires_us > now_us + _HUNDRED_YEARS_US:
        raise InvalidRequest(
            "The key would expire in more than a hundred years. Give microseconds since 1970"
            " (UTC), or nothing for a key that does not expire.",
            param="expires_us",
        )


def _check_scopes(scopes: frozenset[str]) -> None:
    unknown = sorted(scopes - _SCOPES)
    known = ", ".join(sorted(_SCOPES))
    if unknown:
        raise InvalidRequest(
            f"There is no scope {_quoted(unknown[0])}; the scopes are {known}.", param="scopes"
        )
    if not scopes:
        raise InvalidRequest(
            f"A key without a scope could do nothing; the scopes are {known}.", param="scopes"
        )


def _check_references(names: frozenset[str], param: str, noun: str) -> None:
    if len(names) > _MOST_REFERENCES:
        raise InvalidRequest(
            f"{param} has {len(names)} entries; {_MOST_REFERENCES} are the most.", param=param
        )
    for name in names:
        if not name.strip() or len(name) > _LONGEST_REFERENCE:
            raise InvalidRequest(f"{param} has the {noun} name {_quoted(name)}.", param=param)


def _check_privacy(privacy: str) -> None:
    if privacy not in _PRIVACY:
        raise InvalidRequest(
            f"There is no privacy class {_quoted(privacy)};"
            f" the classes are {', '.join(sorted(_PRIVACY))}.",
            param="privacy",
        )


def _check_priority(priority: int | None) -> None:
    if priority is not None and priority not in _PRIORITIES:
        raise InvalidRequest(
            f"The priority is {priority}; it must be from {_PRIORITIES[0]} (first) to"
            f" {_PRIORITIES[-1]} (last).",
            param="priority",
        )


def _check_limit(limit: int | None, param: str) -> None:
    if limit is not None and not 1 <= limit <= _HIGHEST_LIMIT:
        raise InvalidRequest(
            f"{param} is {limit}; it must be from 1 to {_HIGHEST_LIMIT}, or nothing for no limit."
            " To stop a key, disable it.",
            param=param,
        )


def _quoted(text: str) -> str:
    """Return a text fit for a message: quoted, and cut when it is long."""
    return f"'{text[:40]}…'" if len(text) > 40 else f"'{text}'"
