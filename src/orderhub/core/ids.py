"""A line's uid is its order's with the line number in the last three hex digits, which are zero in an order's own."""

from __future__ import annotations

_DIGITS = 3
MAX_LINE_NO = 16**_DIGITS - 1


def line_uid(order_uid: str, line_no: int) -> str:
    """The UUID of a line. `line_no` is 1 to 4095."""
    assert 0 < line_no <= MAX_LINE_NO, line_no
    return f"{order_uid[:-_DIGITS]}{line_no:0{_DIGITS}x}"


def order_of(uid: str) -> tuple[str, int]:
    """The order's uid and the line number that a line's uid names; number 0 = it is an order's own."""
    uid = uid.lower()
    try:
        line_no = int(uid[-_DIGITS:], 16)
    except ValueError:
        return uid, 0
    return f"{uid[:-_DIGITS]}{'0' * _DIGITS}", line_no
