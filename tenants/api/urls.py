"""Addresses of sign-in, keys, members and the tenant itself, below /api/v1/."""

from __future__ import annotations

from django.urls import URLPattern, path

from tenants.api import auth, directory, explain, keys, members

urlpatterns: list[URLPattern] = [
    path("auth/token", auth.TokenView.as_view(), name="auth-token"),
    path("auth/refresh", auth.RefreshView.as_view(), name="auth-refresh"),
    path("auth/logout", auth.LogoutView.as_view(), name="auth-logout"),
    path("auth/me", auth.MeView.as_view(), name="auth-me"),
    path("auth/password", auth.PasswordView.as_view(), name="auth-password"),
    path("explain", explain.ExplainView.as_view(), name="explain"),
    path("api-keys", keys.KeyListView.as_view(), name="key-list"),
    path("api-keys/<uuid:key_id>", keys.KeyView.as_view(), name="key"),
    path("api-keys/<uuid:key_id>/rotate", keys.RotateView.as_view(), name="key-rotate"),
    path("tenant", members.TenantView.as_view(), name="tenant"),
    path("tenant/members", members.MemberListView.as_view(), name="member-list"),
    path("tenant/members/<uuid:member_id>", members.MemberView.as_view(), name="member"),
    path("tenant/hosts", members.HostListView.as_view(), name="host-list"),
    path("tenant/hosts/<str:host>", members.HostView.as_view(), name="host"),
]

# Beside these, on platform hosts only.
platform_urlpatterns: list[URLPattern] = [
    path("tenants", directory.TenantListView.as_view(), name="tenant-list"),
    path("tenants/<str:slug>", directory.TenantView.as_view(), name="tenant-detail"),
    path("tenants/<str:slug>/suspend", directory.SuspendView.as_view(), name="tenant-suspend"),
    path("tenants/<str:slug>/resume", directory.ResumeView.as_view(), name="tenant-resume"),
]
