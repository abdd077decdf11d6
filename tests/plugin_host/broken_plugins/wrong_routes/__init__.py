PLUGIN_META = {"id": "wrong-routes", "name": "Wrong routes", "version": "1.0.0"}


def register(ctx):
    from django.urls import path

    ctx.include_router([path("hello", print), "hello"])
