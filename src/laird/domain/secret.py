"""A string that does not show itself."""

from __future__ import annotations

import hmac
from typing import Never, NoReturn, Self


class Secret:
    """A credential in memory. Printing, formatting, pickling or serialising it never shows it.

    Call `reveal` at the one place that needs the value, and nowhere else. Two secrets are compared
    in constant time.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the credential itself."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __rich_repr__(self) -> tuple[str]:
        return ("***",)

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_bytes(self._value), _bytes(other._value))

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret can't be pickled")

    def __reduce_ex__(self, _protocol: object) -> Never:
        raise TypeError("a Secret can't be pickled")

    def __getstate__(self) -> Never:
        raise TypeError("a Secret can't be pickled")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
