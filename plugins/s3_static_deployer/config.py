"""What a tenant sets: the bucket, how files stand in it, what caches may keep, and the keys."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from plugin_host.errors import PluginConfigError

# Names only, never addresses: none of these can lead a request to another host.
# Source: "General purpose bucket naming rules", docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
BUCKET_PATTERN: Final = "^[a-z0-9](?:[a-z0-9]|[.-](?=[a-z0-9])|-(?=-)){1,61}[a-z0-9]$"
_RESERVED_PREFIXES: Final = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_SUFFIXES: Final = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
# Of AWS, and of the services that speak S3: us-east-1, us-gov-west-1, auto, fr-par, us-east-005.
REGION_PATTERN: Final = "^[a-z][a-z0-9]*(?:-[a-z0-9]+){0,4}$"
_PREFIX_PATTERN: Final = "^(?:[A-Za-z0-9!_.*'()-]+(?:/[A-Za-z0-9!_.*'()-]+)*/?)?$"
DEFAULT_CACHE: Final = "public, max-age=60"

CONFIG_SCHEMA: Final[Mapping[str, Any]] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "bucket": {
            "type": "string",
            "title": "Bucket",
            "description": "Its name, as in the S3 console: no address, no ARN.",
            "pattern": BUCKET_PATTERN,
            "minLength": 3,
            "maxLength": 63,
        },
        "region": {
            "type": "string",
            "title": "Region",
            "description": "Where the bucket is: eu-central-1.",
            "pattern": REGION_PATTERN,
            "maxLength": 40,
            "default": "us-east-1",
        },
        "prefix": {
            "type": "string",
            "title": "Folder in the bucket",
            "description": "In which all files stand; empty for the top. Everything outside is left alone.",
            "pattern": _PREFIX_PATTERN,
            "maxLength": 200,
            "default": "",
        },
        "page_style": {
            "type": "string",
            "title": "Name of a page's file",
            "description": (
                "What is made of the page at /posts/tea. folder: posts/tea/index.html, for S3 website hosting. "
                "html: posts/tea.html. exact: posts/tea, for CloudFront without website hosting."
            ),
            "enum": ["folder", "html", "exact"],
            "default": "folder",
        },
        "distribution_id": {
            "type": "string",
            "title": "CloudFront distribution",
            "description": "Told what has changed; empty where there is none.",
            "pattern": "^(?:[A-Z0-9]{10,20})?$",
            "default": "",
        },
        "invalidation_wait_seconds": {
            "type": "integer",
            "title": "Seconds to gather changes",
            "description": "Before CloudFront is told, so that many changes are one invalidation.",
            "minimum": 1,
            "maximum": 3600,
            "default": 15,
        },
        "invalidation_max_paths": {
            "type": "integer",
            "title": "Most addresses of an invalidation",
            "description": "Where more have changed, everything is made invalid by one wildcard.",
            "minimum": 1,
            "maximum": 3000,
            "default": 300,
        },
        "cache_control": {
            "type": "string",
            "title": "Cache-Control",
            "description": "How long browsers and CDNs may keep a file, where no rule below says otherwise.",
            "pattern": "^[A-Za-z0-9 ,=_-]{1,200}$",
            "default": DEFAULT_CACHE,
        },
        "cache_rules": {
            "type": "array",
            "title": "Cache rules",
            "description": "The first one that fits an address counts.",
            "items": {
                "type": "object",
                "properties": {
                    "path": {
                        "type": "string",
                        "title": "Address",
                        "description": "With * for anything: /static/*",
                        "pattern": "^/.{0,199}$",
                    },
                    "cache_control": {
                        "type": "string",
                        "title": "Cache-Control",
                        "pattern": "^[A-Za-z0-9 ,=_-]{1,200}$",
                    },
                },
                "required": ["path", "cache_control"],
                "additionalProperties": False,
            },
            "maxItems": 50,
            "default": [{"path": "/static/*", "cache_control": "public, max-age=86400"}],
        },
        "acl": {
            "type": "string",
            "title": "ACL of each file",
            "description": "Empty for buckets without ACLs, which is how AWS makes new ones.",
            "enum": ["", "private", "public-read", "bucket-owner-full-control"],
            "default": "",
        },
        "storage_class": {
            "type": "string",
            "title": "Storage class",
            "enum": ["STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING"],
            "default": "STANDARD",
        },
        "encryption": {
            "type": "string",
            "title": "Encryption",
            "description": "Empty for the bucket's own setting.",
            "enum": ["", "AES256", "aws:kms"],
            "default": "",
        },
        "parallel_uploads": {
            "type": "integer",
            "title": "Uploads at the same time",
            "minimum": 1,
            "maximum": 32,
            "default": 8,
        },
        "deploy_hour": {
            "type": "integer",
            "title": "Hour of the nightly comparison",
            "description": "Everything is compared with the bucket then, and what differs is put right.",
            "minimum": 0,
            "maximum": 23,
            "default": 3,
        },
    },
    "required": ["bucket"],
    "additionalProperties": False,
}

SECRETS_SCHEMA: Final[Mapping[str, Any]] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "access_key_id": {
            "type": "string",
            "title": "Access key id",
            "description": "Of an IAM user that may do no more than this needs; the README has the policy.",
            "pattern": "^[A-Za-z0-9_-]{3,128}$",
        },
        "secret_access_key": {
            "type": "string",
            "title": "Secret access key",
            "pattern": "^[!-~]{8,256}$",
        },
        "session_token": {
            "type": "string",
            "title": "Session token",
            "description": "Only for keys that expire; leave it out otherwise.",
            "pattern": "^[!-~]{8,4096}$",
        },
    },
    "required": ["access_key_id", "secret_access_key"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheRule:
    """What caches may do with the files whose address fits.

    Args:
        path: A pattern of site paths, `*` for anything.
    """

    path: str
    cache_control: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployerConfig:
    """A tenant's configuration, read.

    Args:
        prefix: With a slash at the end, or empty.
    """

    bucket: str
    region: str
    prefix: str
    page_style: str
    distribution_id: str
    invalidation_wait_seconds: int
    invalidation_max_paths: int
    cache_control: str
    cache_rules: tuple[CacheRule, ...]
    acl: str
    storage_class: str
    encryption: str
    parallel_uploads: int
    deploy_hour: int

    @classmethod
    def from_dict(cls, config: Mapping[str, Any]) -> DeployerConfig:
        """Return the configuration that `get_config` answered.

        Raises:
            PluginConfigError: where the bucket's name is one that S3 reads as something else than a bucket.
        """
        values = {
            name: config.get(name, schema.get("default"))
            for name, schema in CONFIG_SCHEMA["properties"].items()
        }
        _refuse_special_bucket(values["bucket"] or "")
        prefix = values["prefix"].strip("/")
        if any(part in (".", "..") for part in prefix.split("/")):
            raise PluginConfigError("The folder in the bucket must not have parts named . or .. in it.")
        rules = tuple(CacheRule(**rule) for rule in values["cache_rules"])
        return cls(**{**values, "prefix": f"{prefix}/" if prefix else "", "cache_rules": rules})

    @property
    def place(self) -> str:
        """Where the files are; what is known of another place says nothing about this one."""
        return f"{self.bucket}/{self.prefix}"

    def cache_control_of(self, path: str) -> str:
        """Return what caches may do with the file at an address of the site."""
        return next(
            (rule.cache_control for rule in self.cache_rules if fnmatchcase(path, rule.path)),
            self.cache_control,
        )

    def key_of(self, path: str) -> str:
        """Return the name of the object for an address of the site.

        Args:
            path: With a slash in front: `/posts/tea`.
        """
        name = path.strip("/")
        if not name:
            name = "index.html"
        elif "." not in name.rpartition("/")[2]:
            name += {"folder": "/index.html", "html": ".html", "exact": ""}[self.page_style]
        return self.prefix + name

    def visited_paths(self, path: str) -> list[str]:
        """Return the addresses under which a CDN may have kept the file of an address of the site."""
        file = "/" + self.key_of(path).removeprefix(self.prefix)
        slash = [f"{path}/"] if file.endswith("/index.html") and path != "/" else []
        return list(dict.fromkeys([path, *slash, file]))

    def location_of(self, path: str) -> str:
        """Return where a redirect to an address of the site leads."""
        return f"{path}/" if self.key_of(path).endswith("/index.html") and path != "/" else path


def _refuse_special_bucket(name: str) -> None:
    """S3 clients take some names for access points and the like, which are at other addresses."""
    if name.startswith(_RESERVED_PREFIXES) or name.endswith(_RESERVED_SUFFIXES):
        raise PluginConfigError(f"“{name}” is not the name of a general purpose bucket: write that one.")
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return
    raise PluginConfigError(f"“{name}” is an address, not the name of a bucket.")
