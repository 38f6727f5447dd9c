"""The file that a backup is: a gzipped tar of `manifest.json` and the ledger behind it. See docs/decisions/0028."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import zlib
from collections.abc import Callable
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
    part = beside(file, "part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as out:  # noqa: PTH123 - a descriptor
            with tarfile.open(fileobj=out, mode="w:gz", compresslevel=_LEVEL) as archive:
                text = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
                _add(archive, _MANIFEST, io.BytesIO(text), len(text))
                with payload.open("rb") as source:
                    told = _Told(source, advance)
                    _add(archive, _PAYLOADS[manifest.kind], told, manifest.bytes)
            out.flush()
            os.fsync(out.fileno())
        put_in_place(part, file)
    finally:
        part.unlink(missing_ok=True)


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
    except _UNREADABLE as error:
        raise DatabaseRefused(f"{file} cannot be read as a backup: {error}.") from None
    return manifest


def _copied(source: IO[bytes], size: int, payload: Path, advance: Advance) -> str:
    digest = hashlib.sha256()
    descriptor = os.open(payload, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as out:  # noqa: PTH123 - a descriptor
        while piece := source.read(_CHUNK):
            digest.update(piece)
            out.write(piece)
            advance(len(piece))
        out.flush()
        os.fsync(out.fileno())
    return digest.hexdigest() if payload.stat().st_size == size else ""


def beside(file: Path, what: str) -> Path:
    """A file for a while in the folder of another one: no file system lies between."""
    return file.with_name(f".{file.name}.{os.getpid()}.{what}")


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
