"""Font Awesome names, as plugin authors write them, and the glyphs that the admin's own font has for them.

`static/admin_frame/icons.css` holds the same table for `<i class="fas fa-...">` in pages; a test compares.
"""

from __future__ import annotations

from typing import Final

FALLBACK: Final = "extension"

GLYPHS: Final[dict[str, str]] = {
    "address-book": "contacts",
    "archive": "archive",
    "arrow-down": "arrow_downward",
    "arrow-left": "arrow_back",
    "arrow-right": "arrow_forward",
    "arrow-up": "arrow_upward",
    "balance-scale": "balance",
    "ban": "block",
    "bell": "notifications",
    "bolt": "bolt",
    "book": "book",
    "bookmark": "bookmark",
    "box": "package_2",
    "briefcase": "work",
    "bug": "bug_report",
    "building": "apartment",
    "bullhorn": "campaign",
    "calendar": "calendar_today",
    "calendar-alt": "calendar_month",
    "camera": "photo_camera",
    "chart-bar": "bar_chart",
    "chart-line": "show_chart",
    "chart-pie": "pie_chart",
    "check": "check",
    "check-circle": "check_circle",
    "check-square": "check_box",
    "circle": "circle",
    "clipboard": "content_paste",
    "clipboard-list": "assignment",
    "clock": "schedule",
    "cloud": "cloud",
    "cloud-upload-alt": "cloud_upload",
    "code": "code",
    "cog": "settings",
    "cogs": "settings_suggest",
    "comment": "chat_bubble",
    "comments": "forum",
    "copy": "content_copy",
    "credit-card": "credit_card",
    "cube": "deployed_code",
    "database": "database",
    "download": "download",
    "edit": "edit",
    "envelope": "mail",
    "exchange-alt": "swap_horiz",
    "exclamation-circle": "error",
    "exclamation-triangle": "warning",
    "external-link-alt": "open_in_new",
    "eye": "visibility",
    "eye-slash": "visibility_off",
    "file": "draft",
    "file-alt": "description",
    "filter": "filter_alt",
    "fire": "local_fire_department",
    "flag": "flag",
    "flask": "science",
    "folder": "folder",
    "folder-open": "folder_open",
    "gear": "settings",
    "gift": "redeem",
    "globe": "language",
    "graduation-cap": "school",
    "hashtag": "tag",
    "heart": "favorite",
    "heartbeat": "monitor_heart",
    "history": "history",
    "home": "home",
    "house": "home",
    "id-card": "badge",
    "image": "image",
    "images": "photo_library",
    "inbox": "inbox",
    "info-circle": "info",
    "key": "key",
    "language": "translate",
    "layer-group": "layers",
    "life-ring": "support",
    "lightbulb": "lightbulb",
    "link": "link",
    "list": "list",
    "list-alt": "list_alt",
    "lock": "lock",
    "magic": "auto_fix_high",
    "map": "map",
    "map-marker-alt": "location_on",
    "minus": "remove",
    "money-bill": "payments",
    "moon": "dark_mode",
    "newspaper": "newspaper",
    "paint-brush": "brush",
    "palette": "palette",
    "paper-plane": "send",
    "paperclip": "attach_file",
    "pause": "pause",
    "pen": "edit",
    "pencil-alt": "edit",
    "phone": "call",
    "play": "play_arrow",
    "plug": "power",
    "plus": "add",
    "print": "print",
    "puzzle-piece": "extension",
    "question-circle": "help",
    "random": "shuffle",
    "robot": "smart_toy",
    "rocket": "rocket_launch",
    "rss": "rss_feed",
    "save": "save",
    "search": "search",
    "server": "dns",
    "share-alt": "share",
    "shield-alt": "shield",
    "shopping-cart": "shopping_cart",
    "sign-in-alt": "login",
    "sign-out-alt": "logout",
    "sitemap": "account_tree",
    "sliders-h": "tune",
    "square": "check_box_outline_blank",
    "star": "star",
    "stop": "stop",
    "stopwatch": "timer",
    "sun": "light_mode",
    "sync": "sync",
    "table": "table",
    "tachometer-alt": "speed",
    "tag": "sell",
    "tags": "sell",
    "tasks": "checklist",
    "th": "grid_view",
    "thumbs-up": "thumb_up",
    "times": "close",
    "times-circle": "cancel",
    "toggle-on": "toggle_on",
    "tools": "build",
    "trash": "delete",
    "trash-alt": "delete",
    "trophy": "trophy",
    "truck": "local_shipping",
    "undo": "undo",
    "unlock": "lock_open",
    "upload": "upload",
    "user": "person",
    "user-circle": "account_circle",
    "user-plus": "person_add",
    "users": "group",
    "video": "videocam",
    "wifi": "wifi",
    "wrench": "build",
}

_STYLES: Final = frozenset({"fa", "fas", "far", "fal", "fab", "fa-solid", "fa-regular", "fa-light", "fa-fw"})


def glyph(icon: str) -> str:
    """Return the glyph for a Font Awesome name such as `fa-check-square` or `fas fa-tasks`.

    A name that is not in the table gives a plugin's general sign, never nothing.
    """
    for word in icon.split():
        if word in _STYLES:
            continue
        return GLYPHS.get(word.removeprefix("fa-"), FALLBACK)
    return FALLBACK


def stylesheet() -> str:
    """Return the text of `icons.css`."""
    head = (
        "/* Written by `core.admin.icons.stylesheet`: Font Awesome names drawn with the admin's icon font. */\n"
        ".fa, .fas, .far, .fal, .fab, .fa-solid, .fa-regular, .fa-light {\n"
        "  direction: ltr;\n"
        "  display: inline-block;\n"
        '  font-family: "Material Symbols Outlined";\n'
        '  font-feature-settings: "liga";\n'
        "  font-size: 1.25em;\n"
        "  font-style: normal;\n"
        "  font-weight: 400;\n"
        "  letter-spacing: normal;\n"
        "  line-height: 1;\n"
        "  text-transform: none;\n"
        "  vertical-align: -0.2em;\n"
        "  white-space: nowrap;\n"
        "}\n"
        ".fa-fw { text-align: center; width: 1.25em; }\n"
        ":is(.fa, .fas, .far, .fal, .fab, .fa-solid, .fa-regular, .fa-light)::before "
        f'{{ content: "{FALLBACK}"; }}\n'
    )
    styles = ":is(.fa, .fas, .far, .fal, .fab, .fa-solid, .fa-regular, .fa-light)"
    rules = (f'{styles}.fa-{name}::before {{ content: "{sign}"; }}\n' for name, sign in GLYPHS.items())
    return head + "".join(rules)
