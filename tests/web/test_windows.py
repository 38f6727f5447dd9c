"""Windows of hits are bounded in number, and no flood of names opens the one that is closed."""

from orderhub.web.windows import MOST_NAMES, Windows

MANY = MOST_NAMES + 1


def test_of_too_many_windows_the_one_whose_last_hit_is_oldest_goes() -> None:
    windows = Windows()
    for number in range(MANY):
        assert not windows.allow(f"{number}", 1, 60.0)
    assert windows.allow("1", 1, 60.0) > 0
    assert not windows.allow("0", 1, 60.0)
