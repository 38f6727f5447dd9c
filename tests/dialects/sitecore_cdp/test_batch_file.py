"""The file of a batch: its lines, read piece by piece, and what cannot be read."""

import gzip
import io
import tracemalloc

import pytest

from orderhub.dialects.sitecore_cdp import batch_file
from orderhub.dialects.sitecore_cdp.batch_file import BadFile, Lines


def lines_of(data, count=3):
    lines, found = Lines(io.BytesIO(data)), []
    while taken := lines.take(count):
        found.extend(taken)
    return found


def test_lines_end_in_any_way_and_blank_ones_are_skipped():
    assert lines_of(gzip.compress(b"a\r\nb\rc\n\n  \nd")) == [b"a", b"b", b"c", b"d"]
    assert lines_of(gzip.compress(b"a\nb") + gzip.compress(b"c\n")) == [b"a", b"bc"]
    assert lines_of(gzip.compress(b"")) == []


def test_what_follows_the_gzip_must_be_gzip_too():
    with pytest.raises(BadFile):
        lines_of(gzip.compress(b"a\n") + b"rubbish")


def test_the_lines_before_what_cannot_be_read_are_read():
    file = Lines(io.BytesIO(gzip.compress(b"a\nb\nc\n")[:-9]))
    assert file.take(2) == [b"a", b"b"]
    assert file.take(2) == [b"c"]
    with pytest.raises(BadFile, match="ends in the middle"):
        file.take(2)


def test_blank_lines_count_too(monkeypatch):
    monkeypatch.setattr(batch_file, "MAX_LINES", 1_000)
    with pytest.raises(BadFile, match="more than 1000 lines"):
        lines_of(gzip.compress(b"a\n" + b"\n" * 2_000))


def test_a_bomb_is_read_in_constant_memory_and_given_up(monkeypatch):
    monkeypatch.setattr(batch_file, "MAX_UNPACKED_BYTES", 60_000_000)
    bomb = gzip.compress(bytes(80_000_000).replace(b"\0", b"x"), 9)
    tracemalloc.start()
    try:
        with pytest.raises(BadFile):
            lines_of(bomb)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8_000_000
