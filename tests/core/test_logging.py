from __future__ import annotations

import contextvars
import json
import logging
import logging.config
import threading
from collections.abc import Iterator
from uuid import UUID

import pytest

from core.logging import (
    MASK,
    ContextFilter,
    HumanFormatter,
    JSONFormatter,
    bind_log_context,
    collect_log_lines,
    get_logger,
    log_context,
    logging_config,
    redact,
)
from core.scope import tenant_scope

TENANT = UUID("0190a0a0-0000-7000-8000-00000000000a")
CORRELATION = UUID("0190a0a0-0000-7000-8000-000000000001")
SECRET = 'pa"ss/wörd&1'


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def kept() -> Iterator[Kept]:
    """Everything that passes the logger `tests.kept`."""
    handler = Kept()
    logger = logging.getLogger("tests.kept")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


log = get_logger("tests.kept")


def json_line(record: logging.LogRecord) -> dict[str, object]:
    line = JSONFormatter().format(record)
    assert "\n" not in line
    parsed: dict[str, object] = json.loads(line)
    return parsed


def test_line_carries_the_bound_context(kept: Kept) -> None:
    with bind_log_context(tenant="acme", plugin="webhooks", hook="dvp_content_published", delivery=TENANT):
        log.info("sent %s", "it")
    line = json_line(kept.records[0])
    assert line["message"] == "sent it"
    assert line["tenantry"] == {
        "tenant": "acme",
        "plugin": "webhooks",
        "hook": "dvp_content_published",
        "delivery": str(TENANT),
    }


def test_line_carries_the_scope(kept: Kept) -> None:
    with tenant_scope(TENANT, slug="acme", correlation_id=CORRELATION):
        log.info("one")
        with bind_log_context(tenant="bound"):
            log.info("two")
    assert [json_line(record)["tenantry"] for record in kept.records] == [
        {"tenant": "acme", "correlation_id": str(CORRELATION)},
        {"tenant": "bound", "correlation_id": str(CORRELATION)},
    ]


def test_blocks_nest_and_end() -> None:
    with bind_log_context(plugin="a", hook="h"):
        with bind_log_context(plugin="b", hook=None, delivery=""):
            assert log_context() == {"plugin": "b", "hook": "h"}
        assert log_context() == {"plugin": "a", "hook": "h"}
    assert log_context() == {}


def test_callers_extra_stays_beside_the_context_whatever_its_keys(kept: Kept) -> None:
    extra = {
        "tenant_id": "t",
        "name": "reserved",
        "message": "reserved too",
        "tenantry": "mine",
        "args": (1,),
    }
    with bind_log_context(tenant="acme"):
        log.info("hello", extra=extra)
    record = kept.records[0]
    assert (record.name, record.getMessage()) == ("tests.kept", "hello")
    assert record.__dict__["tenant_id"] == "t"
    line = json_line(record)
    assert line["tenantry"] == {"tenant": "acme"}
    assert line["extra"] == {**extra, "args": [1]}
    assert extra["args"] == (1,)


def test_logger_is_compatible_with_the_standard_ones(kept: Kept) -> None:
    log.debug("a")
    log.warning("b %(x)s", {"x": 1})
    log.log(logging.ERROR, "c")
    try:
        raise ValueError("boom")
    except ValueError:
        log.exception("d")
    assert [record.getMessage() for record in kept.records] == ["a", "b 1", "c", "d"]
    assert {record.funcName for record in kept.records} == {
        "test_logger_is_compatible_with_the_standard_ones"
    }
    assert log.isEnabledFor(logging.DEBUG)
    assert log.name == "tests.kept"


@pytest.mark.parametrize("spelling", [SECRET, "pa%22ss%2Fw%C3%B6rd%261", 'pa\\"ss/w\\u00f6rd&1'])
def test_secrets_are_masked_in_every_spelling(spelling: str) -> None:
    with bind_log_context(redact=[SECRET]):
        assert redact(f"<{spelling}>") == f"<{MASK}>"
    assert redact(spelling) == spelling


def test_secrets_are_masked_before_any_handler_sees_them(kept: Kept) -> None:
    class Holder:
        def __str__(self) -> str:
            return f"holds {SECRET}"

    with bind_log_context(redact=[SECRET]):
        try:
            raise ValueError(f"no entry with {SECRET}")
        except ValueError:
            log.exception(
                "tried %s",
                SECRET,
                extra={"url": f"https://x/?k={SECRET}", "deep": {"list": [SECRET]}, "o": Holder(), "n": 1},
            )
    record = kept.records[0]
    assert SECRET not in repr(vars(record))
    assert record.getMessage() == f"tried {MASK}"
    assert record.exc_text is not None
    assert f"no entry with {MASK}" in record.exc_text
    assert record.exc_info is None
    line = json_line(record)
    assert line["extra"] == {
        "url": f"https://x/?k={MASK}",
        "deep": {"list": [MASK]},
        "o": f"holds {MASK}",
        "n": 1,
    }
    assert SECRET not in HumanFormatter(colour=False).format(record)


