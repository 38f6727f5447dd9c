"""httpx for servers of tests, none of which speaks TLS: no certificates are read, which takes 50 ms for each client."""

import ssl
from functools import partial

import httpx

# Trusts nobody, so that a server behind TLS would be refused.
_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

AsyncClient = partial(httpx.AsyncClient, verify=_NOBODY)
Client = partial(httpx.Client, verify=_NOBODY)
get = partial(httpx.get, verify=_NOBODY)
patch = partial(httpx.patch, verify=_NOBODY)
post = partial(httpx.post, verify=_NOBODY)
put = partial(httpx.put, verify=_NOBODY)
request = partial(httpx.request, verify=_NOBODY)
stream = partial(httpx.stream, verify=_NOBODY)
