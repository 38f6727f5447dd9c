"""/health and /metrics: what a load balancer and Prometheus ask. They are neither logged nor counted."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST

from orderhub.dialects.auth import bearer, digest
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, Call, Fault, FaultKind, HTTPFault, Media, Route
from orderhub.web.hub_api.access import is_operator
from orderhub.web.hub_api.inner import port
from orderhub.web.hub_api.shaping import Shape


class Health(Shape, frozen=True, kw_only=True):
    status: str


async def live(_call: Call) -> Answer:
    """Whether the process answers at all."""
    return Answer(200, encode(Health(status="alive")))


async def ready(call: Call) -> Answer:
    """Whether orders are taken: not while the hub starts, once it begins to leave, or while no commit can be made."""
    hub = port(call)
    if not hub.is_ready:
        raise HTTPFault(Fault(FaultKind.UNAVAILABLE, "starting or leaving", retry_after_s=1))
    if not await hub.readiness.can_commit():
        raise HTTPFault(Fault(FaultKind.UNAVAILABLE, "no commit can be made", retry_after_s=1))
    return Answer(200, encode(Health(status="ready")))


async def metrics(call: Call) -> Answer:
    """For Prometheus, with an operator's token; without one only for who asks on the hub's own machine for himself."""
    hub = port(call)
    if not hub.proxies.is_here(call.client, call.headers) and not await _is_operators(call):
        raise HTTPFault(Fault(FaultKind.FORBIDDEN, "metrics are for operators"))
    return Answer(200, hub.metrics.text(), (), CONTENT_TYPE_LATEST)


async def _is_operators(call: Call) -> bool:
    token = bearer(call)
    credential = await call.hub.credential("hub", digest(token)) if token else None
    return credential is not None and is_operator(credential)


_STATUS = {200: Health}
_METRICS = {200: Media("text/plain", str)}

ROUTES = (
    Route("GET", "/health", ready, "Ready for orders", answers=_STATUS, public=True, probe=True),
    Route(
        "GET", "/health/ready", ready, "Ready for orders", answers=_STATUS, public=True, probe=True
    ),
    Route("GET", "/health/live", live, "Alive", answers=_STATUS, public=True, probe=True),
    Route("GET", "/metrics", metrics, "Metrics", answers=_METRICS, probe=True),
)
