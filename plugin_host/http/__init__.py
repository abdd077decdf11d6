"""The HTTP client for plugins: httpx, kept away from the inside of the network.

    async with http.client() as client:
        response = await client.get("https://api.example.com/items")

A name is resolved once, all its addresses must be public, and the connection goes to one of exactly those addresses,
with the name for TLS and the Host header. So neither a name that points inside, nor one that changes its address in
between, nor a redirect reaches anything that the public internet does not. Redirects are not followed unless asked for,
and then each hop is a new connection under the same rule. Proxies of the environment are not used.
With `OUTBOUND_PROXY` everything goes through that proxy, which has the last look at each address.

    async with http.client(retries=http.Retries(tries=3)) as client:
        answer = http.require_success(await client.get(url), "Example")

The operator opens exceptions with `OUTBOUND_ALLOW`: entries `host:port`, `host:*` or `10.0.0.0/8:443`, separated by
commas.
"""

from plugin_host.http.answers import require_success, trouble_of
from plugin_host.http.client import GuardedClient, client
from plugin_host.http.retrying import Retries, retry_after_seconds
from plugin_host.http.service import Service
from plugin_host.http.services import service_url, use_services
from plugin_host.http.targets import (
    OutboundRefused,
    allow_outbound,
    allowed_targets,
    configure,
    is_public,
    parse_allowed,
    permitted_addresses,
)
from plugin_host.http.transport import GuardedTransport

__all__ = [
    "GuardedClient",
    "GuardedTransport",
    "OutboundRefused",
    "Retries",
    "Service",
    "allow_outbound",
    "allowed_targets",
    "client",
    "configure",
    "is_public",
    "parse_allowed",
    "permitted_addresses",
    "require_success",
    "retry_after_seconds",
    "service_url",
    "trouble_of",
    "use_services",
]
