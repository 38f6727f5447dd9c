"""What is kept encrypted: secrets that must be read back to check a signature."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

_MOST_READ = 20_000


class SecretKeyMissing(ValueError):
    """A secret must be kept or read back, and ORDERHUB_SECRET_KEY is not there or not the one it was kept under."""


class Cipher:
    """Encrypts under a key derived from ORDERHUB_SECRET_KEY; what an old key encrypted is read, too."""

    def __init__(self, secret_key: str, old_key: str = "") -> None:
        self._current = _fernet(secret_key) if secret_key else None
        readers = [_fernet(each) for each in (secret_key, old_key) if each]
        self._readers = MultiFernet(readers) if readers else None
        self._read: dict[
            str, str
        ] = {}  # secrets that were read before: every signed call asks for one

    @property
    def can_encrypt(self) -> bool:
        return self._current is not None

    def encrypt(self, secret: str) -> str:
        """Raises SecretKeyMissing when no key was given."""
        if self._current is None:
            raise SecretKeyMissing("Set ORDERHUB_SECRET_KEY: this secret must be stored encrypted.")
        return self._current.encrypt(secret.encode()).decode()

    def decrypt(self, secret: str) -> str:
        """What `encrypt` made. Raises SecretKeyMissing when no key reads it."""
        found = self._read.get(secret)
        if found is not None:
            return found
        if self._readers is None:
            raise SecretKeyMissing(
                "Set ORDERHUB_SECRET_KEY: stored secrets cannot be read without it."
            )
        try:
            found = self._readers.decrypt(secret.encode()).decode()
        except InvalidToken:
            raise SecretKeyMissing(
                "ORDERHUB_SECRET_KEY is not the one the secrets were stored under."
            ) from None
        if len(self._read) >= _MOST_READ:
            self._read.clear()
        self._read[secret] = found
        return found

    def is_current(self, secret: str) -> bool:
        """Whether the old key is not needed for it. Raises SecretKeyMissing when no key reads it."""
        self.decrypt(secret)
        if self._current is None:
            return False
        try:
            self._current.decrypt(secret.encode())
        except InvalidToken:
            return False
        return True

    def check(self, secrets: Iterable[str]) -> None:
        """Raises SecretKeyMissing, in one sentence, when the keys do not read every one of these."""
        found, unread = 0, 0
        for secret in secrets:
            found += 1
            try:
                self.decrypt(secret)
            except SecretKeyMissing:
                unread += 1
        if not unread:
            return
        if self._readers is None:
            raise SecretKeyMissing(
                f"Set ORDERHUB_SECRET_KEY: the database holds {found} secrets that were stored encrypted."
            )
        raise SecretKeyMissing(
            f"ORDERHUB_SECRET_KEY does not read {unread} of the {found} secrets in the database: "
            "give the key that they were stored under, or that one as ORDERHUB_SECRET_KEY_OLD beside a new one."
        )


def _fernet(key: str) -> Fernet:
    digest = hashlib.sha256(b"orderhub:" + key.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(digest))
