"""Who may do what by the administration API: one row for each route.

**A new route gets a row here**, named as `docs/api.md` names it: the method and the path template.
`tests/api/test_policy.py` fails for a route without one, and for a row without a route; until there
is one, only administrators may use the route. The guard enforces the table before a body is read.

| rule | who |
|---|---|
| `ANYBODY` | also who is not known: signing in, and what leads there |
| `PERSON` | somebody who is signed in, whatever their role: their own account |
| `VIEWER` | whoever may look |
| `OPERATOR` | whoever may run it: providers, chains, budgets, limits of keys |
| `ADMIN` | whoever may do everything |

`OPERATOR_WRITES(fields…)` is `OPERATOR` where operators may send those fields of the body alone;
administrators may send all. What else an operator may not is where it can be seen: no change of
the document by which a credential or local text would go elsewhere (`bounds.py`), and no change of
a key that may administer (`context.Admin.key_in_reach`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from laird.api.site import JSON_TYPE
from laird.domain.errors import NotAllowed
from laird.domain.keys import Scope
from laird.domain.people import Role


class Write(msgspec.Struct, frozen=True):
    """What operators may send in a body: these fields, and in some of them these values alone."""

    fields: frozenset[str]
    within: Mapping[str, frozenset[str]] = {}

    def check(self, body: object) -> None:
        """Refuse a parsed body with another field or value. Raises `NotAllowed`, naming it."""
        if not isinstance(body, dict):
            return
        for field in body:
            if field not in self.fields:
                raise NotAllowed(
                    f"Only an administrator may set '{field[:80]}' here.", param=field[:80]
                )
        for field, allowed in self.within.items():
            values = body.get(field, [])
            for value in values if isinstance(values, list) else [values]:
                if not isinstance(value, str) or value not in allowed:
                    raise NotAllowed(
                        f"Only an administrator may set '{field}' to anything but"
                        f" {', '.join(sorted(allowed))}.",
                        param=field,
                    )


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Who may use one route."""

    least: Role | None
    """The least role; None where none is needed."""
    person: bool = False
    """Only somebody who is signed in, and no key."""
    operator: Write | None = None
    """What operators may send, where that is less than administrators may."""
    body_types: frozenset[str] = frozenset({JSON_TYPE})
    """Media types that a body may have when it comes with a session."""

    @property
    def is_open(self) -> bool:
        """True where nobody has to be known."""
        return self.least is None


def OPERATOR_WRITES(*fields: str, **within: frozenset[str]) -> Rule:  # noqa: N802 - reads as a rule
    """Return the rule of a route where operators may send these fields alone.

    Keyword arguments bound the values of those among them.
    """
    return Rule(least=Role.OPERATOR, operator=Write(frozenset(fields) | set(within), within))


def taking(rule: Rule, *types: str) -> Rule:
    """Return a rule of a route whose bodies may be of other media types than JSON as well."""
    return msgspec.structs.replace(rule, body_types=rule.body_types | set(types))


ANYBODY = Rule(least=None)
PERSON = Rule(least=Role.VIEWER, person=True)
VIEWER = Rule(least=Role.VIEWER)
OPERATOR = Rule(least=Role.OPERATOR)
ADMIN = Rule(least=Role.ADMIN)

_PROVIDER_FIELDS = (
    "name",
    "kind",
    "endpoint",
    "priority",
    "enabled",
    "maxConcurrent",
    "gpu",
    "location",
    "healthCheckInterval",
    "healthCheckTimeout",
    "healthCheckPath",
    "timeouts",
    "dailyRequestLimit",
    "maxTokensPerRequest",
    "costTracking",
    "weight",
    "models",
)
"""Of a provider; what is not here: `type`, `authType` and `authSecret`."""

_KEY_LIMITS = (
    "priority",
    "allowed_models",
    "allowed_providers",
    "requests_per_minute",
    "tokens_per_minute",
    "cache",
)

