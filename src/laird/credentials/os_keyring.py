"""The operating system's keyring, where there is a real one.

`keyring` also offers backends that keep secrets in plain text, in memory only, or nowhere; only
those that the system itself guards are used.
"""

from __future__ import annotations

import keyring
from keyring.backend import KeyringBackend
from keyring.errors import KeyringError, PasswordDeleteError

from laird.domain.errors import VaultLocked
from laird.domain.secret import Secret

SERVICE = "laird"
REAL = (
    "keyring.backends.SecretService",
    "keyring.backends.libsecret",
    "keyring.backends.kwallet",
    "keyring.backends.macOS",
    "keyring.backends.Windows",
)
"""Modules of the backends that count."""


def real_backend() -> KeyringBackend | None:
    """Return the backend that is in use, where it is a real one; else None. Blocks."""
    found = keyring.get_keyring()
    inner = getattr(found, "backends", None)
    if type(found).__module__ == "keyring.backends.chainer" and inner is not None:
        found = next(iter(inner), found)
    return found if type(found).__module__ in REAL else None


class OsKeyring:
    """Values in a keyring, each by its own id. All methods block, perhaps until somebody unlocks.

    Raises:
        VaultLocked: from each method, when the keyring does not do it.
    """

    def __init__(self, backend: KeyringBackend) -> None:
        self._backend = backend

    def works(self) -> bool:
        """Tell whether what is put there can be read again."""
        probe = Secret("laird was here")
        try:
            self.put("probe", probe)
            same = self.get("probe") == probe
            self.delete("probe")
        except VaultLocked:
            return False
        return same

    # Backends raise errors of their own kinds, which may quote what they were given.

    def put(self, value_id: str, value: Secret) -> None:
        """Keep a value."""
        try:
            self._backend.set_password(SERVICE, value_id, value.reveal())
        except Exception as error:  # noqa: BLE001 - any kind, see above
            raise _closed(error) from None

    def get(self, value_id: str) -> Secret | None:
        """Return a value; None where it is not in this keyring."""
        try:
            found = self._backend.get_password(SERVICE, value_id)
        except Exception as error:  # noqa: BLE001 - any kind, see above
            raise _closed(error) from None
        return None if found is None else Secret(found)

    def delete(self, value_id: str) -> None:
        """Forget a value; nothing happens where it is not there."""
        try:
            self._backend.delete_password(SERVICE, value_id)
        except (PasswordDeleteError, KeyringError):
            return
        except Exception as error:  # noqa: BLE001 - any kind, see above
            raise _closed(error) from None


def system_keyring() -> OsKeyring | None:
    """Return the operating system's keyring, where there is a real one and it works. Blocks."""
    backend = real_backend()
    if backend is None:
        return None
    found = OsKeyring(backend)
    return found if found.works() else None


def _closed(error: Exception) -> VaultLocked:
    return VaultLocked(
        f"The operating system's keyring did not do it ({type(error).__name__}). Unlock it, or keep"
        " the credential in the vault with --store vault."
    )
