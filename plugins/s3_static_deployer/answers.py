"""What an answer of S3 or CloudFront means: wait, try again, renew the keys, or change the configuration.

Sources: "Error responses", docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html; "Common errors" and
"CreateInvalidation", docs.aws.amazon.com/cloudfront/latest/APIReference. What the service writes in its own words is
not repeated, but for the name of a missing permission: it may have parts of the request in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    ParamValidationError,
)
from botocore.exceptions import (
    ConnectionError as BotoConnectionError,
)

from plugin_host.errors import AuthFailed, NotReady, PluginConfigError, PluginError

MAX_RETRY_AFTER_SECONDS: Final = 86_400.0
_UNKNOWN_KEY: Final = (
    "The access key id is not known there: it was deleted or belongs to another service. Write a new one."
)
_ADVICE_ON_KEYS: Final[Mapping[str, str]] = {
    "InvalidAccessKeyId": _UNKNOWN_KEY,
    "InvalidClientTokenId": _UNKNOWN_KEY,
    "UnrecognizedClientException": _UNKNOWN_KEY,
    "SignatureDoesNotMatch": "The secret access key does not belong to the access key id. Write both again.",
    "ExpiredToken": "The session token has expired. Write new keys, or keys of an IAM user, which do not expire.",
    "InvalidToken": "The session token is wrong. Write it again, or take it away where the keys need none.",
    "AccountProblem": "There is a problem with the AWS account: see its billing page.",
    "AllAccessDisabled": "AWS has closed the bucket or the account: ask its support.",
    "NotSignedUp": "The account is not signed up for this service.",
}
_ADVICE_ON_CONFIG: Final[Mapping[str, str]] = {
    "NoSuchBucket": "There is no bucket of that name. Make it, or correct the name in the configuration.",
    "InvalidBucketName": "The bucket's name is not valid. Correct it in the configuration.",
    "NoSuchDistribution": "The account has no CloudFront distribution of that id. Correct it, or leave it empty.",
    "AccessControlListNotSupported": "The bucket has ACLs switched off. Leave the ACL empty in the configuration.",
    "PermanentRedirect": "The bucket is in another region. Correct the region in the configuration.",
    "AuthorizationHeaderMalformed": "The bucket is in another region. Correct the region in the configuration.",
    "IllegalLocationConstraintException": "The bucket is in another region. Correct the region.",
    "InvalidStorageClass": "The service does not know the storage class. Choose another one.",
    "KMS.DisabledException": "The bucket's KMS key is switched off.",
    "KMS.NotFoundException": "The bucket's KMS key is not there.",
}
_WAITING: Final = frozenset(
    {
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "TooManyRequests",
        "TooManyRequestsException",
        "ServiceUnavailable",
        "OperationAborted",
        "ConditionalRequestConflict",
        "PriorRequestNotComplete",
        "TooManyInvalidationsInProgress",
    }
)
# 400s that are nobody's fault: part of the request was lost on its way.
_PASSING: Final = frozenset(
    {
        "RequestTimeout",
        "IncompleteBody",
        "BadDigest",
        "InvalidDigest",
        "XAmzContentSHA256Mismatch",
        "InternalError",
    }
)
_ACTION: Final = re.compile(r"not authorized to perform: ([A-Za-z0-9*]+:[A-Za-z0-9*]+)")


@contextmanager
def as_trouble(service: str, doing: str) -> Iterator[None]:
    """Turn what the client raises inside the block into the kind of trouble that it is.

    Args:
        service: `S3`, `CloudFront`.
        doing: What was tried, without anything secret: `storing posts/tea/index.html`.

    Raises:
        AuthFailed: The keys are wrong or may not do it. Not tried again.
        NotReady: The service asks to wait.
        PluginConfigError: Bucket, region or distribution are not what they should be.
        PluginError: Everything else; tried again, but where the request itself is wrong.
    """
    try:
        yield
    except ClientError as error:
        raise _of_answer(service, doing, error) from None
    except ParamValidationError:
        raise PluginError(
            f"{service} was not asked: {doing} is not a request that it knows.", permanent=True
        ) from None
    except (BotoConnectionError, HTTPClientError) as error:
        raise PluginError(
            f"{service} could not be reached while {doing} ({type(error).__name__}).",
            code="service_unreachable",
        ) from None
    except BotoCoreError as error:
        raise not_understood(service, doing, type(error).__name__) from None


def not_understood(service: str, doing: str, what: str) -> PluginError:
    """Return the trouble with an answer that makes no sense, which a proxy may have given; tried again."""
    return PluginError(
        f"{service} gave an answer that makes no sense while {doing} ({what}).", code="service_failed"
    )


def is_missing(error: ClientError) -> bool:
    """Say whether there is no such object; a missing bucket is something else."""
    return _code(error) in ("NoSuchKey", "404", "NotFound")


def _of_answer(service: str, doing: str, error: ClientError) -> PluginError:
    code, status = _code(error), _status(error)
    said = f"{service} answered {status} {code} while {doing}"
    if advice := _ADVICE_ON_KEYS.get(code):
        return AuthFailed(f"{said}. {advice}")
    if code == "RequestTimeTooSkewed":
        return NotReady(f"{said}. The clock of this server is wrong.", retry_after=600)
    if advice := _ADVICE_ON_CONFIG.get(code):
        return PluginConfigError(f"{said}. {advice}", code="service_refused")
    if code in _WAITING or status in (409, 429, 503):
        return NotReady(f"{said}: it asks to wait.", retry_after=_retry_after(error))
    if status in (401, 403):
        missing = _ACTION.search(str(error.response.get("Error", {}).get("Message", "")))
        what = f"The keys lack the permission {missing[1]}" if missing else "The keys may not do that"
        return AuthFailed(f"{said}. {what}: give it to their IAM user, or see the bucket's policy.")
    if code in _PASSING or status >= 500 or status == 408 or status < 300:
        return PluginError(f"{said}.", code="service_failed")
    if 300 <= status < 400:
        return PluginConfigError(f"{said}. {_ADVICE_ON_CONFIG['PermanentRedirect']}", code="service_refused")
    if status == 404 and doing.startswith("looking at the bucket"):
        return PluginConfigError(f"{said}. {_ADVICE_ON_CONFIG['NoSuchBucket']}", code="service_refused")
    return PluginError(f"{said}.", code="service_refused", permanent=True)


def _code(error: ClientError) -> str:
    code = str(error.response.get("Error", {}).get("Code", ""))
    return code if re.fullmatch(r"[A-Za-z0-9.]{1,80}", code) else "without a known code"


def _status(error: ClientError) -> int:
    return int(_metadata(error).get("HTTPStatusCode", 0))


def _retry_after(error: ClientError) -> float | None:
    value = str(_metadata(error).get("HTTPHeaders", {}).get("retry-after", ""))
    return min(float(value), MAX_RETRY_AFTER_SECONDS) if value.isdecimal() else None


def _metadata(error: ClientError) -> Mapping[str, Any]:
    return error.response.get("ResponseMetadata", {})
