"""Where webhooks may go: the public internet by https, and what an operator opens. In whatever form it is written."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderhub.delivery.targets import Targets

PUBLIC = Targets()
LOCAL = Targets(is_local=True)
OPENED = Targets.of("10.1.0.0/16, fd00::/8", "0.0.0.0")

FORMS_OF_LOOPBACK = [
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7F.1",
    "0x7f.0x0.0x0.0x1",
    "017700000001",
    "0177.0.0.01",
    "127.255.255.254",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[64:ff9b::127.0.0.1]",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "anything.localhost",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
]


@pytest.mark.parametrize("host", FORMS_OF_LOOPBACK)
def test_loopback_is_refused_in_every_form(host: str) -> None:
    assert "which is loopback" in PUBLIC.refusal(f"https://{host}/hook")
    assert "which is loopback" in PUBLIC.refusal(f"https://{host}:8443/hook", may_loopback=True)


@pytest.mark.parametrize(
    ("host", "what"),
    [
        ("0.0.0.0", "unspecified"),
        ("0", "unspecified"),
        ("10.0.0.1", "private"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "private to a carrier"),
        ("100.100.100.200", "private to a carrier"),
        ("169.254.169.254", "link-local"),
        ("0xa9fea9fe", "link-local"),
        ("168.63.129.16", "metadata of a cloud"),
        ("192.0.0.192", "reserved"),
        ("224.0.0.1", "multicast"),
        ("255.255.255.255", "reserved"),
        ("198.18.0.1", "for benchmarks"),
        ("[::]", "unspecified"),
        ("[fe80::1]", "link-local"),
        ("[fc00::1]", "private"),
        ("[fd00:ec2::254]", "private"),
        ("[fec0::1]", "private"),
        ("[ff02::1]", "multicast"),
        ("[2001:db8::1]", "for documentation"),
        ("[2001::1]", "reserved"),
        ("[2002:7f00:1::]", "a tunnel"),
        ("[::ffff:10.0.0.1]", "private"),
        ("[::ffff:169.254.169.254]", "link-local"),
        ("[64:ff9b::a9fe:a9fe]", "link-local"),
        ("[64:ff9b:1::a9fe:a9fe]", "reserved"),
        ("[::127.0.0.1]", "reserved"),
        ("[100::1]", "reserved"),
    ],
)
def test_what_is_not_the_public_internet_is_refused_by_name(host: str, what: str) -> None:
    why = PUBLIC.refusal(f"https://{host}/")
    assert why.startswith("leads to ")
    assert f"which is {what} (ORDERHUB_WEBHOOK_ALLOW" in why


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://hooks.example/", "must begin with https:// (ORDERHUB_WEBHOOK_ALLOW"),
        ("http://8.8.8.8/", "must begin with https:// (ORDERHUB_WEBHOOK_ALLOW"),
        ("ftp://hooks.example/", "must begin with https://"),
        ("hooks.example", "must begin with https://"),
        ("//hooks.example", "must begin with https://"),
        ("", "must begin with https://"),
        ("https://", "names no host"),
        ("https:///hook", "names no host"),
        ("https://me@hooks.example/", "must not hold a user or a password"),
        ("https://me:secret@hooks.example/", "must not hold a user or a password"),
        ("https://hooks.example/#there", "has a part behind #"),
        ("https://hooks.example:0/", "has no port"),
        ("https://hooks.example:99999/", "is no URL"),
        ("https://[::1/", "is no URL"),
        ("https://hooks.example/ x", "has a blank"),
        ("https://hooks.example\t/", "has a blank"),
        ("https://hooks.example\\@127.0.0.1/", "a backslash"),
        ("https://hooks.example/\x00", "a control character"),
        ("https://[fe80::1%25eth0]/", "has a % in its host"),
        ("https://%31%32%37.0.0.1/", "has a % in its host"),
        ("https://1.2.3.4.5/", "neither a name nor an address"),
        ("https://256.1.1.1/", "neither a name nor an address"),
        ("https://08.1.1.1/", "neither a name nor an address"),
        ("https://134744072/", "has the host 134744072: write 8.8.8.8"),
        ("https://8.8.8.8./", "has the host 8.8.8.8.: write 8.8.8.8"),
        ("https://a..example/", "cannot be a name"),
        ("https://-a.example/", "cannot be a name"),
        ("https://" + "a" * 64 + ".example/", "cannot be a name"),
        ("https://hooks.example/" + "a" * 2_000, "is longer than 2000 letters"),
    ],
)
def test_a_url_that_will_not_do_says_why(url: str, why: str) -> None:
    assert why in PUBLIC.refusal(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example",
        "https://hooks.example:8443/a/b?token=1&x=%20",
        "https://HOOKS.example./",
        "https://bücher.example/hook",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]/",
        "https://[64:ff9b::808:808]/",
        "https://127.0.0.1.hooks.example/",
        "https://0x7f.hooks.example/",
    ],
)
def test_the_public_internet_is_open_by_https(url: str) -> None:
    assert PUBLIC.refusal(url) == ""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "hooks.example"])
def test_sandboxes_of_a_hub_on_loopback_reach_loopback_by_http_too(host: str) -> None:
    for scheme in ("http", "https"):
        assert LOCAL.refusal(f"{scheme}://{host}:3000/hook", may_loopback=True) == ""
    assert LOCAL.refusal(f"http://{host}:3000/hook") != ""


def test_beyond_loopback_a_sandbox_may_no_more_than_others() -> None:
    assert "private" in LOCAL.refusal("http://10.0.0.1/", may_loopback=True)
    assert "https" in LOCAL.refusal("http://8.8.8.8/", may_loopback=True)
    assert LOCAL.closed("8.8.8.8", is_secure=False, may_loopback=True)
    assert not LOCAL.closed("127.0.0.1", is_secure=False, may_loopback=True)
    assert LOCAL.closed("127.0.0.1", is_secure=False)


@pytest.mark.parametrize(
    ("host", "is_local"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_a_hub_is_local_when_it_listens_on_loopback(host: str, is_local: bool) -> None:
    assert Targets.of("", host).is_local is is_local


def test_an_operator_opens_networks_also_for_http() -> None:
    assert OPENED.refusal("http://10.1.2.3/") == ""
    assert OPENED.refusal("https://[fd12::1]/") == ""
    assert OPENED.refusal("https://[::ffff:10.1.2.3]/") == ""
    assert not OPENED.closed("::ffff:10.1.2.3", is_secure=False)
    assert "private" in OPENED.refusal("http://10.2.0.1/")
    # What a name leads to is not known yet: plain http is judged at the address.
    assert OPENED.refusal("http://inside.example/") == ""
    assert OPENED.closed("8.8.8.8", is_secure=False)
    assert not OPENED.closed("8.8.8.8")


@pytest.mark.parametrize("text", ["", "nothing", "1.2.3", "127.0.0.1 ", "::ffff:1.2.3"])
def test_what_is_no_address_is_not_allowed(text: str) -> None:
    assert PUBLIC.closed(text)


@given(st.one_of(st.ip_addresses(), st.ip_addresses(v=6, network="::ffff:0:0/96")))
def test_nothing_is_allowed_that_python_knows_to_be_closed(
    address: IPv4Address | IPv6Address,
) -> None:
    inner = getattr(address, "ipv4_mapped", None) or address
    if not inner.is_global or inner.is_multicast or inner.is_private or inner.is_reserved:
        nat64 = inner.version == 6 and inner in _NAT64
        assert nat64 or PUBLIC.closed(str(address))
    if inner.version == 4:
        # One answer for one address, however it is written.
        assert bool(PUBLIC.closed(str(inner))) == bool(PUBLIC.closed(f"::ffff:{inner}"))
        assert bool(PUBLIC.closed(str(inner))) == bool(PUBLIC.closed(f"64:ff9b::{inner}"))
        closed = bool(PUBLIC.closed(str(inner)))
        for form in (str(int(inner)), hex(int(inner)), f"0{int(inner):o}"):
            assert PUBLIC.refusal(f"https://{form}/").startswith("leads to ") is closed


_NAT64 = IPv6Network("64:ff9b::/96")


@given(st.text(max_size=60))
def test_no_text_breaks_the_rules(text: str) -> None:
    for url in (text, f"https://{text}", f"https://a.example/{text}"):
        why = PUBLIC.refusal(url)
        assert "\n" not in why
        assert why.isprintable()
