"""Whatever the hub refuses is said at the desk in the reader's language, and completely."""

import re
from pathlib import Path

from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects.contract import WireFault
from orderhub.web.desk.language import CHINESE, ENGLISH, LANGUAGES, catalogue
from orderhub.web.desk.refusals import (
    PROBLEMS,
    REASONS,
    UNANSWERED,
    in_row,
    refused,
    unanswered,
    wrong,
)
from tests.support.hub import running_hub
from tests.web.desk.browser import signed_in
from tests.web.hub_client import sell

_ENGLISH_SENTENCE = re.compile(r"[A-Za-z]{3,} [a-z]{2,} ")


def test_every_reason_and_every_problem_has_words_in_every_language() -> None:
    assert set(REASONS) == set(Reason)
    assert set(LANGUAGES) == {ENGLISH, CHINESE}
    for reason in Reason:
        said = refused(CHINESE, Rejected(reason, "field", "exact words of the hub"))
        assert not re.search("[A-Za-z]", said), said
        assert in_row(CHINESE, reason.value, "exact words") == said
        assert refused(ENGLISH, Rejected(reason)) == REASONS[reason]
    for problem in (*PROBLEMS, "whatever"):
        said = wrong(CHINESE, WireFault("a.b", problem, "a.b: exact words of the hub"))
        assert not re.search("[A-Za-z]", said), said
    assert wrong(ENGLISH, WireFault("a", "value", "a: exact")) == "a: exact"
    said = {
        refused(CHINESE, Rejected(Reason.ALREADY_EXISTS, field, "exact words of the hub"))
        for field in ("code", "email", "route", "number")
    }
    assert len(said) == 4
    assert not re.search("[A-Za-z]", "".join(said))
    assert refused(ENGLISH, Rejected(Reason.OUT_OF_STOCK, "", "3 wanted, 2 left")).startswith("3 w")


def test_why_nobody_answered_a_webhook_is_told_in_every_language() -> None:
    errors = (
        "there was no answer within 10 s",
        "it redirects more than 3 times",
        "it leads to 10.0.0.1, which is private",
        "its certificate is not valid: expired",
        "its host does not resolve",
        "no connection: Connection refused",
        "it closed the connection without an answer",
    )
    told = [unanswered(CHINESE, each) for each in errors]
    assert told == [catalogue(CHINESE).gettext(text) for _, text in UNANSWERED]
    assert not re.search("[A-Za-z]", "".join(told))
    assert [unanswered(ENGLISH, each) for each in errors] == [*errors]
    assert unanswered(CHINESE, "204") == "204"


async def test_a_number_out_of_its_range_is_told_the_range_at_its_field(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        for language, said in (("en", "This is at least 0."), ("zh-CN", "不能小于 0。")):
            browser = await signed_in(hub, **{"accept-language": language})
            path = "/desk/products/new"
            await browser.get(path)
            answer = await browser.post(path, {"title": "Shelf", "weight_g": "-1"})
            assert answer.status_code == 422
            assert f'<span class="fault" id="d-weight_g">{said}</span>' in browser.page


async def test_a_refused_form_speaks_chinese_to_who_reads_it(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        order = await sell(hub, 2)
        browser = await signed_in(hub, **{"accept-language": "zh-CN"})
        for path, members, said in (
            (
                "/desk/stock/pool",
                {
                    "kind": "stock",
                    "subject": "product:188",
                    "place": "MAIN",
                    "by": "x",
                    "reason": "r",
                },
                PROBLEMS["value"],
            ),
            (
                "/desk/stock/pool",
                {
                    "kind": "stock",
                    "subject": "product:188",
                    "place": "MAIN",
                    "by": "-9999",
                    "reason": "r",
                },
                None,
            ),
            ("/desk/webhooks", {"url": "ftp://nowhere"}, None),
            (f"/desk/orders/{order['uid']}/refund", {"amount": "5"}, None),
        ):
            await browser.get(
                path if "pool" not in path else f"{path}?kind=stock&subject=product:188"
            )
            before = browser.text
            answer = await browser.post(path, members)
            assert answer.status_code in (409, 422), (path, answer.status_code)
            new = browser.text
            fresh = [each for each in _ENGLISH_SENTENCE.findall(new) if each not in before]
            assert not fresh, (path, fresh)
            if said:
                assert refused_text(said) in new


def refused_text(text: str) -> str:
    return catalogue(CHINESE).gettext(text)
