"""The plugins' part of both admin sites; importing this puts it in place."""

from plugin_host.admin.health_pages import health_routes
from plugin_host.admin.pages import menu, routes
from plugin_host.admin.platform_pages import platform_menu, platform_routes
from plugin_host.admin.task_pages import task_routes
from tenants.admin_site import platform_site, tenant_site

tenant_site.add_routes(routes)
tenant_site.add_routes(health_routes)
tenant_site.add_routes(task_routes)
tenant_site.add_menu(menu)
platform_site.add_routes(platform_routes)
platform_site.add_menu(platform_menu)
