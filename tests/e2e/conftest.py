"""A real browser against a real web server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.contrib.staticfiles.views import serve
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer
from django.http import HttpRequest
from django.test.testcases import QuietWSGIRequestHandler
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from core.actors import system_actor
from core.platform_work import PlatformWork
from core.scope import platform_scope
from tenants.models import Domain, Tenant
from tests.installed import missing

CHROMIUM = Path("/usr/bin/chromium")

OpenPage = Callable[..., Page]


class _WithStaticFiles(StaticFilesHandler):
    """Serves static files from the apps, as the development server does, whatever DEBUG says."""

    def serve(self, request: HttpRequest) -> Any:
        return serve(request, self.file_path(request.path), insecure=True)


@pytest.fixture
def port(settings: Any) -> Iterator[int]:
    """The port at which the project answers, over plain HTTP."""
    settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME = "sid", "csrf"
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    settings.SECURE_HSTS_SECONDS = 0
    server = ThreadedWSGIServer(("127.0.0.1", 0), QuietWSGIRequestHandler)
    server.set_app(_WithStaticFiles(WSGIHandler()))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        missing(f"No browser at {CHROMIUM}.")
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # The browser's event loop counts as running in this thread, though nothing here awaits.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@pytest.fixture
def site(tenant: Tenant, port: int) -> str:
    """The tenant's address in the browser; names below localhost lead to this machine."""
    host = f"{tenant.slug}.localhost"
    with platform_scope(PlatformWork.TENANT_DIRECTORY, actor=system_actor("tests")):
        Domain.objects.create(tenant=tenant, host=host)
    return f"http://{host}:{port}"


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Open pages that fail the test when a script fails or a rule of the content policy is broken."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def open_at(url: str, *, dark: bool = False, width: int = 1440) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if _is_fault(message) else None)
        page.goto(url)
        return page

    yield open_at
    for context in contexts:
        context.close()
    assert faults == []


def _is_fault(message: Any) -> bool:
    # Answers such as 422 are reported by the browser too; they are the test's business.
    return message.type == "error" and "Failed to load resource" not in message.text
