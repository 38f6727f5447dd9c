"""Windows of hits are bounded in number, and no flood of names opens the one that is closed."""

from orderhub.web.windows import MOST_NAMES, Windows

MANY = MOST_NAMES + 1


def test_names_that_are_only_looked_at_wash_nothing_away() -> None:
    """A look costs its sender no password hash: whoever asks for many accounts must not reopen one."""
    windows = Windows()
    assert not windows.allow("account:victim", 1, 60.0)
    for number in range(MANY):
        assert not windows.allow(f"account:{number}", 1, 60.0, count=False)
    assert windows.allow("account:victim", 1, 60.0, count=False) > 0


def test_of_too_many_windows_the_one_whose_last_hit_is_oldest_goes() -> None:
    windows = Windows()
    for number in range(MANY):
        assert not windows.allow(f"{number}", 1, 60.0)
    assert windows.allow("1", 1, 60.0) > 0
    assert not windows.allow("0", 1, 60.0)
