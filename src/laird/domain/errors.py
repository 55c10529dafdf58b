"""Everything that can go wrong, as one tree that knows nothing of HTTP.

LairdError
├── RequestError                  the client's request can't be served as it is
│   ├── InvalidRequest            malformed or wrong in one field (`param`)
│   ├── UnsupportedField          a field that the chosen provider can't honour
│   ├── BodyTooLarge
│   ├── ModelNotFound
│   ├── NotFound                  nothing has the id or name that was given
│   ├── PreviousResponseNotFound  the response to go on from is not kept
│   └── ContextLengthExceeded
├── AccessError
│   ├── MissingKey
│   ├── InvalidKey                unknown, disabled or expired
│   ├── NotSignedIn               the session has ended, or there is none
│   ├── SignInRefused             a wrong name or password
│   ├── ForeignRequest            another website's page makes it, or it came by a foreign name
│   └── NotAllowed                a good key, or somebody signed in, that may not do this
├── LimitError
│   ├── RateLimited               slow down (`retry_after_s`)
│   └── QuotaExceeded             the budget is used up
├── RoutingError
│   ├── NoLocalProvider           privacy leaves no candidate
│   ├── RefusedByPrivacy          a privacy rule lets it go nowhere
│   ├── NoProvider                nothing is there to serve this
│   └── CapacityExceeded          all are busy (`retry_after_s`)
├── UpstreamError                 one attempt failed; dispatch decides what follows
│   ├── Unreachable               no connection: refused, DNS, TLS
│   ├── ConnectionLost            it broke before the answer was whole
│   ├── UpstreamTimeout           `phase` connect, first_byte, idle or total
│   ├── UpstreamFailed            500, 502, 503, 529 and other server faults
│   ├── UpstreamRateLimited       429, with the time to wait where it was said
│   ├── UpstreamQuota             429 that waiting does not cure
│   ├── CredentialRefused         401 or 403
│   ├── UpstreamModelMissing      the provider does not know the model
│   ├── UpstreamModelDown         one of its models can't be run now, the others may be
│   ├── UpstreamRejected          400, 413, 422: the request itself is refused
│   └── UpstreamGarbled           an answer that is not what it should be
├── ServerError
│   ├── UsageUnavailable          usage can't be recorded, so nothing billable is done
│   ├── StorageUnavailable        the database is away
│   ├── VaultLocked               stored credentials can't be opened
│   ├── ShuttingDown
│   └── StartError                the server can't start (one line that says what to do)
├── ConfigError                   the configuration document is wrong (`problems`)
└── StaleRevision                 an edit was made against an older document
"""

from __future__ import annotations

import msgspec


class LairdError(Exception):
    """The root. `message` is written for the caller: provider, cause and what to do.

    `code` is the stable machine-readable name of the error.
    """

    code = "server_error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class RequestError(LairdError):
    """The client's request can't be served as it is."""

    code = "invalid_request"

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class InvalidRequest(RequestError):
    """Malformed, or wrong in the field `param`."""


class UnsupportedField(RequestError):
    """The field `param` can't be honoured by the provider that would serve this."""

    code = "unsupported_field"


class BodyTooLarge(RequestError):
    """The body is over the limit."""

    code = "request_too_large"


class ModelNotFound(RequestError):
    """No model, provider, chain or alias has that name. `nearest` are the closest names."""

    code = "model_not_found"

    def __init__(self, name: str, nearest: tuple[str, ...] = ()) -> None:
        hint = f" Did you mean {', '.join(nearest)}?" if nearest else ""
        super().__init__(
            f"No model, provider, chain or alias is called '{name}'.{hint}"
            " GET /v1/models lists them all.",
            param="model",
        )
        self.nearest = nearest


class NotFound(RequestError):
    """Nothing has the id or name that was given."""

    code = "not_found"


class PreviousResponseNotFound(RequestError):
    """The response that a request goes on from, or one before it, is not kept."""

    code = "previous_response_not_found"

    def __init__(self, response_id: str, *, missing: str) -> None:
        if missing == response_id:
            cause = f"No response with the id '{response_id}' is kept for this key."
        else:
            cause = f"'{response_id}' goes on from '{missing}', which is no longer kept."
        super().__init__(
            f'{cause} Laird keeps what is asked for with "store": true; send that with each'
            " request that is to be gone on from, or send the whole conversation as 'input'.",
            param="previous_response_id",
        )


class ContextLengthExceeded(RequestError):
    """The prompt does not fit any candidate."""

    code = "context_length_exceeded"


class AccessError(LairdError):
    """Who asks may not."""

    code = "invalid_api_key"


class MissingKey(AccessError):
    """No key came with the request."""

    code = "missing_api_key"


class InvalidKey(AccessError):
    """The key is unknown, disabled or expired."""


class NotSignedIn(AccessError):
    """The session has ended, or there is none."""

    code = "not_signed_in"


class SignInRefused(AccessError):
    """A wrong name or password; which of them is not told."""

    code = "sign_in_refused"


class ForeignRequest(AccessError):
    """A page of another website makes the request, or it came by a name that is not ours."""

    code = "foreign_request"


class NotAllowed(AccessError):
    """The key, or the person, is good, but not for this; `param` is a field that is the reason."""

    code = "not_allowed"

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class LimitError(LairdError):
    """A limit of ours is reached."""

    code = "rate_limit_exceeded"


