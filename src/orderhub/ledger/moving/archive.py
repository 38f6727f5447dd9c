"""The file that a backup is: a gzipped tar of `manifest.json` and the ledger behind it. See docs/decisions/0028."""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import re
import secrets
import tarfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import msgspec

from orderhub.ledger.urls import DatabaseRefused

FORM = 1
_MANIFEST = "manifest.json"
_PAYLOADS = {"sqlite": "ledger.sqlite", "postgresql": "ledger.pgdump"}
_CHUNK = 1 << 20
_LEVEL = 3  # more takes twice the time for a tenth less
_UNREADABLE = (tarfile.TarError, zlib.error, EOFError, msgspec.DecodeError, OSError)
SQLITE_FILES = ("", "-wal", "-shm", "-journal")
# What `beside` names, and for how long it may be there without its lock.
_LEFT = re.compile(r"\..+\.orderhub-[0-9a-f]{8}\.(?:ledger|part|restored)")
_YOUNG_S = 60
Advance = Callable[[float], None]


class Manifest(msgspec.Struct, kw_only=True):
    """What is in a backup. Times are ISO 8601 UTC.

    form      of the file: a program that does not know it leaves it alone
    program   the version that took it
    kind      `sqlite` or `postgresql`
    schema    of the ledger
    began_at  every order that was acknowledged before is in it
    newest    when the newest order in it was recorded, empty = there is none
    counts    rows by name
    check     what `orderhub check` said of it; empty = it was not asked
    breaches  how many laws it broke
    """

    form: int = FORM
    program: str
    kind: str
    schema: str
    began_at: str
    newest: str = ""
    counts: dict[str, int] = {}
    check: str = ""
    breaches: int = 0
    bytes: int = 0
    sha256: str = ""


def pack(payload: Path, manifest: Manifest, file: Path, advance: Advance) -> None:
    """Write the archive under its name once it is whole, readable to its owner alone. Never over another file."""
    digest = hashlib.sha256()
    with payload.open("rb") as source:
        while piece := source.read(_CHUNK):
            digest.update(piece)
    manifest.bytes, manifest.sha256 = payload.stat().st_size, digest.hexdigest()
    with beside(file, "part") as part:
        with part.open("wb") as out:
            with tarfile.open(fileobj=out, mode="w:gz", compresslevel=_LEVEL) as archive:
                text = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
                _add(archive, _MANIFEST, io.BytesIO(text), len(text))
                with payload.open("rb") as source:
                    told = _Told(source, advance)
                    _add(archive, _PAYLOADS[manifest.kind], told, manifest.bytes)
            out.flush()
            os.fsync(out.fileno())
        put_in_place(part, file)


class _Told:
    """A file that tells how far it was read."""

    def __init__(self, source: IO[bytes], advance: Advance) -> None:
        self._source, self._advance = source, advance

    def read(self, size: int = -1) -> bytes:
        piece = self._source.read(size)
        self._advance(len(piece))
        return piece


def _add(archive: tarfile.TarFile, name: str, source: Any, size: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    archive.addfile(member, source)


def manifest_of(file: Path) -> Manifest:
    """What is in a backup. Raises DatabaseRefused for what is none."""
    return _read(file, None)


def unpack(file: Path, payload: Path, advance: Advance) -> Manifest:
    """Write the ledger of a backup to a file. Raises DatabaseRefused for one that is damaged, or none."""
    return _read(file, lambda source, size: _copied(source, size, payload, advance))


def _read(file: Path, take: Callable[[IO[bytes], int], str] | None) -> Manifest:
    if not file.exists():
        raise DatabaseRefused(f"There is no file {file}.")
    try:
        with tarfile.open(file, "r|gz") as archive:
            first = archive.next()
            text = archive.extractfile(first) if first and first.name == _MANIFEST else None
            if text is None:
                raise DatabaseRefused(f"{file} is no backup of OrderHub.")
            manifest = msgspec.json.decode(text.read(), type=Manifest)
            if manifest.form != FORM or manifest.kind not in _PAYLOADS:
                raise DatabaseRefused(
                    f"{file} is a backup of form {manifest.form} ({manifest.kind}), which this program does not know: "
                    "it was taken by a newer OrderHub, so use that one."
                )
            if take is not None:
                member = archive.next()
                source = archive.extractfile(member) if member else None
                if member is None or source is None or member.name != _PAYLOADS[manifest.kind]:
                    raise DatabaseRefused(f"{file} is damaged: the ledger is not in it.")
                if take(source, member.size) != manifest.sha256:
                    raise DatabaseRefused(f"{file} is damaged: its content is not what was saved.")
    except (*_UNREADABLE, _Unreadable) as error:
        raise DatabaseRefused(f"{file} cannot be read as a backup: {error}.") from None
    return manifest


class _Unreadable(Exception):
    """What is wrong with a backup, and not with where it is unpacked to."""


def _pieces(source: IO[bytes]) -> Iterator[bytes]:
    try:
        while piece := source.read(_CHUNK):
            yield piece
    except _UNREADABLE as error:
        raise _Unreadable(str(error)) from None


def _copied(source: IO[bytes], size: int, payload: Path, advance: Advance) -> str:
    digest = hashlib.sha256()
    try:
        with payload.open("wb") as out:
            for piece in _pieces(source):
                digest.update(piece)
                out.write(piece)
                advance(len(piece))
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise _unwritable(payload.parent, error) from None
    return digest.hexdigest() if payload.stat().st_size == size else ""


def _unwritable(folder: Path, error: OSError) -> DatabaseRefused:
    why = (error.strerror or str(error)).lower()
    return DatabaseRefused(f"The folder {folder} cannot be written: {why}.")


@contextmanager
def beside(file: Path, what: str) -> Iterator[Path]:
    """A file for a while in the folder of another one, its owner's alone: no file system lies between.

    It is locked as long as it is there: what is not was left by a process that was killed, and goes with the next one.
    """
    with suppress(OSError):
        _clear(file.parent)
    path = file.with_name(f".{file.name}.orderhub-{secrets.token_hex(4)}.{what}")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unwritable(file.parent, error) from None
    try:
        with suppress(OSError):  # a file system that knows no locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield path
    finally:
        _remove(path)
        os.close(descriptor)


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        with suppress(OSError):
            if _LEFT.fullmatch(path.name) and time.time() - path.stat().st_mtime > _YOUNG_S:
                with path.open("rb") as left:
                    fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _remove(path)


def _remove(path: Path) -> None:
    for each in SQLITE_FILES:
        Path(f"{path}{each}").unlink(missing_ok=True)


def put_in_place(part: Path, file: Path) -> None:
    """Give a whole file its name, never that of another one. Raises DatabaseRefused."""
    try:
        os.link(part, file)
    except FileExistsError:
        raise DatabaseRefused(f"{file} is there already: name another file.") from None
    except OSError:  # no hard links here
        if file.exists():
            raise DatabaseRefused(f"{file} is there already: name another file.") from None
        part.replace(file)
    part.unlink(missing_ok=True)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
