"""The error tree as HTTP: the one place that knows which error is which status."""

from __future__ import annotations

import math

from laird.domain import errors

_STATUSES: dict[type[errors.LairdError], int] = {
    errors.RequestError: 400,
    errors.BodyTooLarge: 413,
    errors.ModelNotFound: 404,
    errors.NotFound: 404,
    errors.MissingKey: 401,
    errors.InvalidKey: 401,
    errors.NotSignedIn: 401,
    errors.SignInRefused: 401,
    errors.ForeignRequest: 403,
    errors.NotAllowed: 403,
    errors.LimitError: 429,
    errors.NoLocalProvider: 403,
    errors.RefusedByPrivacy: 403,
    errors.CapacityExceeded: 503,
    errors.RoutingError: 502,
    errors.UpstreamTimeout: 504,
    errors.UpstreamRateLimited: 429,
    errors.UpstreamModelMissing: 404,
    errors.UpstreamModelDown: 503,
    errors.UpstreamError: 502,
    errors.ServerError: 503,
    errors.ConfigError: 422,
    errors.StaleRevision: 409,
    errors.LairdError: 500,
}

_RETRY_SOON_S = 1.0


def status_of(error: errors.LairdError) -> int:
    """Return the HTTP status of an error: that of its nearest ancestor in the table."""
    if isinstance(error, errors.UpstreamRejected):
        return error.status if error.status in {400, 413, 422} else 400
    for ancestor in type(error).__mro__:
        status = _STATUSES.get(ancestor)
        if status is not None:
            return status
    return 500


def retry_after(error: errors.LairdError) -> int | None:
    """Return the whole seconds for a Retry-After header, at least 1, or None for no header."""
    wait: float | None = None
    if isinstance(
        error,
        errors.RateLimited
        | errors.QuotaExceeded
        | errors.CapacityExceeded
        | errors.UpstreamRateLimited
        | errors.UpstreamModelDown,
    ):
        wait = error.retry_after_s
    elif isinstance(error, errors.ServerError):
        wait = _RETRY_SOON_S
    return max(1, math.ceil(wait)) if wait is not None else None