class RateLimited(LimitError):
    """Too fast; again after `retry_after_s` seconds."""

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class QuotaExceeded(LimitError):
    """A budget has no room; again after `retry_after_s` seconds, where time is a cure.

    `budget_id` names it; `local` says that it would have a local model serve instead.
    """

    code = "insufficient_quota"

    def __init__(
        self,
        message: str,
        *,
        budget_id: str = "",
        retry_after_s: float | None = None,
        local: bool = False,
    ) -> None:
        super().__init__(message)
        self.budget_id = budget_id
        self.retry_after_s = retry_after_s
        self.local = local


class RoutingError(LairdError):
    """No candidate can take the request."""

    code = "provider_error"


class NoLocalProvider(RoutingError):
    """The request must stay local, and no local model can serve it."""

    code = "no_local_provider"


class RefusedByPrivacy(RoutingError):
    """A privacy rule says that such a request is not answered at all."""

    code = "refused_by_privacy"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The privacy rules of this Laird refuse this request ({reason}). Nothing was sent"
            " anywhere. Take out what the rule is about, or ask who runs this Laird."
        )
        self.reason = reason


class NoProvider(RoutingError):
    """Every candidate was left out or has failed."""


class CapacityExceeded(RoutingError):
    """Every candidate is busy and the queue is full or the wait was too long."""

    code = "provider_capacity_exceeded"

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class UpstreamError(LairdError):
    """One attempt failed. `status` is the provider's HTTP status where it answered at all."""

    code = "provider_error"
    of_model = False
    """It is about one model alone, and says nothing of the provider's others."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Unreachable(UpstreamError):
    """No connection could be made."""


class ConnectionLost(UpstreamError):
    """The connection broke before the answer was whole.

    `stale` says that it was a kept-alive connection that broke before a single byte came back:
    the request has most likely not been seen.
    """

    def __init__(self, message: str, *, stale: bool = False) -> None:
        super().__init__(message)
        self.stale = stale


class UpstreamTimeout(UpstreamError):
    """Too slow; `phase` is connect, first_byte, idle or total."""

    code = "provider_timeout"

    def __init__(self, message: str, *, phase: str) -> None:
        super().__init__(message)
        self.phase = phase


class UpstreamFailed(UpstreamError):
    """A fault of the provider's server."""


class UpstreamRateLimited(UpstreamError):
    """The provider says slow down; `retry_after_s` where it said for how long."""

    code = "rate_limit_exceeded"

    def __init__(
        self, message: str, *, status: int | None = 429, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message, status=status)
        self.retry_after_s = retry_after_s


class UpstreamQuota(UpstreamError):
    """The account at the provider has no money or quota left."""

    code = "insufficient_quota"


class CredentialRefused(UpstreamError):
    """The provider refused its credential."""


class UpstreamModelMissing(UpstreamError):
    """The provider does not know the model."""

    code = "model_not_found"


class UpstreamModelDown(UpstreamError):
    """One of the provider's models can't be run now; that says nothing of its others.

    It is tried again after `retry_after_s` seconds, where time may be a cure.
    """

    of_model = True

    def __init__(
        self, message: str, *, status: int | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message, status=status)
        self.retry_after_s = retry_after_s


class UpstreamRejected(UpstreamError):
    """The provider refused the request itself; another try would end alike.

    `upstream_code`, `param` and `error_type` are the provider's own, where it said them.
    """

    code = "invalid_request"

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        upstream_code: str | None = None,
        param: str | None = None,
        error_type: str | None = None,
    ) -> None:
        super().__init__(message, status=status)
        self.upstream_code = upstream_code
        self.param = param
        self.error_type = error_type


class UpstreamGarbled(UpstreamError):
    """An answer that is not what it should be: wrong type, truncated JSON, no finish."""


class ServerError(LairdError):
    """Laird itself can't do it now."""


class UsageUnavailable(ServerError):
    """Usage can't be recorded (the disk is full), so nothing billable is done."""

    code = "usage_unavailable"


class StorageUnavailable(ServerError):
    """The database can't be reached or written now."""

    code = "storage_unavailable"


class VaultLocked(ServerError):
    """Stored credentials can't be opened: the master key is not here, or something was changed."""

    code = "vault_locked"


class ShuttingDown(ServerError):
    """The server is stopping."""

    code = "shutting_down"


class StartError(ServerError):
    """The server can't start; the message is one line that says what to do."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong in the document.

    `line` counts from 1; `path` is like `providers[0].kind`.
    """

    message: str
    path: str = ""
    line: int | None = None
    fix: str | None = None

    def render(self, file: str) -> str:
        """Return `file:line: path: message (fix)`."""
        place = f"{file}:{self.line}" if self.line else file
        path = f" {self.path}:" if self.path else ""
        fix = f" {self.fix}" if self.fix else ""
        return f"{place}:{path} {self.message}{fix}"


class ConfigError(LairdError):
    """The configuration document is wrong. `problems` name file, line, path and the fix."""

    code = "invalid_config"

    def __init__(self, problems: tuple[Problem, ...], *, file: str) -> None:
        super().__init__("\n".join(problem.render(file) for problem in problems))
        self.problems = problems
        self.file = file


class StaleRevision(LairdError):
    """An edit was made against an older document; carries both, so that nothing is lost."""

    code = "stale_revision"

    def __init__(self, *, expected: str, current: str, current_document: str) -> None:
        super().__init__(
            f"The document has changed since you read it (you have {expected}, it is {current})."
            " Read it again and repeat your change."
        )
        self.expected = expected
        self.current = current
        self.current_document = current_document
