"""A gzipped file of JSON lines, read in constant memory and safe against bombs."""

from __future__ import annotations

import zlib
from codecs import BOM_UTF8
from typing import IO

MAX_PACKED_BYTES = 50 * 1024 * 1024
MAX_LINE_BYTES = 1_048_576
MAX_UNPACKED_BYTES = 4 * 1024**3
MAX_LINES = 5_000_000  # blank ones too: each costs time, and each other one a result that is kept
_PACKED_PIECE = 65_536
_UNPACKED_PIECE = 262_144
_GZIP = 31  # zlib's window bits for a gzip header


class BadFile(Exception):
    """The file as a whole cannot be read any further."""


class Lines:
    """The lines of a gzipped file that are not blank, a few at a time.

    A line ends with a line feed, a carriage return or both. One that is longer than
    MAX_LINE_BYTES comes as None and is not held in memory. Several gzip members count as one file.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._unzip = zlib.decompressobj(_GZIP)
        self._packed = b""
        self._rest = b""
        self._overlong = False
        self._ready: list[bytes | None] = []
        self._unpacked = 0
        self._lines = 0
        self._ended = False
        self._bad: BadFile | None = None
        self._begun = False

    def take(self, count: int) -> list[bytes | None]:
        """The next `count` lines, fewer at the end of the file.

        Raises BadFile where it cannot be read any further, after the lines before that.
        """
        while len(self._ready) < count and not self._ended:
            try:
                piece = self._unpack()
                if piece is None:
                    self._ended = True
                    self._close_line()
                else:
                    self._split(piece)
            except BadFile as bad:
                self._bad, self._ended = bad, True
        if self._bad is not None and not self._ready:
            raise self._bad
        taken, self._ready = self._ready[:count], self._ready[count:]
        return taken

    def _unpack(self) -> bytes | None:
        """The next piece of the unpacked text, never more than _UNPACKED_PIECE; None = no more."""
        if self._unzip.eof:
            following = (self._unzip.unused_data + self._packed).lstrip(b"\0")
            if not following:
                following = self._file.read(_PACKED_PIECE)
            if not following:
                return None
            self._unzip, self._packed = zlib.decompressobj(_GZIP), following
        packed = self._packed or self._file.read(_PACKED_PIECE)
        if not packed:
            raise BadFile("The file ends in the middle: it is not a complete gzip file.")
        try:
            piece = self._unzip.decompress(packed, _UNPACKED_PIECE)
        except zlib.error:
            raise BadFile("The file is not a gzip file, or is damaged.") from None
        self._packed = self._unzip.unconsumed_tail
        self._unpacked += len(piece)
        if self._unpacked > MAX_UNPACKED_BYTES:
            raise BadFile(f"The file unpacks to more than {MAX_UNPACKED_BYTES} bytes.")
        return piece

    def _split(self, piece: bytes) -> None:
        lines = piece.replace(b"\r", b"\n").split(b"\n")
        self._lines += len(lines) - 1
        if self._lines > MAX_LINES:
            raise BadFile(f"The file has more than {MAX_LINES} lines.")
        for index, line in enumerate(lines):
            if index:
                self._close_line()
            if len(self._rest) + len(line) > MAX_LINE_BYTES:
                self._overlong, self._rest = True, b""
            elif not self._overlong:
                self._rest += line

    def _close_line(self) -> None:
        if self._overlong:
            self._ready.append(None)
        elif self._rest.strip():
            # Programs on Windows begin a file with a byte order mark.
            line = self._rest if self._begun else self._rest.removeprefix(BOM_UTF8)
            self._begun = True
            self._ready.append(line)
        self._rest, self._overlong = b"", False
