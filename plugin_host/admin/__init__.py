"""The plugins' part of the tenants' admin; importing this puts it in place."""

from plugin_host.admin.pages import menu, routes
from tenants.admin_site import tenant_site

tenant_site.add_routes(routes)
tenant_site.add_menu(menu)
