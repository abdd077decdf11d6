"""How the plugin is tried by `pytest --plugin-contract s3-static-deployer`."""

from __future__ import annotations

import re
from hashlib import md5
from typing import Final

from plugin_host.testing.contract import Example, HttpPeer, PeerAnswer
from plugin_host.testing.peer import PeerRequest

BUCKET: Final = "contract-bucket"
_XML: Final = {"content-type": "application/xml"}
_LIST: Final = (
    '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>{}</Name>'
    "<IsTruncated>false</IsTruncated>{}</ListBucketResult>"
)
_DELETED: Final = '<DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{}</DeleteResult>'
_INVALIDATION: Final = (
    '<Invalidation xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/"><Id>I2J0I21PCUYOIK</Id>'
    "<Status>InProgress</Status></Invalidation>"
)


def example(peer: HttpPeer) -> Example:
    """Say where S3 and CloudFront are: a peer that keeps the names of objects, and takes every invalidation."""
    peer.answer_by(_Aws().answer)
    return Example(
        config={"bucket": BUCKET, "region": "eu-central-1", "distribution_id": "EDFDVBD6EXAMPLE"},
        secrets={
            "access_key_id": "AKIDCONTRACT00000001",
            "secret_access_key": "c0ntract/Secret+Of+Forty+Characters/0001",
        },
        services={"s3": peer.url("/s3"), "cloudfront": peer.url("/cloudfront")},
    )


class _Aws:
    def __init__(self) -> None:
        self._etags: dict[str, str] = {}

    def answer(self, request: PeerRequest) -> PeerAnswer:
        if request.path.startswith("/cloudfront/"):
            return PeerAnswer(status=201, headers=_XML, body=_INVALIDATION.encode())
        path, _, query = request.path.partition("?")
        key = path.removeprefix(f"/s3/{BUCKET}/")
        match request.method:
            case "PUT":
                self._etags[key] = f'"{md5(request.body, usedforsecurity=False).hexdigest()}"'
                return PeerAnswer(headers={"etag": self._etags[key]})
            case "HEAD" if key in self._etags:
                return PeerAnswer(headers={"etag": self._etags[key], "x-amz-meta-tenantry-sha256": "0"})
            case "HEAD":
                return PeerAnswer(status=404)
            case "POST" if query == "delete":
                keys = re.findall("<Key>(.*?)</Key>", request.body.decode())
                for gone in keys:
                    self._etags.pop(gone, None)
                deleted = "".join(f"<Deleted><Key>{gone}</Key></Deleted>" for gone in keys)
                return PeerAnswer(headers=_XML, body=_DELETED.format(deleted).encode())
        found = "".join(
            f"<Contents><Key>{name}</Key><ETag>{etag}</ETag></Contents>" for name, etag in self._etags.items()
        )
        return PeerAnswer(headers=_XML, body=_LIST.format(BUCKET, found).encode())
