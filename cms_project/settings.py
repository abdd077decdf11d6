"""Settings, all of them from the environment (see .env.example). Secure by default: no default secret, no debug."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import environ

from cms_project import tables
from cms_project.embedded.urls import celery_broker_url
from core.logging import logging_config
from plugin_host.loading.app_config import plugin_app_configs

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
if os.environ.get("TENANTRY_ENV_FILE", "") != "-":
    environ.Env.read_env(os.environ.get("TENANTRY_ENV_FILE") or BASE_DIR / ".env")

# ── Installation ────────────────────────────────────────────────────────────────────────────────────────────────
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY")
# Newest first: it encrypts; all of them decrypt. Each is 32 random bytes in base64, preceded by an id: `k1:…`
MASTER_KEYS: list[str] = env.list("MASTER_KEYS")
PLATFORM_HOSTS: list[str] = env.list("PLATFORM_HOSTS", default=["localhost", "127.0.0.1"])
# The middleware compares each host with the table of domains and answers 404 to every other one.
ALLOWED_HOSTS = ["*"]
# What links outside a request begin with, for hosts that listen on a port of their own: http, :8000
PUBLIC_SCHEME = env.str("PUBLIC_SCHEME", default="http" if DEBUG else "https")
PUBLIC_PORT = env.str("PUBLIC_PORT", default="")
VAR_DIR = Path(env.str("TENANTRY_VAR_DIR", default=str(BASE_DIR / "var")))

ROOT_URLCONF = "cms_project.urls_platform"
TENANT_URLCONF = "cms_project.urls_tenant"
WSGI_APPLICATION = "cms_project.wsgi.application"
AUTH_USER_MODEL = "tenants.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# ── Plugins ─────────────────────────────────────────────────────────────────────────────────────────────────────
PLUGINS_DIR = Path(env.str("PLUGINS_DIR", default=str(BASE_DIR / "plugins")))
# host:port patterns that plugins may call although they are not public addresses, for development and tests
OUTBOUND_ALLOW: list[str] = env.list("OUTBOUND_ALLOW", default=[])
OUTBOUND_PROXY: str = env.str("OUTBOUND_PROXY", default="")
SERVICE_URLS: str = env.str("SERVICE_URLS", default="")

# How many hooks one worker process runs beside each other, and after how long a silence its work is given to others.
DELIVERY_SLOTS = env.int("DELIVERY_SLOTS", default=32)
DELIVERY_LEASE_SECONDS = env.float("DELIVERY_LEASE_SECONDS", default=25)
# How many scheduled tasks and health checks one worker process runs beside each other.
SEO_METRICS_DAYS = env.int("SEO_METRICS_DAYS", default=480)
SCHEDULE_SLOTS = env.int("SCHEDULE_SLOTS", default=16)

# From how many runs in a row on the breaker pauses a plugin for a tenant (0: never), and for how long.
BREAKER_FAILURES = env.int("BREAKER_FAILURES", default=5)
BREAKER_TIMEOUTS = env.int("BREAKER_TIMEOUTS", default=3)
BREAKER_SLOW_RUNS = env.int("BREAKER_SLOW_RUNS", default=20)
BREAKER_CRASHES = env.int("BREAKER_CRASHES", default=2)
BREAKER_SLOW_SHARE = env.float("BREAKER_SLOW_SHARE", default=0.8)
BREAKER_FIRST_WAIT_SECONDS = env.float("BREAKER_FIRST_WAIT_SECONDS", default=30)
BREAKER_LONGEST_WAIT_SECONDS = env.float("BREAKER_LONGEST_WAIT_SECONDS", default=3600)

# ── Mail, which plugins send ────────────────────────────────────────────────────────────────────────────────────
# smtp://user:password@host:25, smtp+tls://…:587 (STARTTLS), smtp+ssl://…:465, consolemail:// to print it
_mail: dict[str, Any] = env.email_url(
    "EMAIL_URL", default="consolemail://" if DEBUG else "smtp://localhost:25"
)
EMAIL_BACKEND: str = _mail["EMAIL_BACKEND"]
EMAIL_HOST: str = _mail["EMAIL_HOST"] or "localhost"
EMAIL_PORT: int = _mail["EMAIL_PORT"] or 25
EMAIL_HOST_USER: str = _mail["EMAIL_HOST_USER"] or ""
EMAIL_HOST_PASSWORD: str = _mail["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS: bool = _mail.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL: bool = _mail.get("EMAIL_USE_SSL", False)
# A silent mail server must not hold a hook's thread for longer.
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="tenantry@localhost")

INSTALLED_APPS: list[Any] = [
    "unfold.apps.BasicAppConfig",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_jsonform",
    "django_celery_beat",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "core",
    "tenants",
    "plugin_host",
    "cms_project",
]

MIDDLEWARE = [
    "tenants.middleware.TenantMiddleware",
    "core.security_headers.SecurityHeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "core.api.delivery_middleware.DeliveryMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "tenants.middleware.ActorMiddleware",
    "plugin_host.gate.PluginGateMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "core.admin.frame.frame_context",
            ],
            "loaders": [
                "plugin_host.template_loader.PluginFolderLoader",
                (
                    "django.template.loaders.cached.Loader",
                    [
                        "django.template.loaders.filesystem.Loader",
                        "django.template.loaders.app_directories.Loader",
                    ],
                ),
            ],
        },
    },
]

# ── Database ────────────────────────────────────────────────────────────────────────────────────────────────────
DATABASE_ROLE_PREFIX = env.str("DATABASE_ROLE_PREFIX", default="tenantry")
TABLES_WITHOUT_TENANT = tables.TABLES_WITHOUT_TENANT
# Migrations run in a process of their own that signs in as the owner (see manage.py).
IS_DATABASE_OWNER = os.environ.get("TENANTRY_DB_ROLE") == "owner"


def _database() -> dict[str, Any]:
    database: dict[str, Any] = env.db_url("DATABASE_OWNER_URL" if IS_DATABASE_OWNER else "DATABASE_URL")
    database["ENGINE"] = "core.postgresql"
    options = database.setdefault("OPTIONS", {})
    options["scope_mode"] = (
        "owner" if IS_DATABASE_OWNER else env.str("DATABASE_SCOPE_MODE", default="session")
    )
    options.setdefault("application_name", "tenantry")
    if env.bool("DATABASE_POOL", default=False) and not IS_DATABASE_OWNER:
        options["pool"] = {"min_size": 1, "max_size": env.int("DATABASE_POOL_SIZE", default=8)}
    else:
        database["CONN_MAX_AGE"] = None
        database["CONN_HEALTH_CHECKS"] = env.bool("DATABASE_HEALTH_CHECKS", default=True)
    database["DISABLE_SERVER_SIDE_CURSORS"] = options["scope_mode"] == "transaction"
    return database


DATABASES = {"default": _database()}
# Behind a transaction-pooling proxy: an address past it, for LISTEN. Without one nothing is cached between requests.
DATABASE_LISTEN_URL = env.str("DATABASE_LISTEN_URL", default="")

# ── Broker, cache ───────────────────────────────────────────────────────────────────────────────────────────────
REDIS_URL = env.str("REDIS_URL")
_SOCKET_TIMEOUTS = {"socket_timeout": 2, "socket_connect_timeout": 2}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": f"{DATABASE_ROLE_PREFIX}-cache",
        "OPTIONS": _SOCKET_TIMEOUTS,
    },
}

CELERY_BROKER_URL = celery_broker_url(REDIS_URL)
# By name, for what sends messages from below: the application is wired above all apps.
CELERY_APPLICATION = "cms_project.celery.app"
CELERY_BROKER_TRANSPORT_OPTIONS = {
    **_SOCKET_TIMEOUTS,
    "visibility_timeout": 600,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "global_keyprefix": f"{DATABASE_ROLE_PREFIX}-celery-",
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_MAX_LOOP_INTERVAL = 1

# ── People ──────────────────────────────────────────────────────────────────────────────────────────────────────
AUTHENTICATION_BACKENDS = ["tenants.authentication.PasswordBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_ENGINE = "tenants.sessions"
SESSION_COOKIE_NAME = "sid" if DEBUG else "__Host-sid"
CSRF_COOKIE_NAME = "csrf" if DEBUG else "__Host-csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_HTTPONLY = False
CSRF_FAILURE_VIEW = "core.api.problems.csrf_failure"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
LOGIN_URL = "/admin/login/"
LOGIN_REDIRECT_URL = "/admin/"

# ── Transport ───────────────────────────────────────────────────────────────────────────────────────────────────
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=not DEBUG)
SECURE_HSTS_SECONDS = 0 if DEBUG else 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = not DEBUG
SECURE_HSTS_PRELOAD = not DEBUG
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if env.bool("BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
# Links without a trailing slash are the API's own; the admin's are complete.
APPEND_SLASH = False

# ── Language, time, files ───────────────────────────────────────────────────────────────────────────────────────
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
FORMAT_MODULE_PATH = "cms_project.formats"
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_AUTOREFRESH = DEBUG

# ── REST ────────────────────────────────────────────────────────────────────────────────────────────────────────
ACCESS_TOKEN_SECONDS = env.int("ACCESS_TOKEN_SECONDS", default=15 * 60)
REFRESH_TOKEN_SECONDS = env.int("REFRESH_TOKEN_SECONDS", default=30 * 24 * 3600)
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tenants.authentication.BearerAuthentication",
        "tenants.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["core.api.parsers.StrictJSONParser"],
    "EXCEPTION_HANDLER": "core.api.problems.exception_handler",
    "DEFAULT_SCHEMA_CLASS": "plugin_host.openapi.PluginSchema",
    "DEFAULT_THROTTLE_CLASSES": ["tenants.throttling.CallerRateThrottle"],
    "DEFAULT_THROTTLE_RATES": {
        "caller": env.str("RATE_CALLER", default="600/min"),
        "anonymous": env.str("RATE_ANONYMOUS", default="300/min"),
        "sign_in": env.str("RATE_SIGN_IN", default="10/min"),
    },
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Tenantry",
    "DESCRIPTION": "The HTTP API of one tenant.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    # Enums stay where they are used: names made for them would change with the plugins that are installed.
    "POSTPROCESSING_HOOKS": ["plugin_host.openapi.tag_plugin_routes"],
}

# ── Logs ────────────────────────────────────────────────────────────────────────────────────────────────────────
LOG_FORMAT = env.str("LOG_FORMAT", default="human" if DEBUG else "json")
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
LOGGING = logging_config(style=LOG_FORMAT, level=LOG_LEVEL)

# Last of all: a plugin's package may read settings while it is imported. What cannot be loaded is left out whole.
INSTALLED_APPS += plugin_app_configs(plugins_dir=PLUGINS_DIR, var_dir=VAR_DIR)
# Refused requests are ordinary; the access log has them.
LOGGING["loggers"]["django.request"] = {"level": "ERROR"}
