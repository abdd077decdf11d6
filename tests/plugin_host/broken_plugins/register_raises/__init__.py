PLUGIN_META = {"id": "register-raises", "name": "Register raises", "version": "1.0.0"}


def register(ctx):
    from django.http import HttpResponse
    from django.urls import path

    ctx.include_router([path("leak", lambda request: HttpResponse("leaked"))])
    ctx.add_admin_page(nav_id="leak", label="Leak", icon="fa-bug", url="/admin/plugins/leak", view=print)
    ctx.on_any_event(print)
    raise ValueError("not today")
