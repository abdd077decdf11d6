"""The local AWS, and a tenant whose site is deployed there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from plugin_host.http import use_services
from plugin_host.testing import PluginEnabled, Tenant
from tests.plugins.s3_static_deployer.local_aws import LocalAws, moto_process

KEYS = {
    "access_key_id": "AKIDTENANTONE0000001",
    "secret_access_key": "first+secret/of+forty+characters+000001",
}


@pytest.fixture(scope="session")
def moto_port() -> Iterator[int]:
    """The port of the one moto of this test process."""
    with moto_process() as port:
        yield port


@pytest.fixture
def aws(moto_port: int) -> Iterator[LocalAws]:
    """S3 and CloudFront, to which the plugin is led as an operator would."""
    with LocalAws(moto_port).running() as aws, use_services(s3=aws.url, cloudfront=aws.url):
        yield aws


@pytest.fixture
def bucket(aws: LocalAws, tenant: Tenant, plugin_enabled: PluginEnabled) -> str:
    """The bucket of `tenant`, for whom the plugin is on."""
    name = aws.make_bucket()
    plugin_enabled("s3-static-deployer", tenant, config={"bucket": name}, secrets=KEYS)
    return name
