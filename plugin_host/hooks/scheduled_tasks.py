"""Tasks that run on a schedule."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from plugin_host.identifiers import is_item_id, is_text, is_whole_number

MAX_CRON_LENGTH = 200
MAX_INTERVAL_SECONDS = 366 * 86_400
MAX_TIMEOUT_SECONDS = 86_400
MAX_RETRIES = 100
CATCH_UP: Final = ("once", "all", "none")


@dataclass(frozen=True, slots=True)
class TaskSchedule:
    """When a task runs: by cron expression or every so many seconds, exactly one of the two.

    Args:
        cron_expression: Five fields, as in crontab: `0 6 * * *` is daily at six.
        interval_seconds: Whole seconds between two runs, a year at most. The clock looks every few seconds, so a
            shorter interval than that comes to one run each time it looks.
        timezone: IANA name for the cron expression, such as `Europe/Vienna`; the tenant's where not given.

    Raises:
        ValueError: where both, none or a malformed one is given.
    """

    cron_expression: str | None = None
    interval_seconds: int | None = None
    timezone: str | None = None

    def __post_init__(self) -> None:
        if (self.cron_expression is None) == (self.interval_seconds is None):
            raise ValueError(
                "Give either cron_expression='0 6 * * *' or interval_seconds=300, exactly one of the two."
            )
        if self.cron_expression is not None:
            _check_cron(self.cron_expression)
        if self.interval_seconds is not None and not is_whole_number(self.interval_seconds, at_least=1):
            raise ValueError(
                f"interval_seconds must be a whole number of at least 1, not {self.interval_seconds!r}."
            )
        if self.interval_seconds is not None and self.interval_seconds > MAX_INTERVAL_SECONDS:
            raise ValueError(
                f"interval_seconds must be {MAX_INTERVAL_SECONDS} (a year) at most, not {self.interval_seconds}."
            )
        if self.timezone is not None:
            _check_timezone(self.timezone)


def _check_cron(expression: object) -> None:
    if not isinstance(expression, str) or len(expression.split()) != 5:
        raise ValueError(
            f"A cron expression has five fields (minute, hour, day, month, weekday), not {expression!r}."
        )
    if len(expression) > MAX_CRON_LENGTH:
        raise ValueError(
            f"A cron expression has {MAX_CRON_LENGTH} characters at most, not {len(expression)}."
        )
    try:
        next(CronSim(expression, datetime(2000, 1, 1)))  # noqa: DTZ001 - only whether there is a next is looked at
    except StopIteration:
        raise ValueError(f"The cron expression {expression!r} never comes due.") from None
    except CronSimError as error:
        raise ValueError(
            f"The cron expression {expression!r} is not valid, or names a day that no month has: {error}."
        ) from error


def _check_timezone(name: object) -> None:
    try:
        if not isinstance(name, str):
            raise TypeError(name)
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError) as error:
        raise ValueError(
            f"{name!r} is no known time zone: use an IANA name such as 'Europe/Vienna' or 'UTC'."
        ) from error


@dataclass(frozen=True, slots=True)
class ScheduledTaskDefinition:
    """A task that a plugin wants to have run.

    Args:
        task_id: The plugin's id, a dot and a name: `my-plugin.daily-sync`.
        name: What people read.
        schedule: When it runs.
        description: What it does, for the admin.
        max_retries: How many more times it is tried after a failure; a `TaskRetryDecision` cannot exceed it.
        timeout_seconds: After how long a run counts as failed; a day at most.
        enabled: Whether it runs by itself; a person can run it by hand either way.
        catch_up: What becomes of slots that nobody saw, because the clock stood or the plugin was paused: one run for
            all of them (`once`), a run for each, one after another (`all`), or none once ten minutes have gone by
            (`none`).
    """

    task_id: str
    name: str
    schedule: TaskSchedule
    description: str = ""
    max_retries: int = 3
    timeout_seconds: int = 300
    enabled: bool = True
    catch_up: Literal["once", "all", "none"] = "once"

    def __post_init__(self) -> None:
        if self.catch_up not in CATCH_UP:
            raise ValueError(
                f"catch_up of task {self.task_id} must be one of {', '.join(CATCH_UP)}, not {self.catch_up!r}."
            )
        if not is_item_id(self.task_id):
            raise ValueError(
                f"task_id must be the plugin's id, a dot and a name, such as 'my-plugin.sync', not {self.task_id!r}."
            )
        if not is_text(self.name):
            raise ValueError(f"Task {self.task_id} needs a name that people can read, not {self.name!r}.")
        if not isinstance(self.description, str):
            raise TypeError(f"description of task {self.task_id} must be a text, not {self.description!r}.")
        if not isinstance(self.enabled, bool):
            raise TypeError(f"enabled of task {self.task_id} must be True or False, not {self.enabled!r}.")
        if not isinstance(self.schedule, TaskSchedule):
            raise TypeError(f"schedule of task {self.task_id} must be a TaskSchedule, not {self.schedule!r}.")
        for field_name, value, least, most in (
            ("max_retries", self.max_retries, 0, MAX_RETRIES),
            ("timeout_seconds", self.timeout_seconds, 1, MAX_TIMEOUT_SECONDS),
        ):
            if not is_whole_number(value, at_least=least) or value > most:
                raise ValueError(
                    f"{field_name} of task {self.task_id} must be a whole number between {least} and {most}, "
                    f"not {value!r}."
                )


@dataclass(frozen=True, slots=True)
class TaskExecutionContext:
    """One attempt to run a task.

    Args:
        task_id: Id of the task.
        execution_id: New for each attempt.
        scheduled_time: When it was due; the same for all attempts.
        actual_time: When this attempt started.
        attempt: From 1.
        tenant_id: The tenant it runs for.
        correlation_id: Ties together everything that the run sets off.
    """

    task_id: str
    execution_id: UUID
    scheduled_time: datetime
    actual_time: datetime
    attempt: int
    tenant_id: UUID | None = None
    correlation_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class TaskResult:
    """How a run of a task ended.

    Args:
        success: False asks for another attempt, as an exception and a time-out do.
        data: Figures to keep with the run; JSON values.
        error_message: What went wrong, for people.

    Raises:
        TypeError: where `data` is not JSON.
    """

    success: bool
    data: dict[str, Any] = field(default_factory=dict)
    error_message: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.success, bool):
            raise TypeError(f"success must be True or False, not {self.success!r}.")
        if not isinstance(self.data, dict):
            raise TypeError(f"data of a task result must be a dictionary, not {self.data!r}.")
        try:
            json.dumps(self.data, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise TypeError(f"data of a task result must be JSON: {error}.") from error


@dataclass(frozen=True, slots=True)
class TaskRetryDecision:
    """What to do about a failed run, instead of the usual backoff.

    Args:
        retry: Whether to try again.
        delay_seconds: How long to wait; None leaves it to the host.
        reason: Why, for the record of runs.
    """

    retry: bool
    delay_seconds: float | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.retry, bool):
            raise TypeError(f"retry must be True or False, not {self.retry!r}.")
        delay: object = self.delay_seconds
        if delay is None:
            return
        if isinstance(delay, bool) or not isinstance(delay, int | float) or not math.isfinite(delay):
            raise TypeError(f"delay_seconds must be a number of seconds, not {delay!r}.")
        if delay < 0:
            raise ValueError(f"delay_seconds must be 0 or more, not {delay}.")
