"""What a plugin did for one tenant, and what became visible meanwhile."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from unittest.mock import patch

from core.actors import system_actor
from core.scope import tenant_scope
from plugin_host.dispatch.hook_runner import hook_runner
from plugin_host.loading.plugin import LoadedPlugin
from plugin_host.runner import BlockReport, HookRun
from plugin_host.testing.contract.example import Example
from plugin_host.testing.peer import HttpPeer
from tenants.models import Tenant

_ACTOR: Final = system_actor("tests")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Something that became visible: an answer, a log line, an exception, a row.

    Args:
        place: Where: `GET /api/v1/plugins/x/tasks`, `exception of dvp_content_published`.
    """

    place: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Something that the plugin was asked and did not do.

    Args:
        entry: The hook, route or page.
    """

    entry: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """One delivery that was made twice, and how much there was of what the plugin keeps after each time.

    Args:
        outcomes: How each time ended.
    """

    hook: str
    event_type: str
    outcomes: tuple[str, str]
    once: Mapping[str, int]
    twice: Mapping[str, int]


@dataclass(slots=True, kw_only=True, eq=False)
class Account:
    """The account of one plugin at one tenant.

    Args:
        peer: Plays every service that the plugin calls.
        mark: Stands in the tenant's content, and in nothing of anybody else.
        secrets: The plugin's secrets for the tenant.
        content: The content dictionary of what was published last.
        asked: What was asked of the plugin, by entry point, in order.
    """

    plugin: LoadedPlugin
    example: Example
    peer: HttpPeer
    tenant: Tenant
    mark: str
    config: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    content: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    runs: list[HookRun] = field(default_factory=list)
    blocks: list[BlockReport] = field(default_factory=list)
    repeats: list[Repeat] = field(default_factory=list)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Work in the tenant, as the system."""
        with tenant_scope(self.tenant.pk, slug=self.tenant.slug, actor=_ACTOR):
            yield

    def see(self, place: str, text: str) -> None:
        """Note something that became visible."""
        if text:
            self.evidence.append(Evidence(place=place, text=text))

    def fail(self, entry: str, message: str) -> None:
        """Note something that the plugin did not do."""
        self.failures.append(Failure(entry=entry, message=message))

    @contextmanager
    def observed(self) -> Iterator[None]:
        """Note what hooks do, what is logged and what is printed inside the block, with nothing masked."""
        printed, handler, root = io.StringIO(), _LogKeeper(self), logging.getLogger()
        own = [logging.getLogger(name) for name in (self.plugin.module, f"plugins.{self.plugin.id}") if name]
        levels = [logger.level for logger in own]
        root.addHandler(handler)
        for logger in own:
            logger.setLevel(logging.DEBUG)
        try:
            with (
                # The host masks secrets in lines and errors. Here it must not: what a plugin lets out is looked for.
                patch("core.logging._LogBlock.__init__", _without_masks),
                hook_runner.watched(sink=self._note_run, on_blocked=self.blocks.append),
                contextlib.redirect_stdout(printed),
                contextlib.redirect_stderr(printed),
            ):
                yield
        finally:
            root.removeHandler(handler)
            for logger, level in zip(own, levels, strict=True):
                logger.setLevel(level)
            self.see("standard output", printed.getvalue())

    def _note_run(self, run: HookRun) -> None:
        if run.plugin_id == self.plugin.id:
            self.runs.append(run)
            self.asked.append(run.hook)
            self.see(f"exception of {run.hook}", f"{run.error}\n{run.traceback}".strip())


def _without_masks(block: Any, redact: Sequence[str], fields: Mapping[str, object]) -> None:
    block._redact, block._fields = (), fields


class _LogKeeper(logging.Handler):
    def __init__(self, account: Account) -> None:
        super().__init__()
        self._account = account
        self.setFormatter(logging.Formatter("%(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        extra = {key: value for key, value in vars(record).items() if key.startswith("tenantry_extra")}
        self._account.see("log", f"{self.format(record)} {extra or ''}")
