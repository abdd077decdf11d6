"""Who acts, and the question whether they may.

`core` knows neither users nor memberships. `tenants` answers through `set_policy`, once, at start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from core.errors import Forbidden

ActorKind = Literal["user", "key", "plugin", "system", "anonymous"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """The person, key, plugin or process on whose behalf something happens.

    Args:
        id: The user's or key's UUID, the plugin's id, or a process name.
        label: What people read: e-mail address, key prefix, plugin name.
        role: Membership role in the tenant in scope, where there is one.
        scopes: What a key may do, as `action:collection` patterns; None where no key narrows the role.
        platform_admin: Whether this is an operator of the installation on the platform host.
        user_id: The person whose key this is; a service's key has none.
    """

    kind: ActorKind
    id: str
    label: str
    role: str | None = None
    scopes: frozenset[str] | None = None
    platform_admin: bool = False
    user_id: str | None = None

    @property
    def person_id(self) -> str | None:
        """Id of the person behind it; own-records rules compare it with a record's author."""
        return self.id if self.kind == "user" else self.user_id

    @property
    def reference(self) -> str:
        """`kind:id`, as stored with revisions, events and audit entries."""
        return f"{self.kind}:{self.id}"


ANONYMOUS = Actor(kind="anonymous", id="", label="anonymous")


def system_actor(name: str) -> Actor:
    """Return the actor of a command or a background process; it may do everything within its scope."""
    return Actor(kind="system", id=name, label=name)


class Policy(Protocol):
    """Decides whether an actor may do something; `tenants.permissions` implements it."""

    def denial(
        self, actor: Actor, action: str, *, collection: str | None, owner_id: str | None
    ) -> str | None:
        """Return the rule that forbids it as one sentence, or None where it is allowed."""


class _DenyEverything:
    def denial(
        self, actor: Actor, action: str, *, collection: str | None, owner_id: str | None
    ) -> str | None:
        return None if actor.kind == "system" else "No policy is installed, so nothing is allowed."


_policy: Policy = _DenyEverything()


def set_policy(policy: Policy) -> None:
    """Install the rules; called once by `tenants` when Django starts."""
    global _policy
    _policy = policy


def is_allowed(
    actor: Actor, action: str, *, collection: str | None = None, owner_id: str | None = None
) -> bool:
    """Say whether `actor` may perform `action`."""
    return _policy.denial(actor, action, collection=collection, owner_id=owner_id) is None


def authorize(
    actor: Actor, action: str, *, collection: str | None = None, owner_id: str | None = None
) -> None:
    """Refuse what the rules do not allow.

    Args:
        action: `record.create`, `record.publish`, `collection.manage`, `plugin.manage` and so on.
        collection: Name of the collection concerned.
        owner_id: Id of the user who wrote the record concerned; own-records rules compare it.

    Raises:
        Forbidden: with the rule that denied.
    """
    if (rule := _policy.denial(actor, action, collection=collection, owner_id=owner_id)) is not None:
        raise Forbidden(rule)
