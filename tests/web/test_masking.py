"""What is kept of a call: no dialect's secret anywhere, nothing of people outside a sandbox, at most 16 KiB."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderhub.dialects.contract import Dialect
from orderhub.dialects.finding import find_dialects
from orderhub.web.masking import MASKED, MOST_BYTES, PERSONAL, UNREADABLE, Mask, secrets_of
from tests.support.dialects import HUB
from tests.support.golden import goldens

DIALECTS = (*find_dialects(), HUB)
BY_NAME = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: each.name)
KEY = "s3cr3t-0123456789"
JSON = "application/json"


def mask_of(dialect: Dialect = HUB, *, is_sandbox: bool = True) -> Mask:
    return Mask(secrets_of(dialect), is_sandbox=is_sandbox)


def body(mask: Mask, value: Any, media_type: str = JSON, *, is_whole: bool = True) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return mask.body(raw, media_type, is_whole=is_whole)


# --- secrets


@BY_NAME
@pytest.mark.parametrize("is_sandbox", [True, False])
def test_every_secret_that_a_dialect_names_is_cut_wherever_it_stands(dialect, is_sandbox):
    names = [*dialect.secrets, "password", "client_secret", "AccessToken", "apiKey"]
    for name in names:
        mask = mask_of(dialect, is_sandbox=is_sandbox)
        told = body(mask, {"a": [{name: KEY}], name.upper(): KEY, "id": KEY})
        message = mask.message({}, told, is_cut=False)
        assert KEY not in message.body, name
        assert MASKED in message.body
        assert KEY not in mask.cut(f"/paths/{KEY} are cut too, and {KEY}")


@BY_NAME
def test_what_a_dialects_callers_show_in_the_query_or_a_header_is_cut(dialect):
    shown = [
        (scheme["in"], scheme["name"])
        for schemes in dialect.security
        for scheme in schemes.values()
        if scheme.get("type") == "apiKey" and len(scheme["name"]) > 1
    ]
    for place, name in [*shown, ("query", "appkey"), ("query", "sign"), ("query", "access_token")]:
        mask = mask_of(dialect)
        if place == "header":
            assert mask.headers([(name, KEY)]) == {name.lower(): MASKED}
        else:
            assert mask.query(f"{name}={KEY}&page=2") == f"{name}={MASKED}&page=2"
        assert KEY not in mask.cut(f"no app {KEY}")


@pytest.mark.parametrize("is_sandbox", [True, False])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Authorization", f"Bearer {KEY}"),
        ("Authorization", "Basic " + b64encode(f"key:{KEY}".encode()).decode()),
        ("authorization", KEY),
        ("Proxy-Authorization", f"Bearer {KEY}"),
        ("Cookie", f"lang=zh; token={KEY}"),
        ("Set-Cookie", f"token={KEY}; Path=/; HttpOnly"),
        ("token", KEY),
        ("update-token", KEY),
        ("cart", KEY),
        ("X-Api-Key", KEY),
        ("X-Signature", KEY),
    ],
)
def test_a_header_that_shows_who_calls_is_cut_and_so_is_its_secret_elsewhere(
    name, value, is_sandbox
):
    mask = mask_of(is_sandbox=is_sandbox)
    assert mask.headers([(name, value)]) == {name.lower(): MASKED}
    told = mask.cut(f"curl -u key:{KEY} ...")
    assert told in (f"curl -u key:{MASKED} ...", f"curl -u {MASKED} ...")
    kept = mask.message({}, body(mask, {"try": f"curl {KEY}"}), is_cut=False)
    assert KEY not in kept.body


def test_headers_that_only_sound_like_secrets_stay():
    told = mask_of().headers([("Idempotency-Key", "order-17"), ("WWW-Authenticate", "Bearer")])
    assert told == {"idempotency-key": "order-17", "www-authenticate": "Bearer"}


@pytest.mark.parametrize(
    "text",
    [
        f'{{"password": "{KEY}"',  # breaks off
        f'{{"password": "{KEY}',
        f'{{"a": {{"b": [{{"password": "{KEY}"}}',
        f'{{"password": {{"b": "{KEY}", "c": ["{KEY}"]}}, "d": 1',
        f'{{"a": 1}}\n{{"password": "{KEY}"}}\n',  # NDJSON
        f'{{"password": "{KEY}", "password": ""}}',  # the last one says nothing
        f'{{"option": "{{\\"token\\": \\"{KEY}\\"}}"}}',  # JSON in a text
        f"password={KEY}&a=b",
        f'password="and then {KEY}"',
        f'--x\r\nContent-Disposition: form-data; name="password"\r\n\r\n{KEY}\r\n--x--',
        f'--x\r\nContent-Disposition: form-data;\r\n name="password"\r\n\r\n{KEY}\r\n--x--',
        'x; name="password"\n' + "y: z\n" * 20 + f"\n{KEY}\n--x--",
        'x; name="a"\n' + "b: c\n" * 20 + f'd; name="password"\n\n{KEY}\n--x--',
        f"{{'password':'{KEY}'}}",  # as Python shows a dict
        f"{{'a': 1, 'password' : '{KEY}'}}",
        f"{{\\'password\\': \\'{KEY}\\'}}",
        f"password: {KEY}",
        f"password = {KEY}",
        f"a: b\r\nX-Api-Key:{KEY}\r\n",
        f"<password>{KEY}</password>",
        f'<a:password type="b">\n{KEY}\n</a:password>',
        f'<password type="b">{KEY}',
        f"passw%6Frd={KEY}",
        f"a=1&user%5Bpassw%6frd%5D={KEY}",
        f"a=1%26password={KEY}",
        f"--x\r\nContent-Disposition: form-data; name=password\r\n\r\n{KEY}\r\n--x--",
        f"--x\nContent-Disposition: form-data; name='password'\n\n{KEY}\n--x--",
        f'{{"pass\\u0077ord": "{KEY}"',
        f'{{"pass\\u0077ord": "{KEY}"}}',
    ],
)
def test_what_is_no_json_keeps_no_secret_either(text):
    told = body(mask_of(), text.encode(), "text/plain")
    assert KEY not in told
    assert MASKED in told or told in (UNREADABLE, '{"password":""}')


@pytest.mark.parametrize(
    "text",
    [
        "the token is unknown, said the hub",
        '{"a": "Tokens are sold at the desk", "b": "no password',
        "sku,token\n1,2\n",
        "token=&a=1",
        '{"token":',
        "a: b\n<c>d</c>",
    ],
)
def test_a_text_that_only_speaks_of_secrets_stays(text):
    assert body(mask_of(), text.encode(), "text/plain") == text


def test_a_status_that_is_called_as_a_secret_is_told_in_an_answer_and_no_text_is():
    dialect = replace(HUB, secrets=("code",))
    for end in ("", "\n", " x"):
        mask = mask_of(dialect)
        told = mask.answer(
            b'{"code":-1,"data":{"code":"31415926"}}' + end.encode(), JSON, is_whole=True
        )
        assert told.startswith('{"code":-1,"data":{"code":"[secret]"}}')
        assert body(mask, {"code": 31415926}) == f'{{"code":"{MASKED}"}}'


def test_a_form_is_cut_member_by_member():
    told = body(mask_of(), b"user=ann&password=hunter22", "application/x-www-form-urlencoded")
    assert told == f"user=ann&password={MASKED}"


def test_a_token_in_the_address_of_a_receiver_is_cut_and_the_address_stays():
    mask = mask_of()
    told = body(mask, {"url": f"https://pms.example/hook?token={KEY}&a=b%20c", "note": KEY})
    message = mask.message({"location": f"/x?token={KEY}"}, told, is_cut=False)
    assert KEY not in message.body + str(message.headers)
    assert "https://pms.example/hook?token=[secret]&a=b%20c" in message.body
    plain = {"url": "https://pms.example/hook?page=1 2"}
    assert json.loads(body(mask_of(), plain)) == plain


def test_a_body_without_secrets_stays_as_it_was_sent():
    text = b'{ "a":1.50,  "b": "caf\\u00e9\\/x" }'
    assert body(mask_of(), text) == text.decode()


@pytest.mark.parametrize("value", [None, "", False, True])
def test_a_secret_that_says_nothing_is_told(value):
    assert json.loads(body(mask_of(), {"password": value, "token": "x"})) == {
        "password": value,
        "token": MASKED,
    }


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(json_values, st.lists(st.text(max_size=6) | st.none(), max_size=5), st.booleans())
def test_no_depth_hides_a_secret(value, path, is_sandbox):
    inner: Any = {"AccessToken": KEY, "beside": value}
    for name in path:
        inner = [inner, value] if name is None else {name: inner, "other": KEY}
    mask = mask_of(is_sandbox=is_sandbox)
    kept = mask.message({"x": KEY}, body(mask, inner), is_cut=False)
    assert KEY not in kept.body + str(kept.headers)


# --- people

_PERSONAL = re.compile(
    r"(?i)(first|last|real|user|full|second)_?name|recipient|e?mails?$|phone|mobile|street|address_info|birth|zip|post"
    r"|^line1$|passport|occupation|iban|identif"
)


def personal(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from personal(each, key)
    elif isinstance(value, list):
        for each in value:
            yield from personal(each, name)
    elif isinstance(value, str) and len(value) > 3 and _PERSONAL.search(name):
        yield value


def test_outside_a_sandbox_no_example_of_any_dialect_leaves_a_person_behind():
    seen = 0
    for dialect in find_dialects():
        for case in goldens(dialect.name):
            sent = case.request.body
            for value in set(personal(sent)):
                mask = mask_of(dialect, is_sandbox=False)
                kept = mask.message({}, body(mask, sent), is_cut=False)
                detail = mask.cut(f"email: {value} is taken")
                assert value not in kept.body + detail, (dialect.name, case, value)
                seen += 1
    assert seen > 50


def test_outside_a_sandbox_numbers_and_codes_under_harmless_names_stay():
    sent = {
        "goods_id": 188,
        "quantity": 3,
        "currencyCode": "EUR",
        "sku": "TS_RED_M",
        "is_gift": True,
        "remark": "",
        "orderAddress": {"recipient": "Ada Lovelace", "zipCode": "45000", "phone": 5550100},
        "passport_id": "C01X00T47",
        "ada@example.org": 1,
    }
    told = json.loads(body(mask_of(is_sandbox=False), sent))
    assert told == {
        "goods_id": 188,
        "quantity": 3,
        "currencyCode": "EUR",
        "sku": "TS_RED_M",
        "is_gift": True,
        "remark": "",
        "orderAddress": {"recipient": PERSONAL, "zipCode": PERSONAL, "phone": PERSONAL},
        "passport_id": PERSONAL,
        PERSONAL: PERSONAL,
    }
    assert json.loads(body(mask_of(), sent)) == sent


def test_outside_a_sandbox_queries_headers_and_sentences_are_cut_too():
    mask = mask_of(is_sandbox=False)
    assert mask.query("email=a%40b.example&page=2") == f"email={PERSONAL}&page=2"
    told = mask.headers([("X-Forwarded-For", "203.0.113.9"), ("Accept", "text/html")])
    assert told == {"x-forwarded-for": PERSONAL, "accept": "text/html"}
    assert mask.cut("c@d.example has an order") == f"{PERSONAL} has an order"
    assert body(mask, b"Ada Lovelace, London", "text/plain") == PERSONAL
    for name in ("Jane Roe", "jane.roe@x.example"):
        mask, form = mask_of(is_sandbox=False), "application/x-www-form-urlencoded"
        assert mask.query(f"{quote(name)}=1&page=2") == f"{PERSONAL}={PERSONAL}&page=2"
        assert body(mask, f"{quote(name)}=1".encode(), form) == f"{PERSONAL}={PERSONAL}"
        assert mask.cut(f"{name} is not a parameter") == f"{PERSONAL} is not a parameter"


# The plain way to say what an address is; it takes the square of the time that a text is long.
PLAIN_MAIL = re.compile(r"[^\s\"'<>,;:=()]+(?:@|%40)[^\s\"'<>,;:=()&]+")


@given(st.text("ab@%40&= :.", max_size=30))
def test_every_address_is_cut_out_of_a_sentence(text):
    assert mask_of(is_sandbox=False).cut(text) == PLAIN_MAIL.sub(PERSONAL, text)


# --- how much


LONG = [
    "x" * 200_000 + "=",
    "@" * 200_000,
    "a@b&" * 50_000,
    '"' * 200_000,
    '"' + '\\"' * 100_000,
    'name="a"\n=' * 20_000,
    'content-disposition: name="a"\n' * 7_000,
    "content-disposition: " + 'name="a"' * 25_000,
    '"a":"' * 40_000,
    '"a"' + " " * 200_000 + "=",
    "token" + " " * 200_000 + "x",
    "token" + "'" * 200_000 + "x",
    "token: " * 30_000,
    "<token" * 30_000,
    "<" + "a.b-" * 50_000,
    ("token:" + " " * 500) * 400 + "x",
    "token:" + " " * 200_000 + '"',
    "%6F" * 66_000 + "=",
    "name=" * 40_000,
    "name=a;" * 28_000,
]


def test_no_text_takes_the_square_of_its_length():
    """Whoever searches a text has the interpreter until it is done: each would be a pause of minutes for all."""
    program = """
