"""Token counts in one meaning, whatever a provider calls them."""

from __future__ import annotations

import msgspec


class TokenUsage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Tokens of one attempt.

    `prompt` is the whole input: cached and cache-write tokens are inside it, and of the latter
    those that are kept for an hour, `cache_write_1h`, since they may cost more. `completion` is the
    whole output: reasoning tokens are inside it. `estimated` says that the provider did not tell.
    """

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    reasoning: int = 0
    estimated: bool = False

    @property
    def total(self) -> int:
        """Input and output together."""
        return self.prompt + self.completion


class TokenTotals(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of many calls whose inputs all fall into the same price tier.

    `plain`, `cached` and `cache_write` are the three kinds of input, apart from each other.
    """

    calls: int = 0
    size: int = 0
    """Tokens of the input of any one of the calls: it tells the tier of all of them."""
    plain: int = 0
    cached: int = 0
    cache_write: int = 0
    completion: int = 0


def estimate_tokens(characters: int) -> int:
    """Estimate the tokens of a text from its length, four characters to a token, rounded up."""
    return (characters + 3) // 4
