"""The plugin under test, with what it did at each of the tenants that it was tried at; each is made at first need."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any, Final

from plugin_host.dependencies import required_plugins
from plugin_host.http import allow_outbound, use_services
from plugin_host.instances import instances
from plugin_host.loading.plugin import LoadedPlugin
from plugin_host.registry import loaded_plugins
from plugin_host.services import disable_plugin, enable_plugin, save_config, save_secrets
from plugin_host.testing import host
from plugin_host.testing.contract.account import Account
from plugin_host.testing.contract.content_steps import change_content, deliver
from plugin_host.testing.contract.example import Example, example_of
from plugin_host.testing.contract.hook_calls import call_other_hooks
from plugin_host.testing.contract.rows import kept_texts
from plugin_host.testing.contract.samples import sample_of
from plugin_host.testing.contract.visits import Visitor
from plugin_host.testing.peer import HttpPeer
from plugin_host.testing.schedule import learn_definitions

EXAMPLES: Final = "see `contract.py` in docs/plugins/testing.md"


class Subject:
    """A plugin that is held to the contracts."""

    def __init__(self, plugin_id: str, peer: HttpPeer) -> None:
        self.id = plugin_id
        self.peer = peer

    @property
    def plugin(self) -> LoadedPlugin:
        """The plugin.

        Raises:
            NotFound: It is not loaded; the message says why.
        """
        return loaded_plugins().get(self.id)

    @cached_property
    def example(self) -> Example:
        """What the plugin brings along."""
        return example_of(self.plugin.module, self.peer)

    @cached_property
    def home(self) -> Account:
        """A tenant at which everything was asked, and each delivery made twice."""
        account = self.account()
        self.exercise(account, twice=True)
        return account

    @cached_property
    def neighbour(self) -> Account:
        """Another one, after it."""
        self.home  # noqa: B018 - it comes first
        account = self.account()
        self.exercise(account)
        return account

    @cached_property
    def troubled(self) -> Account:
        """A tenant at which every service that the plugin calls refuses."""
        account = self.account()
        # What clients do not try again in between, so that nobody waits.
        self.peer.answer_everything(403)
        try:
            self.exercise(account)
        finally:
            self.peer.answer_everything(None)
        return account

    def look_again(self, account: Account) -> Account:
        """Return what the plugin shows at a tenant now."""
        again = replace(account, evidence=[], failures=[], runs=[], blocks=[], repeats=[], asked=[])
        with again.observed():
            visitor = Visitor(again)
            visitor.read_routes()
            visitor.open_pages()
            visitor.look_at_the_plugin()
        return again

    def account(self) -> Account:
        """Return a new tenant's account, with the plugin off."""
        mark = f"mark{secrets.token_hex(8)}"
        account = Account(
            plugin=self.plugin,
            example=self.example,
            peer=self.peer,
            tenant=host.make_tenant(name=f"Tenant {mark}"),
            mark=mark,
        )
        account.config = self.config_for(self.plugin, self.example, mark)
        account.secrets = self.secrets_for(self.plugin, self.example)
        return account

    def exercise(self, account: Account, *, twice: bool = False) -> None:
        """Switch the plugin on, ask it everything that it can be asked, and keep what came of it."""
        with account.observed():
            self.switch_on(account)
            deliver(account, twice=twice)
            change_content(account, twice=twice)
            if account.content:
                call_other_hooks(account)
            visitor = Visitor(account)
            visitor.ask_routes()
            deliver(account, twice=twice)
            visitor.open_pages()
            visitor.look_at_the_plugin()
            for table, text in kept_texts(account).items():
                account.see(f"rows of {table}", text)

    def switch_on(self, account: Account) -> None:
        """Switch the plugin on for the account's tenant, with everything that it requires, all configured."""
        with account.inside():
            for plugin_id in [*required_plugins(loaded_plugins().plugins, self.id), self.id]:
                plugin = loaded_plugins().get(plugin_id)
                is_own = plugin_id == self.id
                example = self.example if is_own else example_of(plugin.module, self.peer)
                config = account.config if is_own else self.config_for(plugin, example, account.mark)
                values = account.secrets if is_own else self.secrets_for(plugin, example)
                if config:
                    save_config(plugin_id, config)
                if values:
                    save_secrets(plugin_id, values)
                enable_plugin(plugin_id)
            if account.config:
                # Once more, so that somebody hears of a change.
                save_config(self.id, account.config)
            # As a worker does at once; hooks ask for runs of tasks.
            learn_definitions(account.tenant)

    def switch_off(self, account: Account) -> None:
        """Switch the plugin off, and let it come to its end."""
        with account.inside():
            disable_plugin(self.id)
        deliver(account)
        instances.settle()

    def config_for(self, plugin: LoadedPlugin, example: Example, mark: str) -> dict[str, Any]:
        """Return configuration with which a plugin works.

        Raises:
            NoSample: None can be made up.
        """
        schema = plugin.metadata.config_schema
        if schema is None:
            return dict(example.config)
        given = {
            **schema,
            "required": [one for one in schema.get("required", ()) if one not in example.config],
        }
        made = sample_of(given, text=mark, url=self.peer.url("/")) if given["required"] else {}
        return {**{name: made[name] for name in given["required"]}, **example.config}

    def secrets_for(self, plugin: LoadedPlugin, example: Example) -> dict[str, str]:
        """Return secrets that are new and can be told from everything else.

        Raises:
            NoSample: None can be made up.
        """
        schema = plugin.metadata.secrets_schema
        if schema is None:
            return dict(example.secrets)
        names = [name for name in schema.get("properties", {}) if name not in example.secrets]
        canary = f"canary{secrets.token_hex(12)}"
        made = {
            name: sample_of(
                {**schema, "required": [name]}, text=f"{canary}{number}", url=self.peer.url(f"/{canary}")
            )[name]
            for number, name in enumerate(names)
        }
        return {**made, **example.secrets}


@contextmanager
def subject_for(plugin_id: str) -> Iterator[Subject]:
    """Hold a plugin to the contracts inside the block; only there its services are played."""
    with ExitStack() as stack:
        peer = stack.enter_context(HttpPeer())
        stack.enter_context(allow_outbound(f"127.0.0.1:{peer.port}"))
        subject = Subject(plugin_id, peer)
        if plugin_id in loaded_plugins().plugins and subject.example.services:
            stack.enter_context(use_services(**dict(subject.example.services)))
        yield subject
