"""What can go wrong between the library, the hub and the disk.

LairdError
├── RequestError
│   ├── HubGated          the model's licence has to be accepted first
│   ├── AlreadyInstalled  the same file is here already
│   └── NotFound
│       └── HubMissing    no such repository, revision or file
└── UpstreamError
    ├── Unreachable
    │   └── HubAway       the hub can't be reached, or is out of order
    ├── UpstreamRateLimited
    │   └── HubLimited    the hub wants fewer requests (`retry_after_s`)
    └── UpstreamRejected
        └── HubChanged    the file on the hub is another than the one that was listed
"""

from __future__ import annotations

from laird.domain.errors import (
    NotFound,
    RequestError,
    Unreachable,
    UpstreamRateLimited,
    UpstreamRejected,
)


class HubGated(RequestError):
    """Whoever wants the model accepts its licence at the hub first."""

    def __init__(self, repository: str, endpoint: str, *, with_token: bool) -> None:
        then = (
            "The token in HF_TOKEN has no access to it: it must belong to that account and may"
            " read gated repositories."
            if with_token
            else "Then set HF_TOKEN to a token of that account and start Laird again."
        )
        super().__init__(
            f"{repository} is gated. Accept its licence at {endpoint}/{repository} with your"
            f" Hugging Face account. {then}",
            param="repository",
        )


class HubMissing(NotFound):
    """The hub does not have it, or does not show it to us."""


class HubAway(Unreachable):
    """The hub can't be reached or is out of order; what is installed works without it."""

    def __init__(self, host: str, cause: str) -> None:
        super().__init__(
            f"The hub at {host} {cause}. Models that are installed work without it. Check this"
            " machine's network, HF_ENDPOINT and HTTPS_PROXY, or try again later."
        )
        self.cause = cause


class HubLimited(UpstreamRateLimited):
    """The hub wants fewer requests; again after `retry_after_s` seconds where it said so."""

    def __init__(self, host: str, retry_after_s: float | None) -> None:
        when = f"in {retry_after_s:.0f} s" if retry_after_s is not None else "in a few minutes"
        super().__init__(
            f"The hub at {host} wants fewer requests. Try again {when}; with a token in HF_TOKEN"
            " it allows more.",
            retry_after_s=retry_after_s,
        )


class HubChanged(UpstreamRejected):
    """The file on the hub is another than the one that was listed."""

    def __init__(self, repository: str, file: str) -> None:
        super().__init__(
            f"{file} of {repository} was replaced on the hub since it was listed. Cancel this"
            " download, list the files again and choose it anew.",
            status=409,
        )


class AlreadyInstalled(RequestError):
    """The same file is in the library already."""

    code = "already_installed"
