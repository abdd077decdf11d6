"""Loads, whatever stands beside it."""

PLUGIN_META = {"id": "good-neighbour", "name": "Good neighbour", "version": "1.0.0"}


def register(ctx):
    from .routes import hello

    from django.urls import path

    ctx.include_router([path("hello", hello)])
