"""The people of a tenant and their roles."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from core.admin.model_admin import ServiceForm, ServiceModelAdmin, show_refusal
from core.errors import TenantryError
from tenants.admin_site import on_tenant_site
from tenants.models import Membership, Role
from tenants.services.first_passwords import give_first_password
from tenants.services.members import add_member, change_role, remove_member


class AddMemberForm(ServiceForm):
    email = forms.EmailField(widget=UnfoldAdminTextInputWidget(attrs={"type": "email"}))
    name = forms.CharField(required=False, widget=UnfoldAdminTextInputWidget, max_length=200)
    role = forms.ChoiceField(choices=Role.choices, initial=Role.VIEWER, widget=UnfoldAdminSelectWidget)
    password = forms.CharField(
        required=False,
        strip=False,
        label="First password",
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="For somebody who is new here. A person who signs in already keeps the password they have.",
    )

    class Meta:
        model = Membership
        fields: ClassVar[list[str]] = ["role"]


class ChangeMemberForm(ServiceForm):
    role = forms.ChoiceField(choices=Role.choices, widget=UnfoldAdminSelectWidget)

    class Meta:
        model = Membership
        fields: ClassVar[list[str]] = ["role"]


@on_tenant_site(Membership)
class MembershipAdmin(ServiceModelAdmin):
    """Who may sign in here, and as what."""

    actions_needed: ClassVar[dict[str, str]] = {
        "view": "member.read",
        "add": "member.manage",
        "change": "member.manage",
        "delete": "member.manage",
    }
    list_title = "People"
    list_display = ("email", "person_name", "role", "created_at")
    list_filter = ("role",)
    search_fields = ("user__email", "user__name")
    list_select_related = ("user",)
    ordering = ("user__email",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        members: QuerySet[Membership] = Membership.objects.select_related("user")
        return members.order_by(*self.ordering)

    @admin.display(description="Email", ordering="user__email")
    def email(self, membership: Membership) -> str:
        return membership.user.email

    @admin.display(description="Name", ordering="user__name")
    def person_name(self, membership: Membership) -> str:
        return membership.user.name

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs["form"] = AddMemberForm if obj is None else ChangeMemberForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return [(None, {"fields": ["email", "name", "role", "password"]})]
        return [(None, {"fields": ["email", "person_name", "role", "created_at"]})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else ("email", "person_name", "created_at")

    def create(self, request: HttpRequest, form: forms.BaseForm) -> Membership:
        given = form.cleaned_data
        membership = add_member(email=given["email"], role=given["role"], name=given["name"])
        if given["password"]:
            try:
                give_first_password(membership=membership, password=given["password"])
            except TenantryError as refusal:
                show_refusal(request, refusal, before="Added, but without the new password.")
        else:
            messages.info(request, "Without a first password, a new person cannot sign in yet.")
        return membership

    def update(self, request: HttpRequest, obj: Membership, form: forms.BaseForm) -> Membership:
        return change_role(member_id=obj.pk, role=form.cleaned_data["role"])

    def remove(self, request: HttpRequest, obj: Membership) -> None:
        remove_member(member_id=obj.pk)
