"""Definitions of checks as JSON, for events, tables and programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from plugin_host.hooks.health_monitor import HealthCheckDefinition


def definition_document(check: HealthCheckDefinition) -> dict[str, Any]:
    """Return a definition as JSON; `definition_from` reads it."""
    return {**asdict(check), "severity": check.severity.value}


def definition_from(document: Mapping[str, Any]) -> HealthCheckDefinition:
    """Return the definition that a stored document says."""
    return HealthCheckDefinition(**document)
