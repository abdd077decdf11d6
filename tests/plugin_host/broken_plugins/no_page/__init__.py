PLUGIN_META = {"id": "no-page", "name": "No page", "version": "1.0.0"}


def register(ctx):
    ctx.add_admin_page(nav_id="no-page", label="Nothing", icon="fa-bug", url="/admin/plugins/no-page")
