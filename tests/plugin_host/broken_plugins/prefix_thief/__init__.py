PLUGIN_META = {"id": "prefix-thief", "name": "Prefix thief", "version": "1.0.0"}


def register(ctx):
    from django.http import HttpResponse
    from django.urls import path

    ctx.include_router([path("mine", lambda request: HttpResponse("mine"))], prefix="/good-neighbour")
