"""What a tenant may set, and what is made of it."""

from __future__ import annotations

from typing import Any

import pytest

from plugin_host.schemas import validate
from s3_static_deployer.config import CONFIG_SCHEMA, SECRETS_SCHEMA, DeployerConfig


def config(**values: Any) -> DeployerConfig:
    return DeployerConfig.from_dict({"bucket": "my-site", **values})


@pytest.mark.parametrize(
    "values",
    [
        {"bucket": "arn:aws:s3:us-west-2:123456789012:accesspoint/mine"},
        {"bucket": "evil.example.org/x"},
        {"bucket": "evil.example.org:80"},
        {"bucket": "a..b"},
        {"bucket": "UPPER"},
        {"bucket": "-dash"},
        {"bucket": "user@host"},
        {"bucket": "no"},
        {"bucket": "b" * 64},
        {"region": "evil.example.org"},
        {"region": "us-east-1/.."},
        {"region": "us-east-1#"},
        {"region": "us-east-1\n"},
        {"region": "-"},
        {"prefix": "a b"},
        {"prefix": "/a"},
        {"prefix": "a//b"},
        {"distribution_id": "../x"},
        {"cache_control": "public\r\nx-amz-acl: public-read"},
        {"acl": "public-read-write"},
        {"parallel_uploads": 33},
        {"endpoint_url": "http://10.0.0.1/"},
    ],
    ids=lambda values: str(values)[:60],
)
def test_what_could_lead_elsewhere_cannot_be_saved(values: dict[str, Any]) -> None:
    assert validate(CONFIG_SCHEMA, {"bucket": "my-site", **values})


@pytest.mark.parametrize(
    "region", ["us-east-1", "us-gov-west-1", "cn-north-1", "auto", "fr-par", "us-east-005"]
)
def test_regions_of_aws_and_others_are_taken(region: str) -> None:
    assert not validate(CONFIG_SCHEMA, {"bucket": "my.site-2", "region": region})


@pytest.mark.parametrize("token", ["a b", "ключ-ключ", "x\ny-more-of-it"])
def test_keys_that_no_header_can_hold_are_refused(token: str) -> None:
    assert validate(SECRETS_SCHEMA, {"access_key_id": "AKID0", "secret_access_key": token})


@pytest.mark.parametrize(
    ("style", "keys", "visited"),
    [
        (
            "folder",
            ["index.html", "posts/index.html", "posts/tea/index.html", "feed.xml"],
            ["/posts/tea", "/posts/tea/", "/posts/tea/index.html"],
        ),
        (
            "html",
            ["index.html", "posts.html", "posts/tea.html", "feed.xml"],
            ["/posts/tea", "/posts/tea.html"],
        ),
        ("exact", ["index.html", "posts", "posts/tea", "feed.xml"], ["/posts/tea"]),
    ],
)
def test_addresses_become_names_of_objects(style: str, keys: list[str], visited: list[str]) -> None:
    wanted = config(page_style=style)

    assert [wanted.key_of(path) for path in ("/", "/posts", "/posts/tea", "/feed.xml")] == keys
    assert wanted.visited_paths("/posts/tea") == visited
    assert wanted.visited_paths("/") == ["/", "/index.html"]


def test_a_folder_stands_before_all_names() -> None:
    assert {config(prefix=prefix).key_of("/feed.xml") for prefix in ("web/site", "web/site/")} == {
        "web/site/feed.xml"
    }


def test_the_first_rule_that_fits_says_what_caches_may_do() -> None:
    rules = [
        {"path": "/posts/*", "cache_control": "max-age=1"},
        {"path": "/*", "cache_control": "max-age=2"},
    ]

    assert config(cache_rules=rules).cache_control_of("/posts/tea") == "max-age=1"
    assert config(cache_rules=rules).cache_control_of("/feed.xml") == "max-age=2"
    assert config(cache_rules=[]).cache_control_of("/feed.xml") == "public, max-age=60"
