"""Signing in to the admin, and changing one's own password there."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.forms import AuthenticationForm
from unfold.widgets import UnfoldAdminPasswordWidget

from core.errors import Invalid, TooManyRequests
from tenants.models import User
from tenants.services.people import set_own_password
from tenants.services.sign_in import check_password
from tenants.throttling import client_address


class SignInForm(AuthenticationForm):  # type: ignore[misc]  # unfold has no types
    """The form of both hosts; the authentication backend knows whom each lets in."""

    def clean(self) -> dict[str, Any]:
        try:
            cleaned: dict[str, Any] = super().clean()
        except TooManyRequests as refusal:
            raise ValidationError(refusal.message, code=refusal.code) from refusal
        return cleaned

    def confirm_login_allowed(self, user: AbstractBaseUser) -> None:
        """Everybody whom the backend lets in may see the admin; what is in it depends on the role."""


class MemberSignInForm(SignInForm):
    """Signs in members of the tenant in scope."""

    error_messages = {
        "invalid_login": "This e-mail address and password do not belong together, or to no member of this site."
    }


class OperatorSignInForm(SignInForm):
    """Signs in operators of the installation."""

    error_messages = {
        "invalid_login": "This e-mail address and password do not belong together, or to no operator."
    }


class OwnPasswordForm(forms.Form):
    """The old password and, twice, the new one."""

    old = forms.CharField(
        label="Your password now",
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "current-password"}),
    )
    new = forms.CharField(
        label="New password",
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="At least 12 characters.",
    )
    again = forms.CharField(
        label="New password again",
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, user: User, address: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.address = address

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if self.errors:
            return cleaned
        if cleaned["new"] != cleaned["again"]:
            raise ValidationError({"again": "The two do not agree."})
        try:
            known = check_password(email=self.user.email, password=cleaned["old"], address=self.address)
        except TooManyRequests as refusal:
            raise ValidationError(refusal.message, code=refusal.code) from refusal
        if known is None:
            raise ValidationError({"old": "This is not your password."})
        return cleaned


class PasswordPages:
    """The page on which a signed-in person changes their password; the admin sites mix it in."""

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Change the password; every sign-in that rests on the old one ends, this one too."""
        user = request.user
        assert isinstance(user, User)  # the site asks for a sign-in before this page
        form = OwnPasswordForm(
            request.POST if request.method == "POST" else None, user=user, address=client_address(request)
        )
        if form.is_valid():
            try:
                set_own_password(user=user, password=form.cleaned_data["new"])
            except Invalid as refusal:
                form.add_error("new", [error.message for error in refusal.errors])
            else:
                logout(request)
                messages.success(request, "Your password is changed. Sign in with the new one.")
                return HttpResponseRedirect(reverse("admin:login"))
        context = {**self.each_context(request), "title": "Change your password", "form": form}  # type: ignore[attr-defined]  # of the site
        return TemplateResponse(request, "admin/own_password.html", context)
