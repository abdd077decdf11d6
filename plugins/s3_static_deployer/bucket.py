"""What is done in a bucket: store a file or a redirect, take objects away, look.

Source: the S3 API reference, docs.aws.amazon.com/AmazonS3/latest/API: PutObject, DeleteObjects, ListObjectsV2,
HeadObject.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from .answers import as_trouble, is_missing, not_understood
from .config import DeployerConfig

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MULTIPART_BYTES: Final = 8 * 1024 * 1024
# The mark of what this plugin has stored: `x-amz-meta-tenantry-sha256`.
MARK: Final = "tenantry-sha256"
_DELETED_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """What is to stand under a key.

    Args:
        redirect_to: Where a redirect leads; empty for files.
    """

    key: str
    body: bytes
    content_type: str
    cache_control: str
    redirect_to: str = ""

    @property
    def sha256(self) -> str:
        """The checksum of the body, in hexadecimal digits."""
        return sha256(self.body).hexdigest()


def redirect_file(key: str, location: str, *, cache_control: str) -> StoredFile:
    """Return a redirect: S3's website hosting reads the header, everything else shows the page, which leads on."""
    target = html.escape(location)
    body = (
        f'<!doctype html><html><head><meta charset="utf-8"><title>Moved</title><link rel="canonical" href="{target}">'
        f'<meta http-equiv="refresh" content="0; url={target}"></head><body><a href="{target}">Moved</a></body></html>'
    )
    return StoredFile(
        key=key,
        body=body.encode(),
        content_type="text/html; charset=utf-8",
        cache_control=cache_control,
        redirect_to=location,
    )


class Bucket:
    """A tenant's bucket; its methods may be called by several threads at once."""

    def __init__(self, client: S3Client, config: DeployerConfig) -> None:
        self._client = client
        self._config = config
        self._transfer = TransferConfig(
            multipart_threshold=MULTIPART_BYTES, multipart_chunksize=MULTIPART_BYTES, max_concurrency=4
        )

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def store(self, file: StoredFile, checksum: str) -> str:
        """Store a file, whatever stands there, and return its ETag.

        Args:
            checksum: The file's SHA-256, in hexadecimal digits.

        Raises:
            PluginError: as `answers.as_trouble` says.
        """
        doing = f"storing {file.key}"
        with as_trouble("S3", doing):
            if len(file.body) >= MULTIPART_BYTES:
                # Sent in parts, each tried again by itself.
                self._client.upload_fileobj(
                    io.BytesIO(file.body),
                    self._config.bucket,
                    file.key,
                    ExtraArgs=self._headers(file, checksum),
                    Config=self._transfer,
                )
                answer: Any = self._client.head_object(Bucket=self._config.bucket, Key=file.key)
            else:
                answer = self._client.put_object(
                    Bucket=self._config.bucket,
                    Key=file.key,
                    Body=file.body,
                    ChecksumSHA256=base64.b64encode(bytes.fromhex(checksum)).decode(),
                    **self._headers(file, checksum),
                )
        etag = answer.get("ETag")
        if not etag:
            raise not_understood("S3", doing, "there is no ETag in it")
        return str(etag)

    def etag_of_own(self, key: str) -> str | None:
        """Return the ETag of an object that this plugin has stored; None where there is none, or somebody else's."""
        with as_trouble("S3", f"looking at {key}"):
            try:
                answer = self._client.head_object(Bucket=self._config.bucket, Key=key)
            except ClientError as error:
                if is_missing(error):
                    return None
                raise
        return str(answer.get("ETag", "")) if MARK in answer.get("Metadata", {}) else None

    def etags(self) -> Iterator[tuple[str, str]]:
        """Return key and ETag of each object in the tenant's folder, whoever put it there."""
        doing = "listing the bucket"
        more: dict[str, Any] = {}
        while True:
            with as_trouble("S3", doing):
                answer = self._client.list_objects_v2(
                    Bucket=self._config.bucket, Prefix=self._config.prefix, **more
                )
            if "IsTruncated" not in answer:
                raise not_understood("S3", doing, "it is no list")
            for item in answer.get("Contents", ()):
                yield item["Key"], item["ETag"]
            if not answer["IsTruncated"]:
                return
            more = {"ContinuationToken": answer["NextContinuationToken"]}

    def remove(self, keys: Sequence[str]) -> None:
        """Take objects away; what is not there is as good as taken away.

        Raises:
            PluginError: where one of them could not be taken away.
        """
        for start in range(0, len(keys), _DELETED_AT_ONCE):
            part = keys[start : start + _DELETED_AT_ONCE]
            doing = f"deleting {part[0]}" if len(part) == 1 else f"deleting {len(part)} objects"
            with as_trouble("S3", doing):
                answer = self._client.delete_objects(
                    Bucket=self._config.bucket,
                    Delete={"Objects": [{"Key": key} for key in part], "Quiet": False},
                )
                for problem in answer.get("Errors", ()):
                    raise _refused_deletion(problem)
            if {entry.get("Key") for entry in answer.get("Deleted", ())} != set(part):
                raise not_understood("S3", doing, "it does not say what was deleted")

    def look(self) -> None:
        """See whether the bucket is there and the keys are good.

        Raises:
            PluginError: as `answers.as_trouble` says.
        """
        with as_trouble("S3", f"looking at the bucket {self._config.bucket}"):
            # Not HeadBucket: its answers have no body, so nobody learns why it was refused.
            answer = self._client.list_objects_v2(
                Bucket=self._config.bucket, Prefix=self._config.prefix, MaxKeys=1
            )
        if "IsTruncated" not in answer:
            raise not_understood("S3", "looking at the bucket", "it is no list")

    def try_out(self, key: str) -> None:
        """Store an object as files are stored, and take it away again.

        Raises:
            PluginError: where either is not allowed or does not work.
        """
        file = StoredFile(
            key=self._config.prefix + key,
            body=b"Written by Tenantry to see whether it may; it can be deleted.",
            content_type="text/plain; charset=utf-8",
            cache_control="no-store",
        )
        self.store(file, file.sha256)
        self.remove([file.key])

    def _headers(self, file: StoredFile, checksum: str) -> dict[str, Any]:
        config = self._config
        headers: dict[str, Any] = {
            "ContentType": file.content_type,
            "CacheControl": file.cache_control,
            "Metadata": {MARK: checksum},
        }
        if file.redirect_to:
            headers["WebsiteRedirectLocation"] = file.redirect_to
        if config.acl:
            headers["ACL"] = config.acl
        if config.storage_class != "STANDARD":
            headers["StorageClass"] = config.storage_class
        if config.encryption:
            headers["ServerSideEncryption"] = config.encryption
        return headers


def _refused_deletion(problem: Mapping[str, Any]) -> ClientError:
    """Return what stands in an answer about one of several objects as an error of its own."""
    status = 403 if problem.get("Code") == "AccessDenied" else 500
    response: Any = {"Error": dict(problem), "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "DeleteObjects")
