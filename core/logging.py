"""Log lines that say for whom they were written.

`get_logger(__name__)` is compatible with the standard library's loggers. Its lines carry tenant, plugin, hook,
correlation id and delivery under one key of our own, `tenantry`, read from the ContextVars at the time of the call. The
caller's `extra` stays beside it, whatever its keys are: names that the standard library refuses are kept too. Secrets
of the running plugin are replaced by `***` before any handler sees the line.

Lines of other loggers (libraries, `logging.getLogger`) get the same at the handler, through `ContextFilter`;
`logging_config` installs it.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple
from urllib.parse import quote, quote_plus, urlsplit

from core.scope import current_scope

KEY = "tenantry"
MASK = "***"
_EXTRA = "tenantry_extra"
_SEEN = "tenantry_seen"
# A shorter value would blank out half of every line, and guards nothing.
SHORTEST_REDACTED = 4
# A shorter path stands in many addresses: /hook.
SHORTEST_SECRET_PATH = 16

_RESERVED = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class Spellings(tuple[str, ...]):
    """Values that must not be written as they look in text, in URLs, in JSON and in `repr`, the longest first."""

    __slots__ = ()


class _Bound(NamedTuple):
    """What lines are marked with; looked through when a line is written, because most blocks write none."""

    outer: _Bound | None
    fields: Mapping[str, object]
    redact: Spellings

    def marks(self) -> dict[str, str]:
        """Return what a line is marked with here."""
        marks = self.outer.marks() if self.outer is not None else {}
        marks.update(
            (name, str(value)) for name, value in self.fields.items() if value is not None and value != ""
        )
        return marks


_NOTHING_BOUND = _Bound(None, {}, Spellings())
_bound: ContextVar[_Bound] = ContextVar("tenantry_log_context", default=_NOTHING_BOUND)


def bind_log_context(*, redact: Sequence[str] = (), **fields: object) -> AbstractContextManager[None]:
    """Mark every line written inside the block, in coroutines and copied contexts too.

    Args:
        redact: Values that must not be written; they add to those of the surrounding blocks. Who binds the same values
            often prepares them with `spellings_of`.
        fields: What to mark lines with, as its text when a line is written; empty and None values leave the
            surrounding block's in force.
    """
    return _LogBlock(redact, fields)


class _LogBlock(AbstractContextManager[None]):
    """A class, because every hook is run inside one, and a generator takes four times as long."""

    __slots__ = ("_fields", "_redact", "_token")

    def __init__(self, redact: Sequence[str], fields: Mapping[str, object]) -> None:
        self._redact = redact
        self._fields = fields

    def __enter__(self) -> None:
        outer = _bound.get()
        redact = outer.redact
        if self._redact:
            own = self._redact if isinstance(self._redact, Spellings) else spellings_of(self._redact)
            redact = _joined(own, redact) if redact else own
        self._token = _bound.set(_Bound(outer, self._fields, redact))

    def __exit__(self, *exception: object) -> None:
        _bound.reset(self._token)


def log_context() -> dict[str, str]:
    """Return what lines are marked with here: the bound fields, over the tenant and correlation id in scope."""
    context: dict[str, str] = {}
    if (scope := current_scope()) is not None:
        if scope.tenant_id is not None:
            context["tenant"] = scope.tenant_slug or str(scope.tenant_id)
        context["correlation_id"] = str(scope.correlation_id)
    context.update(_bound.get().marks())
    return context


def redact(text: str) -> str:
    """Return `text` with the secrets of the running plugin replaced by `***`."""
    for secret in _bound.get().redact:
        if secret in text:
            text = text.replace(secret, MASK)
    return text


class ContextLogger(logging.LoggerAdapter[logging.Logger]):
    """A standard logger whose lines are marked with the context; made by `get_logger`."""

    def __init__(self, logger: logging.Logger) -> None:
        super().__init__(logger, {})

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Put the context and the caller's extra keys into the record."""
        given = kwargs.get("extra")
        extra: dict[str, Any] = {KEY: log_context()}
        if given:
            # The caller's keys are attributes of the record, as everywhere, but for those that would overwrite one.
            extra.update(
                (key, value) for key, value in given.items() if key not in _RESERVED and key not in extra
            )
            extra[_EXTRA] = dict(given)
        kwargs["extra"] = extra
        return msg, kwargs


