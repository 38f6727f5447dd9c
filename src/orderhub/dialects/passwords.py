"""Passwords of people: argon2id. Hashing and verifying take milliseconds: run them off the event loop."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

MIN_BYTES = 6
MAX_LENGTH = 1_000
# What is usable for certain, for schemas: fewer characters may still be bytes enough.
PATTERN = rf"^\s*\S[\s\S]{{{MIN_BYTES - 2},}}\S\s*$"

# 19 MiB, two passes: the smallest setting that OWASP recommends.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Verified for people that are not there, so that a guess costs the same time either way.
NOBODYS_HASH = (
    "$argon2id$v=19$m=19456,t=2,p=1$VPgzbjqC70ejW5XHGBQ65A$"
    "MWhCHplTUwT1bjU23gPEV+fWH5dw9LgnavyJEyxJORA"
)


def read(text: str) -> str:
    """The password that somebody typed: blanks around it, which nobody sees, are no part of it."""
    return text.strip()


def is_usable(password: str) -> bool:
    """Whether it may be chosen: `MIN_BYTES` bytes at least, `MAX_LENGTH` characters at most."""
    return len(password.encode()) >= MIN_BYTES and len(password) <= MAX_LENGTH


def hashed(password: str) -> str:
    """What is stored of a password."""
    return _HASHER.hash(password)


def fits(stored: str, password: str) -> bool:
    """Whether the password is the one that was stored; never raises."""
    if len(password) > MAX_LENGTH:
        return False
    try:
        return _HASHER.verify(stored, password)
    except (Argon2Error, InvalidHashError):
        return False
