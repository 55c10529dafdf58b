"""Money is an integer number of nano-dollars (1 USD = 10**9) everywhere inside Laird."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

NANO = 1_000_000_000
MTOK = 1_000_000
"""The tokens that prices are told for."""


def nano_from_usd(amount: Decimal | float | str) -> int:
    """Return the nano-dollars of an amount in USD, rounded half-even."""
    exact = Decimal(str(amount)) * NANO
    return int(exact.to_integral_value(rounding=ROUND_HALF_EVEN))


def usd_text(nano: int) -> str:
    """Return nano-dollars as a plain decimal string in USD, without a trailing run of zeros."""
    sign = "-" if nano < 0 else ""
    whole, rest = divmod(abs(nano), NANO)
    if not rest:
        return f"{sign}{whole}"
    return f"{sign}{whole}.{rest:09d}".rstrip("0")


def usd_digits(nano: int) -> str:
    """Return nano-dollars as a decimal string in USD with nine digits after the point."""
    whole, rest = divmod(abs(nano), NANO)
    return f"{'-' if nano < 0 else ''}{whole}.{rest:09d}"