class ContextFilter(logging.Filter):
    """Marks and redacts every record that passes; never drops one."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Mark the record with the context where it is not marked, and mask secrets in it."""
        if not hasattr(record, KEY):
            setattr(record, KEY, log_context())
        if _bound.get().redact:
            _redact_record(record)
        collector = _collector.get()
        if collector is not None and not hasattr(record, _SEEN):
            setattr(record, _SEEN, True)
            collector.add(record)
        return True


_filter = ContextFilter()


def get_logger(name: str) -> ContextLogger:
    """Return the logger `name`, compatible with `logging.getLogger(name)`."""
    logger = logging.getLogger(name)
    # On the logger, and not only on handlers, so that handlers of others (pytest, Sentry) get redacted lines too.
    logger.addFilter(_filter)
    return ContextLogger(logger)


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line that was written while something ran."""

    at: datetime
    level: str
    logger: str
    message: str


@dataclass(slots=True)
class CollectedLines:
    """The lines written inside `collect_log_lines`, the first ones up to a limit, and how many were errors."""

    limit: int
    lines: list[LogLine] = field(default_factory=list)
    dropped: int = 0
    errors: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, record: logging.LogRecord) -> None:
        """Take a record in; the caller has redacted it."""
        with self._lock:
            if record.levelno >= logging.ERROR:
                self.errors += 1
            if len(self.lines) >= self.limit:
                self.dropped += 1
                return
            self.lines.append(
                LogLine(
                    at=datetime.fromtimestamp(record.created, UTC),
                    level=record.levelname,
                    logger=record.name,
                    message=_message(record),
                )
            )


_collector: ContextVar[CollectedLines | None] = ContextVar("tenantry_log_lines", default=None)


class _RootCollector(logging.Handler):
    """Feeds lines of loggers that `get_logger` never made to the collector in force."""

    def emit(self, record: logging.LogRecord) -> None:
        _filter.filter(record)


_root_collector = _RootCollector()


def collect_log_lines(
    *, limit: int = 200, into: CollectedLines | None = None
) -> AbstractContextManager[CollectedLines]:
    """Keep the lines that are written inside the block, whatever logger they come from.

    Args:
        into: Where to keep them; a new collection of up to `limit` lines otherwise.
    """
    return _CollectingBlock(into if into is not None else CollectedLines(limit))


class _CollectingBlock(AbstractContextManager[CollectedLines]):
    """A class, because every hook is run inside one, and a generator takes four times as long."""

    __slots__ = ("_lines", "_token")

    def __init__(self, lines: CollectedLines) -> None:
        self._lines = lines

    def __enter__(self) -> CollectedLines:
        root = logging.getLogger()
        if _root_collector not in root.handlers:
            root.addHandler(_root_collector)
        self._token = _collector.set(self._lines)
        return self._lines

    def __exit__(self, *exception: object) -> None:
        _collector.reset(self._token)


class JSONFormatter(logging.Formatter):
    """One JSON object per line: `time`, `level`, `logger`, `message`, `tenantry`, `extra`, `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        if context := getattr(record, KEY, None) or log_context():
            line[KEY] = context
        if extra := _extra_of(record):
            line["extra"] = extra
        if exception := _exception_text(self, record):
            line["exception"] = exception
        return json.dumps(line, default=lambda value: redact(_text(value)), ensure_ascii=False, skipkeys=True)


_COLOURS = {"DEBUG": "2", "INFO": "32", "WARNING": "33", "ERROR": "31", "CRITICAL": "1;31"}


class HumanFormatter(logging.Formatter):
    """`12:00:01.250 INFO    tenantry.web  message  tenant=acme plugin=webhooks`, coloured on a terminal.

    Args:
        colour: None asks the terminal, and `NO_COLOR` (no-color.org) and `FORCE_COLOR`.
    """

    def __init__(self, *, colour: bool | None = None) -> None:
        super().__init__()
        self.colour = _wants_colour() if colour is None else colour

    def format(self, record: logging.LogRecord) -> str:
        """Return the record for a person's eyes."""
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        level = self._painted(f"{record.levelname:<8}", _COLOURS.get(record.levelname, "0"))
        marks = {**(getattr(record, KEY, None) or log_context()), **_extra_of(record)}
        marks.pop("correlation_id", None)  # long, and only of use to machines
        tail = " ".join(f"{key}={_one_line(_text(value))}" for key, value in marks.items())
        parts = [
            self._painted(f"{clock}.{int(record.msecs):03d}", "2"),
            level,
            self._painted(record.name, "36"),
            _one_line(redact(record.getMessage())),
        ]
        if tail:
            parts.append(self._painted(redact(tail), "2"))
        text = " ".join(parts)
        if exception := _exception_text(self, record):
            text = f"{text}\n{exception}"
        return text

    def _painted(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text


def logging_config(
    *, style: Literal["human", "json"] = "human", level: str = "INFO", colour: bool | None = None
) -> dict[str, Any]:
    """Return Django's `LOGGING`: everything to standard error, marked, redacted, in one style."""
    formatter: dict[str, Any] = (
        {"()": "core.logging.JSONFormatter"}
        if style == "json"
        else {"()": "core.logging.HumanFormatter", "colour": colour}
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"context": {"()": "core.logging.ContextFilter"}},
        "formatters": {"line": formatter},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["context"]}
        },
        "root": {"handlers": ["stderr"], "level": level},
        # Django installs a handler of its own on this one; without this every request error comes twice.
        "loggers": {"django": {"handlers": [], "level": level, "propagate": True}},
    }


def spellings_of(values: Iterable[str]) -> Spellings:
    """Return values that must not be written as `bind_log_context` takes them; without those too short to guard.

    Of an address its path counts too: it is asked for at another host where the operator says so, and libraries write
    what they ask for.
    """
    given = list(values)
    found: set[str] = set()
    for value in (*given, *map(_secret_path, given)):
        if len(value) < SHORTEST_REDACTED:
            continue
        found.update(
            (
                value,
                quote(value, safe=""),
                quote_plus(value),
                json.dumps(value)[1:-1],
                json.dumps(value, ensure_ascii=False)[1:-1],
                repr(value)[1:-1],
            )
        )
    return _joined(found)


def _secret_path(value: str) -> str:
    if not value.startswith(("https://", "http://")):
        return ""
    path = urlsplit(value).path
    return path if len(path) >= SHORTEST_SECRET_PATH else ""


def _joined(*groups: Iterable[str]) -> Spellings:
    return Spellings(sorted(set().union(*groups), key=lambda spelling: (-len(spelling), spelling)))


def _redact_record(record: logging.LogRecord) -> None:
    message = _message(record)
    masked = redact(message)
    if masked != message:
        record.msg, record.args = masked, ()
    if record.exc_info and record.exc_info[0] is not None:
        text = record.exc_text or logging.Formatter().formatException(record.exc_info)
        record.exc_text = redact(text)
        if record.exc_text != text:
            record.exc_info = None  # the exception itself still holds the secret
    for key in [*(set(vars(record)) - _RESERVED), "stack_info"]:
        if key not in (KEY, _SEEN):
            setattr(record, key, _redacted(getattr(record, key)))


def _redacted(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {_redacted(key): _redacted(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(part) for part in value]
    text = _text(value)
    masked = redact(text)
    return value if masked == text else masked


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError, IndexError):
        # A wrong format string is the caller's slip; the line must not be lost over it.
        return f"{record.msg} {record.args!r}"


def _extra_of(record: logging.LogRecord) -> dict[str, Any]:
    given: dict[str, Any] = {
        key: value
        for key, value in vars(record).items()
        if key not in _RESERVED and key not in (KEY, _EXTRA, _SEEN)
    }
    given.update(getattr(record, _EXTRA, {}))
    extra = _redacted(given)
    assert isinstance(extra, dict)  # a mapping goes in
    return extra


def _exception_text(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    text = record.exc_text or ""
    if not text and record.exc_info and record.exc_info[0] is not None:
        text = formatter.formatException(record.exc_info)
    if record.stack_info:
        text = f"{text}\n{record.stack_info}" if text else record.stack_info
    return redact(text)


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - a broken __str__ of a caller's object must not cost the line
        return f"<{type(value).__name__} without a text: {type(error).__name__}>"


def _one_line(text: str) -> str:
    # A line break or an escape sequence in a message could fake another line.
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _wants_colour() -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or sys.stderr.isatty()
