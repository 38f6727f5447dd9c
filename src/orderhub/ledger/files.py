"""A SQLite file is one hub's: locked by whatever name it is reached, made on purpose, watched while it is open.

The lock is flock on the database file itself: no other name leads round it, and it cannot be removed without
the file. SQLite's own locks are of the other kind (fcntl), which a process loses as soon as it closes *any* descriptor
of the file: so the lock's descriptor is opened before SQLite opens the file and closed after SQLite closed it.
"""

from __future__ import annotations

import fcntl
import os
import threading
from contextlib import suppress
from pathlib import Path

from orderhub.ledger.urls import DatabaseRefused, file_of, parse_url

_Identity = tuple[int, int]  # device, inode
_TRIES = 10
# How SQLite opens a file: never one that it makes; and one of `hold_to_read`.
OPEN, OPEN_TO_READ = "mode=rw", "mode=ro&immutable=1"


class DatabaseGone(Exception):
    """The open database file is not the one that its path leads to any more."""


class FileWatch:
    """Whether a file that is open is still the one that its path leads to: two `stat` calls a look."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._log_path = f"{path}-wal"
        self._file: _Identity | None = None
        self._log: _Identity | None = None
        self._open = 0
        self._lock = threading.Lock()

    def opened(self) -> None:
        """One more connection. What the first one finds is what has to stay."""
        with self._lock:
            if self._file is None:
                self._file = _identity(self._path)
            if not self._open:
                self._log = (
                    None  # SQLite removes the log with the last connection and makes another
                )
            self._open += 1

    def closed(self) -> None:
        with self._lock:
            self._open -= 1

    def check(self) -> None:
        """Raises DatabaseGone with one clear sentence. A file that comes back is taken up again."""
        if self._file is not None and _identity(self._path) != self._file:
            raise DatabaseGone(
                f"The database file {self._path} was removed, moved or replaced under the running hub: nothing "
                "is taken until that very file is back; to go on with another one, restart the hub."
            )
        log = _identity(self._log_path)
        if self._log is None:
            self._log = log  # it comes with the first transaction
        elif log != self._log:
            raise DatabaseGone(
                f"{self._log_path} was removed or replaced under the running hub: nothing is taken any more; "
                "stop the hub, which writes what it holds of it into the database file, and start it again."
            )


def _identity(path: str) -> _Identity | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - before every commit: half the time of Path.stat
    except OSError:
        return None
    return found.st_dev, found.st_ino


def make_file(path: Path) -> bool:
    """An empty database where none is; answers whether it was made. Folders are never made."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644))
    except FileExistsError:
        return False
    except OSError as error:
        if not path.parent.exists():
            raise DatabaseRefused(
                f"{path} cannot be made: there is no folder {path.parent}."
            ) from None
        raise _unusable(path, "made", error) from None
    return True


