"""Clients for S3 and CloudFront that know nothing but what they are given.

boto3 looks for keys, regions, addresses and proxies in the environment, in `~/.aws` and at the metadata service of the
machine. Here that would lend the operator's own rights to a tenant, so nothing of it is asked: every value that a
session could look up is a constant.

Source: "Configuration" and "Credentials", boto3.amazonaws.com/v1/documentation/api/latest/guide; botocore's
`configprovider`, which names every variable.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import boto3
import botocore
from botocore.config import Config
from botocore.configprovider import (
    BOTOCORE_DEFAUT_SESSION_VARIABLES,
    ConfigValueStore,
    ConstantProvider,
)
from botocore.credentials import CredentialResolver
from botocore.loaders import Loader
from botocore.session import Session

from plugin_host import http
from plugin_host.base import Secrets
from plugin_host.errors import PluginError

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient
    from mypy_boto3_s3 import S3Client

CONNECT_TIMEOUT_SECONDS: Final = 10
READ_TIMEOUT_SECONDS: Final = 30
# Inside a run; the host tries again later.
ATTEMPTS: Final = 3
_AWS_SUFFIXES: Final = (".amazonaws.com", ".amazonaws.com.cn")


def s3_client(secrets: Secrets, *, region: str, connections: int) -> S3Client:
    """Return a client for one tenant's bucket; it may be used by several threads at once.

    Args:
        connections: The most that it keeps open.
    """
    # At DEBUG botocore writes the headers of each request, the keys' id and the token among them.
    logging.getLogger("botocore").setLevel(logging.INFO)
    address = http.service_url("s3", "")
    client: S3Client = _session(secrets).client(
        "s3", **_options(address, region, connections, signature="s3v4")
    )
    _keep_inside(client, "s3", address)
    return client


def cloudfront_client(secrets: Secrets) -> CloudFrontClient:
    """Return a client for one tenant's distributions; CloudFront has one address for all regions."""
    logging.getLogger("botocore").setLevel(logging.INFO)
    address = http.service_url("cloudfront", "")
    client: CloudFrontClient = _session(secrets).client("cloudfront", **_options(address, "us-east-1", 2))
    _keep_inside(client, "cloudfront", address)
    return client


def _options(address: str, region: str, connections: int, *, signature: str | None = None) -> dict[str, Any]:
    proxy = os.environ.get("OUTBOUND_PROXY", "")
    settings: dict[str, Any] = {
        "signature_version": signature,
        "connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "read_timeout": READ_TIMEOUT_SECONDS,
        "retries": {"mode": "standard", "total_max_attempts": ATTEMPTS},
        "max_pool_connections": connections,
        "tcp_keepalive": True,
        # An empty dict, not None: with None the proxies of the environment are used.
        "proxies": {"http": proxy, "https": proxy} if proxy else {},
        "ignore_configured_endpoint_urls": True,
        "use_fips_endpoint": False,
        "use_dualstack_endpoint": False,
        "defaults_mode": "legacy",
        # Files carry a SHA-256 of their own, which is made anyway; other services do not know the newer ones.
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
        "user_agent_extra": "Tenantry-S3/1.0",
        "s3": {
            "addressing_style": "path" if address else "auto",
            "us_east_1_regional_endpoint": "regional",
            "use_arn_region": False,
            "use_accelerate_endpoint": False,
        },
    }
    return {
        "region_name": region,
        "endpoint_url": address or None,
        # The operator may have a certificate authority of their own, as for all other calls.
        "verify": os.environ.get("SSL_CERT_FILE") or True,
        "config": Config(**settings),
    }


def _session(secrets: Secrets) -> boto3.session.Session:
    session = Session()
    session.register_component("config_store", ConfigValueStore(mapping=_constants()))
    session.register_component("credential_provider", CredentialResolver([]))
    session.register_component("data_loader", _loader())
    return boto3.session.Session(
        aws_access_key_id=secrets.require("access_key_id"),
        aws_secret_access_key=secrets.require("secret_access_key"),
        aws_session_token=secrets.get("session_token") or None,
        botocore_session=session,
    )


def _constants() -> dict[str, Any]:
    """Return every variable of a session with its default, so that none is looked up."""
    values = {name: entry[2] for name, entry in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()}
    values |= {
        "config_file": os.devnull,
        "credentials_file": os.devnull,
        "ec2_metadata_v1_disabled": True,
        "s3": None,
        "proxies_config": None,
    }
    return {name: ConstantProvider(value) for name, value in values.items()}


@cache
def _loader() -> Loader:
    """Return the descriptions of the services, read once in a process: they are large, and no tenant's."""
    packages = [Path(module.__file__ or "").parent / "data" for module in (botocore, boto3)]
    return Loader(extra_search_paths=[str(path) for path in packages], include_default_search_paths=False)


def _keep_inside(client: Any, service: str, address: str) -> None:
    """Let no request of the client go anywhere but to AWS, or to where the operator says."""
    allowed = _is_at(address) if address else _is_aws

    def check(request: Any, **_: Any) -> None:
        if not allowed(request.url):
            raise PluginError(
                f"{urlsplit(request.url).hostname} is not an address of {service}, so nothing was sent.",
                code="outbound_refused",
                permanent=True,
            )

    client.meta.events.register(f"before-send.{service}", check)


def _is_at(address: str) -> Callable[[str], bool]:
    wanted = urlsplit(address)

    def is_at(url: str) -> bool:
        parts = urlsplit(url)
        return (parts.scheme, parts.netloc) == (wanted.scheme, wanted.netloc)

    return is_at


def _is_aws(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" and (parts.hostname or "").endswith(_AWS_SUFFIXES)
