"""The ASGI app: routing, credentials, limits, health, metrics and the hub's own API."""
