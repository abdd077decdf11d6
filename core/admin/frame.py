"""What both admin sites share: look, menu, search, and the context of pages that are not the admin's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.contrib.admin.options import ModelAdmin
from django.core.paginator import Paginator
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.templatetags.static import static
from django.urls import URLPattern, URLResolver, reverse
from django.utils import timezone
from django.utils.html import escape
from unfold.sites import UnfoldAdminSite

SEARCH_RESULTS: Final = 50

# Indigo, in the eleven shades that the theme asks for.
_PRIMARY: Final = {
    "50": "oklch(96.2% 0.018 272.314)",
    "100": "oklch(93% 0.034 272.788)",
    "200": "oklch(87% 0.065 274.039)",
    "300": "oklch(78.5% 0.115 274.713)",
    "400": "oklch(67.3% 0.182 276.935)",
    "500": "oklch(58.5% 0.233 277.117)",
    "600": "oklch(51.1% 0.262 276.966)",
    "700": "oklch(45.7% 0.24 277.023)",
    "800": "oklch(39.8% 0.195 277.366)",
    "900": "oklch(35.9% 0.144 278.697)",
    "950": "oklch(25.7% 0.09 281.288)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuItem:
    """One line of the menu.

    Args:
        icon: A glyph of the admin's icon font.
        active: Whether the page shown is the one behind this line.
    """

    title: str
    link: str
    icon: str
    active: bool = False

    def as_context(self) -> dict[str, Any]:
        # The theme prints titles unescaped, and tenants name their collections themselves.
        return {
            "title": escape(self.title),
            "link": self.link,
            "icon": self.icon,
            "active": self.active,
            "has_permission": True,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuGroup:
    """A part of the menu; one without items is not shown."""

    title: str
    items: Sequence[MenuItem] = field(default_factory=tuple)


type MenuPart = Callable[[HttpRequest], Iterable[MenuGroup]]
type Routes = Callable[["FrameAdminSite"], Iterable[URLPattern | URLResolver]]


class FrameAdminSite(UnfoldAdminSite):  # type: ignore[misc]  # unfold has no types
    """An admin site with a menu that apps add to, and no permission but what `has_permission` says.

    Both sites have the name "admin": each host has one of them, and templates find it under that name.
    """

    site_title = "Tenantry"
    site_header = "Tenantry"

    def __init__(self) -> None:
        super().__init__(name="admin")
        self._menu_parts: list[MenuPart] = []
        self._routes: list[Routes] = []

    def add_menu(self, part: MenuPart) -> None:
        """Let `part` add groups to the menu of every page; called once per request."""
        self._menu_parts.append(part)

    def add_routes(self, routes: Routes) -> None:
        """Add addresses below this site; their views are to be wrapped in `admin_view`."""
        self._routes.append(routes)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        own = [route for routes in self._routes for route in routes(self)]
        # Django's way from a content type and a key to any object's page knows no permissions.
        theirs = [url for url in super().get_urls() if getattr(url, "name", "") != "view_on_site"]
        return [*own, *theirs]

    def menu(self, request: HttpRequest) -> Iterable[MenuGroup]:
        """The groups that the site itself has, before those that apps add."""
        return ()

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        groups = [*self.menu(request), *(group for part in self._menu_parts for group in part(request))]
        return [
            {
                "title": escape(group.title),
                "separator": False,
                "items": [item.as_context() for item in group.items],
            }
            for group in groups
            if group.items
        ]

    def item_for(self, request: HttpRequest, model: type[Model], *, title: str, icon: str) -> list[MenuItem]:
        """Return the menu line of a model's list: one, or none where the person may not see it."""
        page: ModelAdmin[Any] | None = self._registry.get(model)
        if page is None or not page.has_view_permission(request):
            return []
        link = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        return [MenuItem(title=title, link=link, icon=icon, active=request.path.startswith(link))]

    def heading(self, request: HttpRequest) -> str:
        """The name that stands above the menu."""
        return self.site_header

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context: dict[str, Any] = super().each_context(request)
        heading = self.heading(request)
        return context | {
            "site_title": heading,
            "site_header": heading,
            "site_symbol": "hub",
            "site_url": "/",
            "styles": [
                static("admin_frame/frame.css"),
                static("admin_frame/icons.css"),
                static("admin_frame/json_form.css"),
            ],
            "site_favicons": [
                {"rel": "icon", "href": static("admin_frame/icon.svg"), "type": "image/svg+xml"}
            ],
            "colors": {**(context.get("colors") or {}), "primary": _PRIMARY},
            "border_radius": "6px",
            "scripts": [static("admin_frame/frame.js")],
            "clock_zone": timezone.get_current_timezone_name(),
        }

    def found(self, request: HttpRequest, term: str) -> list[Any]:
        """Return what the search in the menu finds beside the names of the pages."""
        return []

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The search of the menu.

        The theme's own keeps results in a cache under the person alone; a person of two tenants would be
        shown the one's results in the other.
        """
        term = request.GET.get("s", "").strip().lower()
        if not term:
            return HttpResponse()
        results = [*self.found(request, term), *self._search_apps(self.get_app_list(request), term)]
        pages = Paginator(results[:SEARCH_RESULTS], SEARCH_RESULTS)
        return TemplateResponse(
            request,
            "unfold/helpers/command_results.html",
            {
                "search_term": term,
                "page_obj": pages,
                "results": pages.page(1),
                "page_counter": 0,
                "execution_time": 0,
                "command_show_history": False,
            },
            headers={"HX-Trigger": "search"},
        )


def frame_context(request: HttpRequest) -> dict[str, Any]:
    """Context processor: the frame's context for pages that are drawn by others inside the admin.

    A plugin's view calls `render` with its own names only; the frame round it needs the site's.
    """
    site: FrameAdminSite | None = getattr(request, "frame_site", None)
    if site is None:
        return {}
    return {**site.each_context(request), **getattr(request, "frame_extra", {})}
