"""Whose forwarded headers are believed: those of the trusted proxies, all of them, and nobody else's."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from functools import lru_cache

from orderhub.dialects.contract import UNTOLD, Called

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_HOST = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?|\[[0-9A-Fa-f:]+\](:\d{1,5})?")
_WITH_PORT = re.compile(r"(?:\[([^\]]+)\]|([^:]+))(?::\d+)?")
# Any of these says that somebody speaks for another.
_FORWARDING = frozenset(
    {"forwarded", "via", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "true-client-ip"}
)
_FORWARDING_BEGINS = ("x-forwarded", "x-original-", "x-envoy-", "cf-")


class TrustedProxies:
    """The addresses and networks of a setting such as `127.0.0.1, 10.0.0.0/8`."""

    def __init__(self, setting: str) -> None:
        given = (each.strip() for each in setting.split(","))
        self._networks = [ipaddress.ip_network(each) for each in given if each]
        self._believes = lru_cache(4_096)(self._is_within)

    def behind(self, peer: str, headers: Mapping[str, str]) -> tuple[str, Called]:
        """The address of the client behind a connection from `peer`, and what it called; headers by lower-case name."""
        if not self._networks or not self._believes(peer):
            return peer, UNTOLD
        client = self._client(peer, headers.get("x-forwarded-for", ""))
        scheme = _last(headers, "x-forwarded-proto").lower()
        host = _last(headers, "x-forwarded-host")
        if scheme not in ("", "http", "https"):
            return client, UNTOLD
        return client, Called(scheme, host if _HOST.fullmatch(host) else "")

    def _client(self, peer: str, hops: str) -> str:
        """Each proxy appends whom it was called by: from the end, the first that is no trusted proxy."""
        client = peer
        for hop in reversed(hops.split(",")):
            address = _address(hop.strip())
            if address is None:
                break
            client = str(address)
            if not self._believes(client):
                break
        return client

    def _is_within(self, text: str) -> bool:
        address = _address(text)
        return address is not None and any(address in each for each in self._networks)

    def is_here(self, call_client: str, headers: Mapping[str, str]) -> bool:
        """Whether somebody on this machine asks for themselves.

        A proxy on this machine comes from loopback too. What gives it away: a forwarding header, a
        host that is no name of this machine's loopback, or that it is one of the trusted.
        """
        if any(n in _FORWARDING or n.startswith(_FORWARDING_BEGINS) for n in headers):
            return False
        if self._networks and self._believes(call_client):
            return False
        address = _address(call_client)
        return address is not None and address.is_loopback and _is_loopback(headers.get("host", ""))


def _last(headers: Mapping[str, str], name: str) -> str:
    return headers.get(name, "").rpartition(",")[2].strip()


def _address(text: str) -> _Address | None:
    """An IP address, also with a port; IPv4 in the clothes of IPv6 counts as what it is."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        match = _WITH_PORT.fullmatch(text)
        if match is None:
            return None
        try:
            address = ipaddress.ip_address(match[1] or match[2])
        except ValueError:
            return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _is_loopback(host: str) -> bool:
    """Whether a Host header names this machine's loopback; none at all, of HTTP/1.0, names nobody else."""
    name = host.lower()
    if name in ("", "localhost") or name.startswith("localhost:"):
        return True
    address = _address(name)
    return address is not None and address.is_loopback
