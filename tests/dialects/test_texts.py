"""Bodies that are no JSON, or whose letters are no Unicode, at every door: mended or refused in one true sentence."""

import json
import re
from dataclasses import replace
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderhub.conform.cases import golden_cases
from orderhub.dialects.codec import decode
from orderhub.dialects.contract import HTTPFault
from orderhub.dialects.finding import conformance_of, find_dialects
from orderhub.dialects.json_faults import BREAKS_OFF, fault_in, mended, unicode_fault
from tests.support.calls import Caller, calling, copied
from tests.support.examples import examples
from tests.support.golden import sent

# As encoding/json 1.25 says it.
GRAMMAR = [
    (b"hello", 0, "invalid character 'h' looking for beginning of value"),
    (b'{"a" 1}', 5, "invalid character '1' after object key"),
    (b'{"a":1 "b"}', 7, "invalid character '\"' after object key:value pair"),
    (b"{a:1}", 1, "invalid character 'a' looking for beginning of object key string"),
    (b'{"a":1,}', 7, "invalid character '}' looking for beginning of object key string"),
    (b"[1 2]", 3, "invalid character '2' after array element"),
    (b"[1,]", 3, "invalid character ']' looking for beginning of value"),
    (b"{} x", 3, "invalid character 'x' after top-level value"),
    (b'{"a":nul1}', 8, "invalid character '1' in literal null (expecting 'l')"),
    (b'{"a":-x}', 6, "invalid character 'x' in numeric literal"),
    (b'{"a":1.x}', 7, "invalid character 'x' after decimal point in numeric literal"),
    (b'{"a":1e+x}', 8, "invalid character 'x' in exponent of numeric literal"),
    (b'{"a":01}', 6, "invalid character '1' after object key:value pair"),
    (b'{"a":NaN}', 5, "invalid character 'N' looking for beginning of value"),
    (b'{"a":"x\ny"}', 7, "invalid character '\\n' in string literal"),
    (b'{"a":"\\q"}', 7, "invalid character 'q' in string escape code"),
    (b'{"a":"\\u12x4"}', 10, "invalid character 'x' in \\u hexadecimal character escape"),
    (b"'a'", 0, "invalid character '\\'' looking for beginning of value"),
    (b"\x01", 0, "invalid character '\\x01' looking for beginning of value"),
    (b'{"a":"x', 7, BREAKS_OFF),
    (b'{"a":"\\u12', 10, BREAKS_OFF),
    (b'{"a":tr', 7, BREAKS_OFF),
    (b'{"a":-', 6, BREAKS_OFF),
    (b"[" * 100_000, 100_000, BREAKS_OFF),
    (b"", 0, BREAKS_OFF),
]


@pytest.mark.parametrize(("text", "at", "says"), GRAMMAR, ids=lambda each: str(each)[:40])
def test_what_is_no_json_is_named_with_its_place(text, at, says):
    assert fault_in(text) == (at, says)
    with pytest.raises(HTTPFault):
        decode(text)


def _is_json(text: str) -> bool:
    def refuse(_word):
        raise ValueError

    try:
        json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError):
        return False
    return True


@given(st.lists(st.sampled_from('{}[]:,"\\u00d8e+-.019 \ntruefalsn'), max_size=24).map("".join))
@examples(2_000)
def test_what_has_no_fault_is_json_and_the_other_way_round(text):
    assert (fault_in(text.encode()) is None) == _is_json(text)


@pytest.mark.parametrize(
    ("text", "text_mended", "told"),
    [
        (b'"a \\ud83d"', '"a \\ufffd"', "\\ud83d at byte 3 is half of a character"),
        (b'"\\ud83d\\u0041"', '"\\ufffd\\u0041"', "\\ud83d at byte 1 is half of a character"),
        (b'"\\uDE00\\ud83d"', '"\\ufffd\\ufffd"', "\\uDE00 at byte 1 is half of a character"),
        (b'"\\ud83d\\ude00"', '"\\ud83d\\ude00"', ""),
        (b'"\\\\ud83d"', '"\\\\ud83d"', ""),
        (b'"\xff"', '"\ufffd"', "byte 1 is not UTF-8"),
        ('"ü"'.encode("latin-1"), '"\ufffd"', "byte 1 is not UTF-8"),
    ],
)
def test_half_of_a_character_and_a_byte_that_is_none_are_mended(text, text_mended, told):
    assert mended(text).decode() == text_mended
    assert unicode_fault(text) == told


