"""The stylesheet and the icon. Their paths change with what they hold, so browsers keep them."""

from __future__ import annotations

from orderhub.dialects.contract import Answer, Call, Fault, FaultKind, HTTPFault, Route
from orderhub.web.desk import rendering

_KEPT = ("Cache-Control", "public, max-age=31536000, immutable")


async def static(call: Call) -> Answer:
    name = call.params["name"]
    if name not in rendering.FILES:
        raise HTTPFault(Fault(FaultKind.NOT_FOUND, f"there is no file {name}"))
    return Answer(200, rendering.file(name), (_KEPT,), rendering.FILES[name])


ROUTES = (Route("GET", "/desk/static/{name}", static, public=True),)