POLICY: Mapping[str, Rule] = {
    # Signing in, and one's own account
    "GET /api/openapi.json": ANYBODY,
    "GET /api/session": ANYBODY,
    "POST /api/session": ANYBODY,
    "DELETE /api/session": PERSON,
    "PUT /api/session/password": PERSON,
    "GET /api/sessions": PERSON,
    "DELETE /api/sessions": PERSON,
    "DELETE /api/sessions/{session_id}": PERSON,
    "POST /api/invitations/look": ANYBODY,
    "POST /api/invitations/accept": ANYBODY,
    # People
    "GET /api/people": ADMIN,
    "POST /api/people": ADMIN,
    "PATCH /api/people/{person}": ADMIN,
    "DELETE /api/people/{person}": ADMIN,
    "GET /api/people/{person}/sessions": ADMIN,
    "DELETE /api/people/{person}/sessions": ADMIN,
    "POST /api/people/{person}/reset": ADMIN,
    "GET /api/invitations": ADMIN,
    "POST /api/invitations": ADMIN,
    "DELETE /api/invitations/{link_id}": ADMIN,
    "POST /api/setup-link": ADMIN,
    # Keys
    "GET /api/keys": OPERATOR,
    "POST /api/keys": OPERATOR_WRITES(
        "name",
        "expires_in_days",
        "privacy",
        "budget",
        *_KEY_LIMITS,
        scopes=frozenset({Scope.INFERENCE}),
    ),
    "PATCH /api/keys/{name}": OPERATOR_WRITES("enabled", *_KEY_LIMITS),
    "DELETE /api/keys/{name}": OPERATOR,
    # What stands behind it
    "GET /api/providers": VIEWER,
    "GET /api/providers/kinds": VIEWER,
    "POST /api/providers": OPERATOR_WRITES("id", *_PROVIDER_FIELDS),
    "POST /api/providers/discover": OPERATOR,
    "PATCH /api/providers/{provider_id}": OPERATOR_WRITES("id", *_PROVIDER_FIELDS),
    "DELETE /api/providers/{provider_id}": OPERATOR,
    "POST /api/providers/{provider_id}/test": OPERATOR,
    "POST /api/providers/{provider_id}/models": OPERATOR,
    "GET /api/providers/{provider_id}/health": VIEWER,
    "GET /api/models": VIEWER,
    # The local library: what a model is called and how it is run is in the document
    "GET /api/library/machine": VIEWER,
    "GET /api/library/recommended": VIEWER,
    "GET /api/library/search": OPERATOR,
    "GET /api/library/repositories/{owner}/{name}": OPERATOR,
    "GET /api/library/downloads": VIEWER,
    "POST /api/library/downloads": OPERATOR,
    "GET /api/library/downloads/{download_id}": VIEWER,
    "POST /api/library/downloads/{download_id}/pause": OPERATOR,
    "POST /api/library/downloads/{download_id}/resume": OPERATOR,
    "DELETE /api/library/downloads/{download_id}": OPERATOR,
    "GET /api/library/models": VIEWER,
    "GET /api/library/models/{model_id}": VIEWER,
    "PATCH /api/library/models/{model_id}": OPERATOR,
    "POST /api/library/models/{model_id}/offer": OPERATOR,
    "DELETE /api/library/models/{model_id}": OPERATOR,
    "GET /api/library/models/{model_id}/update": OPERATOR,
    "POST /api/library/models/{model_id}/run": OPERATOR,
    "POST /api/library/models/{model_id}/stop": OPERATOR,
    "GET /api/library/models/{model_id}/log": OPERATOR,
    "GET /api/chains": VIEWER,
    "PUT /api/chains/{chain_id}": OPERATOR,
    "DELETE /api/chains/{chain_id}": OPERATOR,
    "GET /api/routing": VIEWER,
    "POST /api/routing/explain": OPERATOR,
    "GET /api/privacy": VIEWER,
    "POST /api/privacy/check": OPERATOR,
    # Their credentials: nobody reads them back, and a test sends one only where it goes anyway
    "GET /api/credentials": OPERATOR,
    "PUT /api/credentials/{name}": ADMIN,
    "DELETE /api/credentials/{name}": ADMIN,
    "POST /api/credentials/{name}/stage": ADMIN,
    "POST /api/credentials/{name}/test": OPERATOR,
    "POST /api/credentials/{name}/promote": ADMIN,
    "POST /api/credentials/{name}/discard": ADMIN,
    "POST /api/credentials/migrate": ADMIN,
    "POST /api/credentials/rekey": ADMIN,
    # The document
    "GET /api/config": OPERATOR,
    "PUT /api/config": ADMIN,
    "POST /api/config/check": ADMIN,
    "GET /api/config/history": OPERATOR,
    "GET /api/config/history/{change_id}": OPERATOR,
    "POST /api/config/history/{change_id}/rollback": ADMIN,
    # What was used, and what it cost
    "GET /api/usage/summary": VIEWER,
    "GET /api/usage/totals": VIEWER,
    "GET /api/usage/series": VIEWER,
    "GET /api/usage/latency": VIEWER,
    "GET /api/usage/top": VIEWER,
    "GET /api/usage/attempts": VIEWER,
    "GET /api/usage/export": VIEWER,
    "GET /api/usage/requests": ADMIN,
    "GET /api/usage/requests/export": ADMIN,
    "GET /api/usage/requests/{request_id}": ADMIN,
    "DELETE /api/usage/requests/{request_id}": ADMIN,
    "GET /api/usage/receipts": VIEWER,
    "GET /api/prices": VIEWER,
    "GET /api/prices/calculate": VIEWER,
    "POST /api/prices/calculate": VIEWER,
    "GET /api/recommendations": VIEWER,
    "POST /api/reconcile": taking(OPERATOR, "text/csv", "application/octet-stream"),
    "GET /api/budgets": VIEWER,
    "POST /api/budgets": OPERATOR,
    "GET /api/budgets/{name}": VIEWER,
    "PATCH /api/budgets/{name}": OPERATOR,
    "DELETE /api/budgets/{name}": OPERATOR,
    "GET /api/alerts": VIEWER,
    "POST /api/alerts/{alert_id}/acknowledge": OPERATOR,
    "GET /api/events": VIEWER,
    # What was done
    "GET /api/audit": ADMIN,
    "GET /api/audit/export": ADMIN,
    "POST /api/audit/prune": ADMIN,
    "GET /api/audit/{entry_id}": ADMIN,
    "POST /api/audit/{entry_id}/rollback": ADMIN,
    # The server
    "GET /api/system": VIEWER,
    "GET /api/cache": VIEWER,
    "DELETE /api/cache": OPERATOR,
}


def path_name(template: str) -> str:
    """Return a route's path as documentation writes it: `{name:path}` is `{name}`."""
    return template.replace(":path}", "}")


def rule_of(method: str, template: str, policy: Mapping[str, Rule] = POLICY) -> Rule:
    """Return the rule of a route; one without a row is for administrators alone."""
    return policy.get(f"{method} {path_name(template)}", ADMIN)


def may(role: Role, rule: Rule) -> bool:
    """Tell whether a role is enough for a rule."""
    return rule.least is None or role.covers(rule.least)


def check_write(rule: Rule, role: Role, body: Any) -> None:
    """Refuse a body that this role may not send. Raises `NotAllowed`."""
    if rule.operator is not None and role is not Role.ADMIN:
        rule.operator.check(body)
