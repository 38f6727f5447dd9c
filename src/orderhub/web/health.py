"""Health and metrics: what a load balancer and Prometheus ask."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from prometheus_client import CONTENT_TYPE_LATEST

from orderhub.dialects.contract import Answer
from orderhub.dialects.wiring import digest, encode
from orderhub.web.port import HubPort

_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


class Health:
    """`ready` is set once orders are taken and cleared when the hub begins to leave."""

    def __init__(self, port: HubPort) -> None:
        self._port = port
        self.ready = False

    async def answer(self, path: str, client: str, headers: Mapping[str, str]) -> Answer | None:
        """The answer to a path of ours, or None when it is not one."""
        if path == "/health/live":
            return Answer(200, encode({"status": "alive"}))
        if path in ("/health", "/health/ready"):
            if self.ready:
                return Answer(200, encode({"status": "ready"}))
            return Answer(503, encode({"status": "starting or leaving"}), (("Retry-After", "1"),))
        if path == "/metrics":
            return await self._metrics(client, headers)
        return None

    async def _metrics(self, client: str, headers: Mapping[str, str]) -> Answer:
        if not _is_local(client, headers) and not await self._is_operator(headers):
            body = encode({"status": 403, "title": "Metrics are for operators"})
            return Answer(403, body, (), "application/problem+json")
        metrics = self._port.metrics
        metrics.queue_depth.set(self._port.intake.depth)
        return Answer(200, metrics.text(), (), CONTENT_TYPE_LATEST)

    async def _is_operator(self, headers: Mapping[str, str]) -> bool:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return False
        credential = await self._port.credential("hub", digest(token.strip()))
        return credential is not None and "operator" in credential.scopes


def _is_local(client: str, headers: Mapping[str, str]) -> bool:
    """Loopback, and not a proxy on this machine speaking for somebody else."""
    if any(name in headers for name in _FORWARDED):
        return False
    try:
        return ipaddress.ip_address(client).is_loopback
    except ValueError:
        return False
