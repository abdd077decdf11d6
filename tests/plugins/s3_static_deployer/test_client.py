"""The client knows what it is given and nothing else, and goes nowhere but to its service."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cms_project.environment import PROJECT
from plugin_host.base import Secrets
from plugin_host.errors import PluginConfigError, PluginError
from plugin_host.http import use_services
from plugin_host.testing import HttpPeer
from s3_static_deployer.bucket import Bucket
from s3_static_deployer.client import cloudfront_client, s3_client
from s3_static_deployer.config import DeployerConfig
from tests.plugins.s3_static_deployer.conftest import KEYS
from tests.plugins.s3_static_deployer.local_aws import LocalAws

SECRETS = Secrets("s3-static-deployer", KEYS)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HttpPeer]:
    """A machine that has AWS settings of its own in every place where boto3 looks; a peer hears who asks there."""
    with HttpPeer() as peer:
        folder = tmp_path / ".aws"
        folder.mkdir()
        (folder / "credentials").write_text(
            "[default]\naws_access_key_id = AKIDOFTHEMACHINE\naws_secret_access_key = secret-of-the-machine\n"
        )
        (folder / "config").write_text(
            f"[default]\nregion = eu-north-1\nendpoint_url = {peer.url()}\nproxy = {peer.url()}\n"
            f"s3 =\n  addressing_style = virtual\n  endpoint_url = {peer.url()}\n"
        )
        for name, value in {
            "HOME": str(tmp_path),
            "AWS_ACCESS_KEY_ID": "AKIDOFENVIRONMENT",
            "AWS_SECRET_ACCESS_KEY": "secret-of-the-environment",
            "AWS_SESSION_TOKEN": "token-of-the-environment",
            "AWS_PROFILE": "a-profile-that-nobody-has",
            "AWS_REGION": "eu-north-1",
            "AWS_DEFAULT_REGION": "eu-north-1",
            "AWS_ENDPOINT_URL": peer.url(),
            "AWS_ENDPOINT_URL_S3": peer.url(),
            "AWS_USE_FIPS_ENDPOINT": "true",
            "AWS_USE_DUALSTACK_ENDPOINT": "true",
            "AWS_MAX_ATTEMPTS": "9",
            "AWS_RETRY_MODE": "adaptive",
            "AWS_CA_BUNDLE": "/nowhere",
            "AWS_DATA_PATH": str(tmp_path),
            "AWS_CONFIG_FILE": str(folder / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": peer.url(),
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": peer.url("/credentials"),
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_supported",
            "HTTP_PROXY": peer.url(),
            "HTTPS_PROXY": peer.url(),
            "http_proxy": peer.url(),
            "https_proxy": peer.url(),
        }.items():
            monkeypatch.setenv(name, value)
        yield peer


def test_settings_of_the_machine_are_not_used(aws: LocalAws, machine: HttpPeer) -> None:
    name = aws.make_bucket()
    bucket = Bucket(
        s3_client(SECRETS, region="eu-west-1", connections=2), DeployerConfig.from_dict({"bucket": name})
    )
    aws.forget()

    bucket.try_out("probe")
    bucket.close()

    assert machine.requests == []
    assert {request.access_key for request in aws.seen} == {KEYS["access_key_id"]}
    assert all("/eu-west-1/s3/" in request.headers["authorization"] for request in aws.seen)
    assert not any("x-amz-security-token" in request.headers for request in aws.seen)
    assert not any("checksum-crc32" in name for request in aws.seen[:1] for name in request.headers)


def test_without_a_service_of_the_operator_it_is_awss_own(machine: HttpPeer) -> None:
    client, other = s3_client(SECRETS, region="eu-west-1", connections=2), cloudfront_client(SECRETS)

    assert client.meta.endpoint_url == "https://s3.eu-west-1.amazonaws.com"
    assert other.meta.endpoint_url == "https://cloudfront.amazonaws.com"
    settings: Any = client.meta.config
    assert settings.retries == {"mode": "standard", "total_max_attempts": 3}
    assert settings.proxies == {}
    client.close()
    other.close()


def test_without_keys_nothing_is_looked_for(machine: HttpPeer) -> None:
    with pytest.raises(KeyError, match="access_key_id"):
        s3_client(Secrets("s3-static-deployer", {}), region="eu-west-1", connections=2)


def test_a_request_that_would_go_elsewhere_is_not_sent(http_peer: HttpPeer) -> None:
    with use_services(s3="http://127.0.0.1:9"):
        client = s3_client(SECRETS, region="eu-west-1", connections=2)

    def lead_astray(request: object, **_: object) -> None:
        request.url = http_peer.url("/inside")  # type: ignore[attr-defined]  # a request of botocore

    client.meta.events.register_first("before-send.s3", lead_astray)
    with pytest.raises(PluginError, match="not an address of s3, so nothing was sent"):
        Bucket(client, DeployerConfig.from_dict({"bucket": "some-bucket"})).look()
    client.close()

    assert http_peer.requests == []


@pytest.mark.parametrize(
    "name",
    [
        "x--x-s3",
        "some-bucket--use1-az4--x-s3",
        "access-point-s3alias",
        "sthree-configurator",
        "xn--bucket",
        "10.0.0.1",
        "object-lambda--ol-s3",
    ],
)
def test_names_that_are_no_plain_buckets_are_refused(name: str) -> None:
    with pytest.raises(PluginConfigError):
        DeployerConfig.from_dict({"bucket": name})


def test_without_boto3_it_needs_an_installation_and_harms_nothing(tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    names = ("boto3", "botocore", "s3transfer")
    (hidden / "sitecustomize.py").write_text(f"import sys\nsys.modules.update(dict.fromkeys({names!r}))\n")
    environment = {**os.environ, "PYTHONPATH": str(hidden), "TENANTRY_VAR_DIR": str(tmp_path / "var")}

    done = subprocess.run(
        [sys.executable, "manage.py", "plugin", "check"],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
    )

    assert "s3-static-deployer       needs_install at init" in done.stdout, done.stdout + done.stderr
    assert "pip install 'tenantry[aws]'" in done.stdout
    assert done.stdout.count("needs_install") == 1
    assert "webhooks                 loaded" in done.stdout
