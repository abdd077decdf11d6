"""The actions of `manage.py plugin`, in the order in which its help lists them."""

from __future__ import annotations

from typing import Final

from plugin_host.management.plugin_actions.base import PluginAction
from plugin_host.management.plugin_actions.configuration import ConfigAction
from plugin_host.management.plugin_actions.deliveries import DeliveriesAction, ReplayAction
from plugin_host.management.plugin_actions.explaining import ExplainAction
from plugin_host.management.plugin_actions.health import HealthAction
from plugin_host.management.plugin_actions.hooks import HooksAction
from plugin_host.management.plugin_actions.looking import ListAction, ShowAction
from plugin_host.management.plugin_actions.new import NewAction
from plugin_host.management.plugin_actions.secrets import SecretAction
from plugin_host.management.plugin_actions.soundness import CheckAction
from plugin_host.management.plugin_actions.states import (
    DisableAction,
    EnableAction,
    PauseAction,
    ResumeAction,
)
from plugin_host.management.plugin_actions.tasks import RunDueAction, RunTaskAction, TasksAction
from plugin_host.management.plugin_actions.uninstalling import UninstallAction

ACTIONS: Final[tuple[type[PluginAction], ...]] = (
    ListAction,
    ShowAction,
    EnableAction,
    DisableAction,
    PauseAction,
    ResumeAction,
    ConfigAction,
    SecretAction,
    HooksAction,
    DeliveriesAction,
    ReplayAction,
    ExplainAction,
    HealthAction,
    TasksAction,
    RunTaskAction,
    RunDueAction,
    CheckAction,
    NewAction,
    UninstallAction,
)
