from __future__ import annotations

import pytest

from core.errors import FieldError, TenantryError
from plugin_host.errors import (
    AuthFailed,
    CapabilityNotFoundError,
    HookError,
    HookNotStarted,
    HookTimeout,
    LoadProblem,
    NotReady,
    OutsideHost,
    PluginConfigError,
    PluginError,
    PluginInitializationError,
    PluginLoadError,
)


def test_plugin_error_takes_what_the_guide_gives_it() -> None:
    error = PluginError("Free plan limited to 5000 words")
    assert (str(error), error.code, error.permanent, error.status) == (
        "Free plan limited to 5000 words",
        "plugin_error",
        False,
        422,
    )
    assert isinstance(error, TenantryError)
    assert PluginError("no", code="no_bucket", permanent=True).code == "no_bucket"


def test_messages_name_hook_and_plugin() -> None:
    error = HookError("dvp_content_published", "webhooks", "it broke.")
    assert error.message == "Hook dvp_content_published failed in plugin webhooks: it broke."
    assert (error.hook, error.plugin, error.details) == ("dvp_content_published", "webhooks", "it broke.")
    failed = PluginInitializationError("s3", "boto3 is missing.")
    assert failed.message == "Plugin s3 failed to initialize: boto3 is missing."


@pytest.mark.parametrize(
    ("error", "permanent"),
    [
        (HookTimeout("h", "p", "late"), False),
        (HookNotStarted("h", "p", "busy"), False),
        (PluginInitializationError("p", "x"), True),
        (PluginConfigError("x"), True),
        (CapabilityNotFoundError("translate"), False),
        (OutsideHost("x"), False),
        (NotReady(retry_after=3), False),
        (AuthFailed(), True),
        (PluginLoadError("p", [LoadProblem(stage="s", message="m")]), True),
    ],
)
def test_family_says_whether_trying_again_helps(error: PluginError, permanent: bool) -> None:
    assert isinstance(error, PluginError)
    assert error.permanent is permanent
    assert error.code != PluginError.default_code


def test_not_ready_says_how_long_to_wait() -> None:
    assert NotReady(retry_after=2.5).retry_after == 2.5
    assert NotReady("maintenance").retry_after is None
    with pytest.raises(ValueError, match="seconds from now"):
        NotReady(retry_after=-1)


def test_config_error_carries_fields() -> None:
    fault = FieldError(pointer="/url", message="This field is required.", code="required")
    assert PluginConfigError("Config is incomplete.", errors=[fault]).errors == (fault,)


def test_load_error_tells_every_problem() -> None:
    problems = [LoadProblem(stage="metadata", message="One."), LoadProblem(stage="hooks", message="Two.")]
    error = PluginLoadError("p", problems)
    assert error.message == "Plugin p cannot be loaded: One. Two."
    assert error.problems == tuple(problems)
