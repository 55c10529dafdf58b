"""What a refusal means, how long to wait, and that nothing secret is repeated."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laird.domain import errors
from laird.wire.faults import LONGEST_CAUSE, Fault, plain, retry_after_s, upstream_error

DATE = "Sat, 21 Nov 2026 12:00:00 GMT"
LATER = "Sat, 21 Nov 2026 12:00:30 GMT"
NOON = 1_795_262_400.0


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({}, None),
            ({"retry-after": "7"}, 7.0),
            ({"retry-after": "1.5"}, 1.5),
            ({"retry-after": "-3"}, 0.0),
            ({"retry-after": "soon"}, None),
            ({"retry-after": "nan"}, None),
            ({"retry-after": ""}, None),
            ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
            ({"retry-after-ms": "x", "retry-after": "7"}, 7.0),
            ({"retry-after": LATER, "date": DATE}, 30.0),
            ({"retry-after": DATE, "date": LATER}, 0.0),
            ({"retry-after": LATER}, 30.0),
            ({"retry-after": LATER, "date": "yesterday"}, 30.0),
            ({"retry-after": "Sat, 21 Nov 2026 12:00:30 -0000", "date": DATE}, 30.0),
            ({"x-ratelimit-reset-requests": "2s"}, None),
            ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "120ms"}, 0.12),
            (
                {
                    "x-ratelimit-remaining-requests": "0",
                    "x-ratelimit-reset-requests": "2s",
                    "x-ratelimit-remaining-tokens": "0",
                    "x-ratelimit-reset-tokens": "1m30.5s",
                },
                90.5,
            ),
            ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "later"}, None),
        ],
    )
    def test_every_way_of_saying_it(self, headers: dict[str, str], seconds: float | None) -> None:
        assert retry_after_s(headers, now=NOON) == seconds

    def test_a_date_without_a_clock_is_taken_against_ours(self) -> None:
        assert retry_after_s({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0.0


class TestPlain:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("  one\n two\t\x00three ", "one two three"),
            ("Incorrect key sk-proj-abcdefghijk123.", "Incorrect key ***"),
            ("Incorrect API key provided: abcd1234efgh", "Incorrect API key provided: ***"),
            ("Bearer 0123456789abcdef is wrong", "Bearer *** is wrong"),
            ("maximum token something-very-long", "maximum token something-very-long"),
            ("the hush-hush is hush-hush", "the *** is ***"),
        ],
    )
    def test_words_without_keys(self, text: str, shown: str) -> None:
        assert plain(text, "hush-hush") == shown

    @given(st.text(max_size=2000))
    def test_it_is_short_and_on_one_line(self, text: str) -> None:
        shown = plain(text)
        assert len(shown) <= LONGEST_CAUSE
        assert "\n" not in shown


MEANINGS: list[tuple[Fault, type[errors.UpstreamError]]] = [
    (Fault(status=400), errors.UpstreamRejected),
    (Fault(status=401), errors.CredentialRefused),
    (Fault(status=402), errors.UpstreamQuota),
    (Fault(status=403), errors.CredentialRefused),
    (Fault(status=403, code="insufficient_quota"), errors.CredentialRefused),
    (Fault(status=403, code="model_not_found"), errors.UpstreamModelMissing),
    (Fault(status=404), errors.UpstreamFailed),
    (Fault(status=404, message="model 'x' not found"), errors.UpstreamModelMissing),
    (Fault(status=404, message="No models loaded."), errors.UpstreamModelMissing),
    (Fault(status=405), errors.UpstreamFailed),
    (Fault(status=408), errors.UpstreamFailed),
    (Fault(status=409), errors.UpstreamFailed),
    (Fault(status=413), errors.UpstreamRejected),
    (Fault(status=418), errors.UpstreamRejected),
    (Fault(status=422), errors.UpstreamRejected),
    (Fault(status=429), errors.UpstreamRateLimited),
    (Fault(status=429, error_type="insufficient_quota"), errors.UpstreamQuota),
    (Fault(status=302), errors.UpstreamFailed),
    (Fault(status=500), errors.UpstreamFailed),
    (Fault(status=500, message="context length exceeded in cache"), errors.UpstreamFailed),
    (Fault(status=500, message="provide the mmproj"), errors.UpstreamRejected),
    (Fault(status=501, error_type="not_supported_error"), errors.UpstreamRejected),
    (Fault(status=529), errors.UpstreamFailed),
    (Fault(), errors.UpstreamFailed),
    (Fault(code="invalid_api_key"), errors.CredentialRefused),
    (Fault(code="rate_limit_exceeded"), errors.UpstreamRateLimited),
    (Fault(error_type="rate_limit_error"), errors.UpstreamRateLimited),
    (Fault(code="context_length_exceeded"), errors.UpstreamRejected),
    (Fault(message="prompt is too long: 9 tokens"), errors.UpstreamRejected),
]


@pytest.mark.parametrize(("fault", "kind"), MEANINGS, ids=[str(i) for i in range(len(MEANINGS))])
def test_what_a_refusal_means(fault: Fault, kind: type[errors.UpstreamError]) -> None:
    error = upstream_error("box", fault)
    assert type(error) is kind
    assert error.message.startswith("box ")


def test_the_message_names_provider_status_cause_and_cure() -> None:
    fault = Fault(status=429, message="Too many requests.", retry_after_s=2.5)
    assert upstream_error("box", fault).message == (
        "box answered 429: Too many requests. Try again in 2.5 s."
    )
    assert upstream_error("box", Fault()).message == (
        "box sent an error: it gave no reason. Try again, or look at the provider's own log."
    )
    assert "Check the provider's endpoint" in upstream_error("box", Fault(status=404)).message


def test_a_refused_request_keeps_the_words_of_the_provider() -> None:
    fault = Fault(status=400, message="m", code="c", error_type="t", param="p")
    error = upstream_error("box", fault)
    assert isinstance(error, errors.UpstreamRejected)
    assert (error.upstream_code, error.param, error.error_type) == ("c", "p", "t")


def test_a_prompt_that_is_too_long_has_one_code_everywhere() -> None:
    for fault in (
        Fault(status=400, error_type="exceed_context_size_error"),
        Fault(status=400, message="maximum context length is 8"),
        Fault(status=413, message="The input is too long."),
        Fault(status=400, message="n_keep is greater than the context length"),
    ):
        error = upstream_error("box", fault)
        assert isinstance(error, errors.UpstreamRejected)
        assert error.upstream_code == "context_length_exceeded"


LOCAL_WORDS = (
    (
        400,
        "Trying to keep the first 9 tokens. However, it is loaded with context length of only 8.",
    ),
    (400, "Cannot truncate prompt with n_keep (15028) >= n_ctx (7424)"),
    (None, "Trying to keep the first 9 tokens with context length of only 8."),
    (
        400,
        "The prompt (total length 5000) is too long to fit into the model (context length 4096).",
    ),
    (400, "You passed 4097 input tokens. However, the model's context length is only 4096 tokens."),
    (400, "The decoder prompt (length 9) is longer than the maximum model length of 8."),
    (417, "the input prompt token len 5000 is too long > 4096"),
    (417, "the input prompt token len 3000 + max_new_tokens 2000 > 4096"),
    (500, "rpc error: the request exceeds the available context size, try increasing it"),
    (500, "the input length exceeds the context length"),
)


@pytest.mark.parametrize(("status", "words"), LOCAL_WORDS)
def test_local_servers_words_for_a_prompt_that_is_too_long(status: int | None, words: str) -> None:
    error = upstream_error("box", Fault(status=status, message=words))
    assert isinstance(error, errors.UpstreamRejected)
    assert error.upstream_code == "context_length_exceeded"
    assert error.status is not None
    assert error.status < 500
