"""Plain Django REST framework as people write it: a model, a serializer, a ModelViewSet, page numbers, a filter.

Django's default middleware, one connection kept per thread, no tenants. Run under granian like the others.
"""

from __future__ import annotations

import os
from typing import Any, ClassVar

import django
import environ
from django.conf import settings

_database: dict[str, Any] = environ.Env().db_url("DATABASE_URL")
_database["CONN_MAX_AGE"] = None

settings.configure(
    DEBUG=False,
    SECRET_KEY="for a measurement",  # nothing is signed with it
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    DATABASES={"default": _database},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework"],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    REST_FRAMEWORK={
        "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
        "PAGE_SIZE": 20,
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    },
    USE_TZ=True,
)
os.environ.pop("DJANGO_SETTINGS_MODULE", None)
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402  # Django is configured only now
from django.db import models  # noqa: E402
from django.urls import include, path  # noqa: E402
from rest_framework import routers, serializers, viewsets  # noqa: E402


class Article(models.Model):
    id = models.UUIDField(primary_key=True)
    slug = models.TextField()
    title = models.TextField()
    category = models.TextField()
    summary = models.TextField()
    body = models.TextField()
    rating = models.FloatField()
    published_at = models.DateTimeField()

    objects: ClassVar[models.Manager[Any]] = models.Manager()

    class Meta:
        app_label = "bench"
        db_table = "bench_article"
        managed = False

    def __str__(self) -> str:
        return self.title


class ArticleSerializer(serializers.ModelSerializer[Article]):
    class Meta:
        model = Article
        fields = "__all__"


class ArticleViewSet(viewsets.ModelViewSet[Article]):
    serializer_class = ArticleSerializer
    lookup_field = "slug"

    def get_queryset(self) -> Any:
        articles = Article.objects.order_by("-published_at", "-id")
        if category := self.request.query_params.get("category"):
            articles = articles.filter(category=category)
        return articles


router = routers.DefaultRouter()
router.register("articles", ArticleViewSet, basename="article")
urlpatterns = [path("api/", include(router.urls))]
application = get_wsgi_application()