def test_exception_without_a_secret_stays_whole(kept: Kept) -> None:
    with bind_log_context(redact=[SECRET]):
        try:
            raise ValueError("harmless")
        except ValueError:
            log.exception("failed")
    assert kept.records[0].exc_info is not None


def test_short_values_are_not_masked() -> None:
    with bind_log_context(redact=["a", "", "abc"]):
        assert redact("abc a banana") == "abc a banana"


def test_inner_blocks_add_secrets_to_the_outer_ones() -> None:
    with bind_log_context(redact=["outer-secret"]), bind_log_context(redact=["outer-secret-longer"]):
        assert redact("outer-secret outer-secret-longer") == f"{MASK} {MASK}"


def test_of_an_address_the_path_is_secret_too() -> None:
    with bind_log_context(
        redact=["https://api.example.com/hooks/prj_1/Zx81kQ?fast=1", "https://example.org/hook"]
    ):
        assert (
            redact("POST http://proxy:8080/hooks/prj_1/Zx81kQ answered 404")
            == f"POST http://proxy:8080{MASK} answered 404"
        )
        assert redact("POST http://other/hook") == "POST http://other/hook"


def test_lines_of_other_loggers_are_marked_and_masked_at_the_handler() -> None:
    handler = Kept()
    handler.addFilter(ContextFilter())
    other = logging.getLogger("tests.plain")
    other.addHandler(handler)
    try:
        with bind_log_context(plugin="p", redact=[SECRET]):
            other.warning("GET https://x/?token=%s", SECRET)
    finally:
        other.removeHandler(handler)
    assert json_line(handler.records[0])["tenantry"] == {"plugin": "p"}
    assert handler.records[0].getMessage() == f"GET https://x/?token={MASK}"


def test_context_goes_along_into_threads_that_copy_it(kept: Kept) -> None:
    with bind_log_context(plugin="p"):
        context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(log.info, "from a thread"))
    thread.start()
    thread.join()
    assert json_line(kept.records[0])["tenantry"] == {"plugin": "p"}


def test_collected_lines_are_those_of_the_block(kept: Kept) -> None:
    log.error("before")
    with collect_log_lines(limit=2) as collected:
        log.error("one")
        logging.getLogger("tests.unknown").error("two")
        log.warning("three")
    log.error("after")
    assert [(line.logger, line.message) for line in collected.lines] == [
        ("tests.kept", "one"),
        ("tests.unknown", "two"),
    ]
    assert (collected.errors, collected.dropped) == (2, 1)


def test_wrong_format_string_does_not_cost_the_collected_line(kept: Kept) -> None:
    with collect_log_lines() as collected, bind_log_context(redact=[SECRET]):
        record = {"msg": "%d files", "args": ("many",), "levelno": 40, "levelname": "ERROR"}
        ContextFilter().filter(logging.makeLogRecord(record))
    assert "%d files" in collected.lines[0].message


def test_human_line_is_one_line_and_cannot_be_faked(kept: Kept) -> None:
    with bind_log_context(tenant="acme", plugin="p"):
        log.warning("first\n12:00:00 INFO fake \x1b[31m", extra={"path": "/a\nb"})
    line = HumanFormatter(colour=False).format(kept.records[0])
    assert line.endswith(
        "WARNING  tests.kept first\\n12:00:00 INFO fake \\x1b[31m tenant=acme plugin=p path=/a\\nb"
    )
    assert "\n" not in line
    assert "\x1b" in HumanFormatter(colour=True).format(kept.records[0])


def test_colour_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert not HumanFormatter().colour
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert HumanFormatter().colour


def test_json_line_survives_odd_values(kept: Kept) -> None:
    class Odd:
        def __str__(self) -> str:
            raise RuntimeError

    log.info("x", extra={"odd": Odd(), "set": {1}})
    extra = json_line(kept.records[0])["extra"]
    assert isinstance(extra, dict)
    assert extra["odd"] == "<Odd without a text: RuntimeError>"


@pytest.mark.parametrize("style", ["human", "json"])
def test_logging_config_is_sound(style: str) -> None:
    config = logging_config(style="json" if style == "json" else "human", level="WARNING", colour=False)
    assert logging.config.DictConfigurator(config).config["root"]["level"] == "WARNING"
