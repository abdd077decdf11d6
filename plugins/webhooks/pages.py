"""The plugin's page in the admin: endpoints, what waits, the log, and buttons."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone

from plugin_host.auth import require_admin
from plugin_host.errors import PluginError

from . import queue
from .config import Endpoint
from .models import Attempt
from .routes import attempt_document, config_of, endpoint_document, redeliver_time
from .sending import send_soon, send_test

if TYPE_CHECKING:
    from plugin_host.context import PluginContext

SHOWN: Final = 50
# What can be sent again by a button: label -> how far back.
SPANS: Final = {"1 hour": timedelta(hours=1), "1 day": timedelta(days=1), "7 days": timedelta(days=7)}


def webhooks_page(ctx: PluginContext) -> Callable[[HttpRequest], HttpResponse]:
    """Return the page's view. It keeps `ctx`, because settings are read when a request comes."""

    @require_admin
    def show(request: HttpRequest) -> HttpResponse:
        config = config_of(ctx)
        chosen = request.GET.get("endpoint", "")
        if request.method == "POST":
            endpoint = config.endpoint(request.POST.get("endpoint", ""))
            if endpoint is None:
                raise Http404("There is no such endpoint.")
            _act(request, ctx, endpoint)
            return HttpResponseRedirect(f"{request.path}?endpoint={chosen}" if chosen else request.path)
        if chosen and config.endpoint(chosen) is None:
            raise Http404("There is no such endpoint.")
        states, waiting = queue.states(), queue.waiting_counts()
        attempts = Attempt.objects.all()
        if chosen:
            attempts = attempts.filter(endpoint=chosen)
        context: dict[str, Any] = {
            "endpoints": [
                endpoint_document(one, states.get(one.name), waiting.get(one.name, 0))
                for one in config.endpoints
            ],
            "attempts": [
                {**attempt_document(one), "endpoint": one.endpoint}
                for one in attempts.order_by("-id")[:SHOWN]
            ],
            "chosen": chosen,
            "spans": list(SPANS),
        }
        return render(request, "page.html", context)

    return show


def _act(request: HttpRequest, ctx: PluginContext, endpoint: Endpoint) -> None:
    now = timezone.now()
    match request.POST.get("do"):
        case "pause":
            queue.pause(endpoint.name, reason="", by=str(request.user), now=now)
            messages.success(request, f"{endpoint.name} is paused; its messages wait.")
        case "resume":
            due = queue.resume(endpoint.name, now=now)
            send_soon()
            messages.success(request, f"{endpoint.name} is called again; {_messages(due)} that waited.")
        case "test":
            attempt = async_to_sync(send_test)(endpoint, ctx.get_secrets())
            note = messages.success if attempt.is_delivered else messages.error
            note(request, f"Test: {endpoint.name} {attempt.reason} ({attempt.duration_ms:.0f} ms).")
        case "redeliver":
            span = SPANS.get(request.POST.get("span", ""))
            if span is None:
                raise Http404("There is no such time.")
            try:
                due = redeliver_time(endpoint, now - span, now)
            except PluginError as error:
                messages.error(request, error.message)
            else:
                send_soon()
                messages.success(request, f"{_messages(due)} for {endpoint.name} once more.")
        case _:
            raise Http404("There is no such step.")


def _messages(due: int) -> str:
    return "1 message is due" if due == 1 else f"{due} messages are due"
