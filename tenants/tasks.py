"""What the clock has done about sign-ins; every task may run twice, late or not at all."""

from __future__ import annotations

from celery import shared_task

from tenants.services.clean_up import delete_ended_sign_ins


@shared_task(name="tenants.tasks.clean_up", ignore_result=True)
def clean_up() -> None:
    """Delete sessions and refresh tokens that have ended."""
    delete_ended_sign_ins()
