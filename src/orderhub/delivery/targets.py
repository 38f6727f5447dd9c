"""Which addresses the hub sends to. Pure rules: they look nothing up and open nothing.

Whoever may write a webhook chooses where the hub's own machine connects to: without these rules he would reach what
stands behind it. So an address is judged by what it is, in whatever form it was written, and judged again on the very
address that is connected to, since a name may lead elsewhere by then.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from yarl import URL  # what the sender parses with: no second opinion on what a URL means

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MOST_LETTERS = 2_000
_SETTING = "ORDERHUB_WEBHOOK_ALLOW"
_UNFIT = re.compile(r"[\x00-\x20\x7f\\]")
# As DNS has them; underscores are no host's by the book, yet some have them.
_NAME = re.compile(r"(?=.{1,253}\.?$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.|$))+")
_PLAIN = f"not opened by {_SETTING}, as plain http needs"
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+")

# What is not the public internet, by the registries of IANA; and where clouds tell machines their secrets.
_CLOSED: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(network), what)
    for network, what in (
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "private to a carrier"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "metadata of a cloud"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "for documentation"),
        ("192.88.99.0/24", "reserved"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "for benchmarks"),
        ("198.51.100.0/24", "for documentation"),
        ("203.0.113.0/24", "for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "private"),
        ("ff00::/8", "multicast"),
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "for documentation"),
        ("2002::/16", "a tunnel"),
        ("3fff::/20", "for documentation"),
    )
)
_UNICAST = IPv6Network("2000::/3")
# They lead to the IPv4 address in their last 32 bits: the same one as the kernel sees it, or through a NAT64.
_AS_V4 = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))


@dataclass(frozen=True, slots=True)
class Targets:
    """Where webhooks may go: to the public internet by https, and where an operator says.

    allow     networks that are opened, also over plain http
    is_local  whether the hub listens on loopback: its sandboxes may then reach that, too, over http as well
    """

    allow: tuple[Network, ...] = ()
    is_local: bool = False

    @classmethod
    def of(cls, allow: str, host: str) -> Targets:
        """`allow` are networks with commas between them, `host` is where the hub listens. Raises ValueError."""
        networks = tuple(ip_network(each.strip()) for each in allow.split(",") if each.strip())
        address = _literal(host)
        return cls(networks, address is not None and address.is_loopback)

    def refusal(self, url: str, *, may_loopback: bool = False) -> str:
        """What is wrong with a URL by itself, as a sentence that goes on behind its name; empty = nothing.

        may_loopback  whether it is a sandbox's. What a name leads to, `closed` says of each address.
        """
        return _refusal(self, url, may_loopback)

    def closed(self, address: str, *, is_secure: bool = True, may_loopback: bool = False) -> str:
        """Why an address is not connected to, in few words; empty = it may be."""
        try:
            number = ip_address(address.partition("%")[0])
        except ValueError:
            return "no IP address"
        number = _as_v4(number)
        if any(number in network for network in self.allow):
            return ""
        if number.is_loopback and may_loopback and self.is_local:
            return ""
        for network, what in _CLOSED:
            if number in network:
                return what
        if number.version == 6 and number not in _UNICAST:
            return "reserved"
        return "" if is_secure else _PLAIN


def host_of(url: str) -> tuple[str, int]:
    """The host and the port that a URL leads to, for one that was not refused."""
    parsed = URL(url)
    return parsed.raw_host or "", parsed.port or 0


def is_secure(url: str) -> bool:
    return URL(url).scheme == "https"


def literal_of(url: str) -> str:
    """The address that the URL names itself, without looking anything up; empty = it names a host."""
    address = _literal(host_of(url)[0])
    return "" if address is None else str(address)


@lru_cache(maxsize=4096)
def _refusal(targets: Targets, url: str, may_loopback: bool) -> str:
    if len(url) > MOST_LETTERS:
        return f"is longer than {MOST_LETTERS} letters"
    if _UNFIT.search(url):
        return "has a blank, a control character or a backslash in it"
    try:
        parsed = URL(url)
        host, port = parsed.raw_host or "", parsed.port
    except ValueError:
        return "is no URL"
    if parsed.scheme not in ("https", "http"):
        return "must begin with https://"
    if not host:
        return "names no host"
    if parsed.raw_user is not None or parsed.raw_password is not None:
        return "must not hold a user or a password: receivers check the signature"
    if parsed.raw_fragment:
        return "has a part behind #, which is never sent"
    if not port:
        return "has no port that can be reached"
    return _host_refusal(targets, host, parsed.scheme == "https", may_loopback)


def _host_refusal(targets: Targets, host: str, secure: bool, may_loopback: bool) -> str:
    if "%" in host:
        return "has a % in its host"
    address = _literal(host)
    if address is None:
        if _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
            return f"has the host {host}, which is neither a name nor an address"
        if not _NAME.fullmatch(host):
            return f"has the host {host}, which cannot be a name"
        opens = bool(targets.allow) or (may_loopback and targets.is_local)
        return "" if secure or opens else f"must begin with https:// ({_SETTING} opens networks)"
    why = targets.closed(str(address), is_secure=secure, may_loopback=may_loopback)
    if why:
        if why == _PLAIN:
            return f"must begin with https:// ({_SETTING} opens networks)"
        return f"leads to {address}, which is {why} ({_SETTING} opens networks)"
    if host not in (str(address), "localhost"):
        return f"has the host {host}: write {address}"
    return ""


def _literal(host: str) -> Address | None:
    """The address that a host is in any form that some C library reads as one; None = it is a name."""
    host = host.rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return IPv4Address("127.0.0.1")
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return _loose_v4(host)


def _loose_v4(host: str) -> IPv4Address | None:
    """As inet_aton: one to four numbers, decimal, octal or hexadecimal; the last one fills what is left."""
    parts = host.split(".")
    if len(parts) > 4 or not all(map(_NUMBER.fullmatch, parts)):
        return None
    try:
        numbers = [_number(each) for each in parts]
    except ValueError:
        return None
    *heads, tail = numbers
    if any(each > 0xFF for each in heads) or tail >= 1 << 8 * (4 - len(heads)):
        return None
    value = tail
    for at, each in enumerate(heads):
        value |= each << 8 * (3 - at)
    return IPv4Address(value)


def _number(text: str) -> int:
    if text[:2] in ("0x", "0X"):
        return int(text[2:] or "0", 16)
    return int(text, 8) if text.startswith("0") and len(text) > 1 else int(text)


def _as_v4(address: Address) -> Address:
    """The IPv4 address that is really reached, where an IPv6 one only stands for it."""
    if isinstance(address, IPv6Address) and any(address in each for each in _AS_V4):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address
