"""Domains on loopback: a name server, an authority, and sites that behave as they are told."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain_health_monitor.config import MonitorConfig
from domain_health_monitor.examination import Examination, examine
from plugin_host import http

from .authority import Signed, root
from .names import NameServer
from .sites import SECURE_HEADERS, Behaviour, Site, Sites, answering, redirecting


class Internet:
    """A small internet: `web.domain("shop.test")` is a domain that is well; everything else is said."""

    def __init__(self, names: NameServer, sites: Sites, folder: Path) -> None:
        self.names, self.sites, self._folder = names, sites, folder

    def domain(
        self,
        host: str,
        *,
        signed: Signed | None = None,
        chain: tuple[Signed, ...] = (),
        https: Behaviour | None = None,
        http: Behaviour | None = None,
        context: ssl.SSLContext | None = None,
    ) -> Site:
        """Make a domain with a site; by default a good one."""
        signed = signed or root().sign(host)
        site = self.sites.open(
            https=https or answering(headers=SECURE_HEADERS),
            context=context or signed.context(self._folder, *chain),
            http=http or redirecting(self.url(host)),
        )
        self.names.add(host, site.address)
        return site

    def raw(self, host: str, behaviour: Behaviour) -> Site:
        """Make a domain whose secure port does something else than TLS."""
        site = self.sites.open(https=behaviour, http=redirecting(self.url(host)))
        self.names.add(host, site.address)
        return site

    def context(self, signed: Signed) -> ssl.SSLContext:
        """Return a server's context, to be changed."""
        return signed.context(self._folder)

    def url(self, host: str, path: str = "/") -> str:
        """Return a secure address at a domain."""
        return f"https://{host}:{self.sites.https_port}{path}"

    def plain_url(self, host: str, path: str = "/") -> str:
        """Return a plain address at a domain."""
        return f"http://{host}:{self.sites.http_port}{path}"

    async def look(self, host: str, **config: object) -> Examination:
        """Look at a domain as the plugin does."""
        return await examine(host, MonitorConfig.from_dict(config))


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Internet]:
    trusted = tmp_path / "authority.pem"
    trusted.write_bytes(root().pem)
    with NameServer() as names, Sites() as sites, http.allow_outbound("127.0.0.0/8:*"):
        monkeypatch.setenv("DOMAIN_HEALTH_RESOLVERS", names.address)
        monkeypatch.setenv("DOMAIN_HEALTH_CA_FILE", str(trusted))
        monkeypatch.setenv("DOMAIN_HEALTH_HTTPS_PORT", str(sites.https_port))
        monkeypatch.setenv("DOMAIN_HEALTH_HTTP_PORT", str(sites.http_port))
        yield Internet(names, sites, tmp_path)


def part(found: Examination, name: str) -> tuple[str, str]:
    """Return status and message of one finding."""
    (detail,) = (one for one in found.details if one.check_id == f"domain-health-monitor.{name}")
    return detail.status.value, detail.message
