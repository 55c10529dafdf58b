"""Passwords: which are taken, and how they are kept.

A password is kept as its Argon2id hash with parameters beside it, so that they can be raised: a
hash with older ones is made anew when its owner next signs in. Hashing takes a tenth of a second
and 46 MiB, so that it is done in threads, at most two at once, and only so many may wait.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from laird.domain.errors import InvalidRequest, RateLimited
from laird.domain.secret import Secret
from laird.people.common_passwords import is_common

T = TypeVar("T")

SHORTEST = 12
LONGEST = 1024
AT_ONCE = 2
MOST_WAITING = 32
_FEWEST_DIFFERENT = 5


def check_password(password: str, name: str) -> None:
    """Refuse what is easily guessed: short, common, a repetition, or about the name.

    There are no rules of composition: they make passwords worse.

    Raises:
        InvalidRequest: with `param` `password`. The message does not hold the password.
    """
    if len(password) < SHORTEST:
        raise _refused(
            f"The password has {len(password)} characters; {SHORTEST} are the fewest."
            " A few words in a row are easy to keep in mind."
        )
    if len(password) > LONGEST:
        raise _refused(f"The password is longer than {LONGEST} characters.")
    plain = _normal(password).casefold()
    if len(set(plain)) < _FEWEST_DIFFERENT or _is_repeated(plain):
        raise _refused("The password repeats itself. Use a few different words.")
    if is_common(plain):
        raise _refused("The password is one of the most common ones. Use another.")
    if _is_about(plain, name.casefold()) or _is_about(plain, "laird"):
        raise _refused("The password is little more than a name. Use another.")


def _refused(message: str) -> InvalidRequest:
    return InvalidRequest(message, param="password")


def _is_repeated(text: str) -> bool:
    """Tell whether a text is one piece of at most a third of it, again and again."""
    return any(
        text == (text[:length] * len(text))[: len(text)] for length in range(1, len(text) // 3 + 1)
    )


def _is_about(text: str, name: str) -> bool:
    """Tell whether a text is a name with a few more characters."""
    return bool(name) and name in text and len(text.replace(name, "")) < SHORTEST // 2


def _normal(password: str) -> str:
    """Return one form for all ways to type the same characters."""
    return unicodedata.normalize("NFKC", password)


class Passwords:
    """Hashes passwords and compares them, off the event loop.

    Args:
        time_cost: passes over the memory.
        memory_kib: memory of one hash, KiB.
    """

    def __init__(self, *, time_cost: int = 2, memory_kib: int = 47_104) -> None:
        self._hasher = PasswordHasher(
            time_cost=time_cost, memory_cost=memory_kib, parallelism=1, hash_len=32, salt_len=16
        )
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="laird-passwords")
        self._waiting = 0
        salt, nothing = (
            base64.b64encode(secrets.token_bytes(count)).decode().rstrip("=") for count in (16, 32)
        )
        self._nobodys = f"$argon2id$v=19$m={memory_kib},t={time_cost},p=1${salt}${nothing}"

    async def hash(self, password: Secret) -> str:
        """Return the hash to keep. Raises `RateLimited` when too many wait."""
        return await self._off_loop(lambda: self._hasher.hash(_normal(password.reveal())))

    async def verify(self, kept: str | None, password: Secret) -> bool:
        """Tell whether a password is the one of a hash.

        Without a hash it takes as long and is False, so that nobody learns who exists. Raises
        `RateLimited` when too many wait.
        """
        right = await self._off_loop(lambda: self._matches(kept or self._nobodys, password))
        return right and kept is not None

    def is_outdated(self, kept: str) -> bool:
        """Tell whether a hash was made with other parameters than are in use now."""
        return self._hasher.check_needs_rehash(kept)

    def close(self) -> None:
        """Finish what is under way and begin nothing more."""
        self._threads.shutdown(cancel_futures=True)

    def _matches(self, kept: str, password: Secret) -> bool:
        try:
            return self._hasher.verify(kept, _normal(password.reveal())[:LONGEST])
        except (VerificationError, InvalidHashError):
            return False

    async def _off_loop(self, work: Callable[[], T]) -> T:
        if self._waiting >= MOST_WAITING:
            raise RateLimited("Too many sign in at once. Try again soon.", retry_after_s=2.0)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1