# A text that each door keeps. Go and .NET decode what is no Unicode as U+FFFD, PHP and Java refuse it.
SAMPLES = {
    dialect.name: json.loads(
        (resources.files(f"orderhub.dialects.{dialect.name}") / "every_member.json").read_text()
    )
    for dialect in find_dialects()
}
HALVES = (
    b"x \\ud83d",
    b"x \\ud83d and more",
    b"x \\ud83d\\u0041",
    b"\\udc00",
    b"x \xff",
    b"\xe4\xbd",
)
# What only our libraries say.
OURS = re.compile(
    rb"utf-16|codec|msgspec|malformed:|truncated|Traceback|UnicodeDecode|at `\$", re.IGNORECASE
)


@pytest.mark.parametrize("half", HALVES, ids=repr)
@pytest.mark.parametrize("name", SAMPLES)
def test_what_is_no_unicode_is_read_as_the_vendors_decoder_reads_it(hub: Caller, name, half):
    case, member = golden_cases(name)[0], SAMPLES[name]["text"]
    if case.clock:
        hub.freeze(case.tenant, case.clock)

    def send(method, path, query, headers, body):
        where, text = member.partition(":")[0], member.encode()
        compact = json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":")).encode()
        assert text in compact
        broken = compact.replace(text, f'{where}:"'.encode() + half + b'"')
        return hub.send(method, path, query, headers, broken)

    # A signature would be over the very bytes; the hub's own token needs none.
    reply = sent(replace(case.request, sign=None), send, {})
    assert reply.status < 500
    assert not OURS.search(reply.body), reply.body
    assert not OURS.search(reply.headers.get("hub-detail", "").encode())
    orders = hub.orders(case.tenant)
    kept = [json.dumps(hub.operate("GET", f"/hub/v1/orders/{each['uid']}")) for each in orders]
    if conformance_of(name).mends:
        assert any("\\ufffd" in each for each in kept), reply.body
    else:
        assert not any("\\ufffd" in each for each in kept)
        assert hub.broken() == {}


@pytest.mark.parametrize("blanks", [0, 5_000])
@pytest.mark.parametrize(("opens", "ends"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_64_levels_are_taken_and_no_more_however_short_the_body(opens, ends, blanks):
    def nested(levels: int) -> bytes:
        times = levels // len(ends)
        return (opens * times + "1" + ends * times + " " * blanks).encode()

    assert decode(nested(64))
    for levels in (66, 900, 5_000):
        with pytest.raises(HTTPFault) as refused:
            decode(nested(levels))
        assert refused.value.fault.message == "nested too deeply"


@pytest.mark.parametrize("name", SAMPLES)
def test_what_is_nested_deeply_is_refused_at_every_door(hub: Caller, name):
    case = golden_cases(name)[0]
    if case.clock:
        hub.freeze(case.tenant, case.clock)

    def send(method, path, query, headers, body):
        return hub.send(
            method,
            path,
            query,
            headers,
            b'{"deep":' + b"[" * 900 + b"]" * 900 + b"," + body.lstrip()[1:],
        )

    before = hub.orders(case.tenant)
    reply = sent(replace(case.request, sign=None), send, {})
    assert reply.status < 500
    assert hub.orders(case.tenant) == before, reply.body


@pytest.fixture(scope="module")
def lasting_hub(demo_file, tmp_path_factory):
    """For calls that leave nothing."""
    with calling(copied(demo_file, tmp_path_factory.mktemp("texts"))) as caller:
        yield caller


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("body", [text for text, _, _ in GRAMMAR[:23]], ids=repr)
def test_no_door_lets_a_library_speak(lasting_hub: Caller, name, body):
    request = golden_cases(name)[0].request
    reply = lasting_hub.send(request.method, request.path, None, request.headers, body)
    assert reply.status < 500
    assert not OURS.search(reply.body), reply.body