def hold_to_read(path: Path) -> int | None:
    """A descriptor that keeps servers away as long as it is open, of a file that may only be read.

    Such a file is read as one that nobody changes, for SQLite would write beside it else. None for one that may be
    written, that is served, or that has a log beside it.
    """
    if not path.exists() or (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        return None
    log = Path(f"{path}-wal")
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        if not (log.exists() and log.stat().st_size):
            return descriptor
    os.close(descriptor)
    return None


def refuse_missing(url: str) -> None:
    """Raises DatabaseRefused where a URL names a SQLite file that is not there."""
    path = file_of(parse_url(url))
    if path is not None and not path.exists():
        raise _missing(path)


def _missing(path: Path) -> DatabaseRefused:
    return DatabaseRefused(
        f"There is no database {path}: `orderhub init` or `orderhub serve` makes one."
    )


def _unusable(path: Path, done: str, error: OSError) -> DatabaseRefused:
    why = (error.strerror or str(error)).lower()
    return DatabaseRefused(f"{path} cannot be {done}: {why}.")


class ServeLock:
    """One process at a time writes to a SQLite file: held by `serve` for as long as it runs. PostgreSQL needs none."""

    def __init__(self, url: str) -> None:
        self._path = file_of(parse_url(url))
        self._descriptor: int | None = None
        self._was_made = False

    def take(self, note: str, *, create: bool = False) -> None:
        """Raises DatabaseRefused when another one holds it, and without `create` when there is no file.

        `note` (an address) is for those who meet the lock.
        """
        if self._path is None:
            return
        if create:
            self._was_made = make_file(self._path)
        self._descriptor = self._locked(self._path)
        try:
            _refuse_stranded_log(self._path, os.fstat(self._descriptor))
        except DatabaseRefused:
            self.release()
            raise
        self.note(note)

    def _locked(self, path: Path) -> int:
        for _ in range(_TRIES):
            descriptor = _opened(path, os.O_RDWR, "written")
            if not _flock(path, descriptor, fcntl.LOCK_EX):
                os.close(descriptor)
                raise DatabaseRefused(
                    f"Another OrderHub serves this SQLite file already ({_note_of(path) or 'address unknown'}): "
                    "one process writes to a SQLite file; use PostgreSQL to run several."
                )
            held = os.fstat(descriptor)
            if _identity(str(path)) == (held.st_dev, held.st_ino):
                return descriptor
            os.close(descriptor)  # replaced between the two steps
        raise DatabaseRefused(f"{path} is replaced again and again.")

    def note(self, note: str) -> None:
        """Leave another note for those who meet the lock."""
        if self._path is not None and self._descriptor is not None:
            with suppress(OSError):
                _note_file(self._path).write_text(note)

    def holder(self) -> str:
        """The note of the one that holds the lock now, or empty when nobody does. Raises DatabaseRefused."""
        if self._path is None:
            return ""
        descriptor = _opened(self._path, os.O_RDONLY, "read")
        try:
            if _flock(self._path, descriptor, fcntl.LOCK_SH):
                return ""
        finally:
            os.close(descriptor)
        note = _note_of(self._path)
        if not note:
            raise DatabaseRefused(
                f"An OrderHub serves {self._path}, but its address is not known: its note "
                f"{_note_file(self._path)} is missing."
            )
        return note

    def release(self) -> None:
        """Only once SQLite has closed the file. Twice is fine."""
        if self._path is None or self._descriptor is None:
            return
        held = os.fstat(self._descriptor)
        with suppress(OSError):
            _note_file(self._path).unlink(missing_ok=True)
            # Whatever was refused after the file was made leaves nothing behind.
            is_ours = _identity(str(self._path)) == (held.st_dev, held.st_ino)
            if self._was_made and not held.st_size and is_ours:
                self._path.unlink()
        os.close(self._descriptor)
        self._descriptor = None


def _opened(path: Path, how: int, done: str) -> int:
    try:
        return os.open(path, how | os.O_CLOEXEC)
    except FileNotFoundError:
        raise _missing(path) from None
    except IsADirectoryError:
        raise DatabaseRefused(f"{path} cannot be opened: it is a folder.") from None
    except OSError as error:
        raise _unusable(path, done, error) from None


def _flock(path: Path, descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        os.close(descriptor)
        raise _unusable(path, "locked", error) from None
    return True


def _note_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def _note_of(path: Path) -> str:
    """What the holder says of itself, under whichever name of this folder it reached the file."""
    for name in (path, *_other_names(path, path.stat())):
        with suppress(OSError):
            note = _note_file(name).read_text().strip()
            if note:
                return note
    return ""


def _other_names(path: Path, file: os.stat_result) -> list[Path]:
    """Hard links to the file in its folder, but for `path` itself."""
    if file.st_nlink < 2:
        return []
    wanted = (file.st_dev, file.st_ino)
    return [
        each for each in path.parent.iterdir() if each != path and _identity(str(each)) == wanted
    ]


def _refuse_stranded_log(path: Path, file: os.stat_result) -> None:
    """SQLite's log has the name by which the file was opened: opened by another, the last orders are missed."""
    others = _other_names(path, file)
    for other in others:
        log = Path(f"{other}-wal")
        if log.exists() and log.stat().st_size:
            raise DatabaseRefused(
                f"{path} was last written as {other}, and {log} still holds a part of it: serve it by that name."
            )
    if 1 + len(others) < file.st_nlink:
        raise DatabaseRefused(
            f"{path} has {file.st_nlink} names (hard links), and not all of them are in this folder: SQLite keeps "
            "a part of its data beside the name that was used last, so leave the file one name."
        )
