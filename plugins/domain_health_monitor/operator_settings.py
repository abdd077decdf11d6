"""What the operator of the installation sets, in the environment; a tenant never decides any of it.

They say whom the plugin trusts and where its packets go: name servers, certificate authorities, ports.
"""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass

from plugin_host.errors import PluginConfigError

RESOLVERS = "DOMAIN_HEALTH_RESOLVERS"
CA_FILE = "DOMAIN_HEALTH_CA_FILE"
HTTPS_PORT = "DOMAIN_HEALTH_HTTPS_PORT"
HTTP_PORT = "DOMAIN_HEALTH_HTTP_PORT"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSettings:
    """The operator's settings.

    Args:
        resolvers: Name servers as address and port; empty for those of the system.
        ca_file: A PEM file of the authorities that are trusted beside the usual ones; empty for none.
    """

    resolvers: tuple[tuple[str, int], ...] = ()
    ca_file: str = ""
    https_port: int = 443
    http_port: int = 80


def operator_settings() -> OperatorSettings:
    """Return what the environment says.

    Raises:
        PluginConfigError: where it cannot be read; the message names the variable.
    """
    listed = (entry.strip() for entry in os.environ.get(RESOLVERS, "").split(","))
    return OperatorSettings(
        resolvers=tuple(_resolver(entry) for entry in listed if entry),
        ca_file=os.environ.get(CA_FILE, ""),
        https_port=_port(HTTPS_PORT, os.environ.get(HTTPS_PORT, "443")),
        http_port=_port(HTTP_PORT, os.environ.get(HTTP_PORT, "80")),
    )


def _resolver(entry: str) -> tuple[str, int]:
    host, port = entry, "53"
    if entry.startswith("["):
        host, _, rest = entry[1:].partition("]")
        port = rest.removeprefix(":") or "53"
    elif entry.count(":") == 1:
        host, _, port = entry.partition(":")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise PluginConfigError(
            f"{RESOLVERS} has {entry!r}: write addresses such as 9.9.9.9, 10.0.0.2:5353 or [2620:fe::fe]:53."
        ) from None
    return host, _port(RESOLVERS, port)


def _port(variable: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65_536:
        raise PluginConfigError(f"{variable} has the port {text!r}: write a number from 1 to 65535.")
    return int(text)
