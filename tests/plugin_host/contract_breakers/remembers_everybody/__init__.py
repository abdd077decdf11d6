from django.http import JsonResponse
from django.urls import path

PLUGIN_META = {"id": "remembers-everybody", "name": "Keeps titles in a module", "version": "1.0"}

titles = []


def remember(event):
    if event.data.get("summary") not in titles:
        titles.append(event.data.get("summary"))


def register(ctx):
    ctx.on_record_update(None, remember)
    ctx.include_router([path("titles", lambda request: JsonResponse(titles, safe=False))])