import json, sys
from orderhub.dialects.tours4fun.wire import decode_commented
from orderhub.dialects.contract import HTTPFault
from orderhub.web.masking import Mask
for text in json.load(sys.stdin):
    for is_sandbox in (True, False):
        mask = Mask(frozenset({"token"}), is_sandbox=is_sandbox)
        mask.body(text.encode(), "text/plain", is_whole=False)
        mask.query(text)
        mask.cut(text)
    try:
        decode_commented(text.encode())
    except HTTPFault:
        pass
"""
    done = subprocess.run(
        [sys.executable, "-c", program], input=json.dumps(LONG), text=True, timeout=120, check=False
    )
    assert done.returncode == 0


@given(st.text(max_size=200), st.integers(0, 40_000))
def test_headers_and_body_are_at_most_16_kib_together(text, size):
    mask = mask_of()
    headers = mask.headers((f"x-{n}", text) for n in range(100))
    sent = (text + "€" * size)[:size]
    kept = mask.message(headers, body(mask, {"a": sent}), is_cut=False)
    length = len(kept.body.encode()) + sum(
        len(f"{name}{value}".encode()) for name, value in kept.headers.items()
    )
    assert length <= MOST_BYTES
    assert kept.is_cut or sent == json.loads(kept.body)["a"]


def test_nothing_is_kept_that_a_database_could_not_hold():
    mask = mask_of()
    kept = mask.message({"x": "a\x00b"}, body(mask, b"\x00\xff\xed\xa0\x80"), is_cut=False)
    assert "\x00" not in kept.body + kept.headers["x"]
    (kept.body + kept.headers["x"] + mask.cut("\ud800")).encode()
