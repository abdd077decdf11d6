"""Who may do what: the one table of actions, roles and keys.

Everything that is not in `ACTIONS` is refused. A role may what the table says; an author's rights to change, delete
and publish end at the author's own records. A key may what its role allows (a person's key: what that person's role
allows at that moment) and, where it has scopes, what one of them names. Plugins may change content, nothing else.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from core.actors import Actor
from tenants.models import Role

_READERS: Final = (Role.OWNER, Role.ADMIN, Role.EDITOR, Role.AUTHOR, Role.VIEWER)
_WRITERS: Final = (Role.OWNER, Role.ADMIN, Role.EDITOR, Role.AUTHOR)
_EDITORS: Final = (Role.OWNER, Role.ADMIN, Role.EDITOR)
_ADMINS: Final = (Role.OWNER, Role.ADMIN)
_OWNERS: Final = (Role.OWNER,)

# From most to least; whoever gives a role needs one at least as high.
RANKS: Final = _READERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Which roles may perform an action.

    Args:
        roles: May always.
        own: May on records that they wrote themselves.
        keys: Whether API keys may as well.
        plugins: Whether plugins may, acting by themselves.
    """

    meaning: str
    roles: tuple[Role, ...]
    own: tuple[Role, ...] = ()
    keys: bool = True
    plugins: bool = False


ACTIONS: Final[dict[str, Rule]] = {
    "record.read": Rule(
        meaning="read published records of collections that are not public", roles=_READERS, plugins=True
    ),
    "record.read_draft": Rule(meaning="read working copies and their history", roles=_READERS, plugins=True),
    "record.create": Rule(meaning="write new records", roles=_WRITERS, plugins=True),
    "record.update": Rule(meaning="change records", roles=_EDITORS, own=(Role.AUTHOR,), plugins=True),
    "record.delete": Rule(meaning="delete records", roles=_EDITORS, own=(Role.AUTHOR,), plugins=True),
    "record.publish": Rule(
        meaning="publish records and take them back", roles=_EDITORS, own=(Role.AUTHOR,), plugins=True
    ),
    "collection.read": Rule(meaning="see collections and their schemas", roles=_READERS, plugins=True),
    "collection.manage": Rule(meaning="make, change and delete collections", roles=_ADMINS),
    "event.read": Rule(meaning="read the log of events", roles=_ADMINS),
    "plugin.read": Rule(meaning="see plugins, their state and deliveries", roles=_ADMINS),
    "plugin.manage": Rule(
        meaning="switch plugins on and off, configure them, replay deliveries", roles=_ADMINS
    ),
    "schedule.run": Rule(meaning="make tasks and checks run that are due", roles=_ADMINS),
    "plugin.use": Rule(meaning="use pages and routes that plugins add", roles=_READERS),
    "metrics.read": Rule(
        meaning="see search metrics, the patterns in them and what was learnt", roles=_EDITORS
    ),
    "member.read": Rule(meaning="see members and their roles", roles=_ADMINS),
    "member.manage": Rule(meaning="add and remove members, change roles", roles=_ADMINS, keys=False),
    "owner.manage": Rule(meaning="make and unmake owners", roles=_OWNERS, keys=False),
    "key.own": Rule(meaning="make and end keys of one's own", roles=_READERS, keys=False),
    "key.manage": Rule(meaning="make and end keys of services, end anybody's", roles=_ADMINS, keys=False),
    "domain.manage": Rule(meaning="add and remove hosts", roles=_ADMINS, keys=False),
    "tenant.read": Rule(meaning="see name, hosts and colours of the site", roles=_READERS, plugins=True),
    "tenant.manage": Rule(meaning="change name, time zone and colours of the site", roles=_ADMINS),
    "installation.manage": Rule(meaning="make, suspend and resume tenants", roles=(), keys=False),
    "audit.read": Rule(meaning="read the audit log", roles=_ADMINS),
}


class TenantPolicy:
    """Implements `core.actors.Policy` by the table above."""

    def denial(
        self, actor: Actor, action: str, *, collection: str | None, owner_id: str | None
    ) -> str | None:
        """Return the rule that forbids it as one sentence, or None where it is allowed."""
        if actor.kind == "system" or actor.platform_admin:
            return None
        rule = ACTIONS.get(action)
        if rule is None:
            return f"No rule allows {action}."
        if actor.kind == "anonymous":
            return f"{action} needs a sign-in or an API key."
        if actor.kind == "plugin":
            return None if rule.plugins else f"Plugins may not {rule.meaning} ({action})."
        if actor.kind == "key" and (reason := _key_denial(actor, rule, action, collection)):
            return reason
        return _role_denial(actor, rule, action, owner_id)


def allowed_actions(actor: Actor) -> list[str]:
    """Return the actions that an actor may perform somewhere, own records included."""
    policy = TenantPolicy()
    mine = actor.person_id
    return [
        action
        for action in ACTIONS
        if policy.denial(actor, action, collection="*" if actor.scopes else None, owner_id=mine) is None
    ]


def scope_faults(scopes: Iterable[str]) -> list[str]:
    """Return what is wrong with each scope of a key that has a fault."""
    faults = []
    for scope in scopes:
        action, _, collection = scope.partition(":")
        if not any(_matches(action, known) for known in ACTIONS):
            faults.append(_no_action(scope, action))
        elif not collection:
            faults.append(f"{scope!r} names no collection; add one, or :* for all.")
    return faults


def _no_action(scope: str, action: str) -> str:
    known = [name for name, rule in ACTIONS.items() if rule.keys]
    # Names are short, and the part after the dot says most: `task.run` is to lead to `schedule.run`.
    near = difflib.get_close_matches(action, known, n=1, cutoff=0.5)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    return (
        f"{scope!r} names no action.{meant} Write an action and a collection, such as record.read:posts or "
        f"record.*:*. The actions are: {', '.join(known)}."
    )


def is_at_least(role: str, other: str) -> bool:
    """Say whether a role is as high as another."""
    order = [*RANKS]
    return order.index(Role(role)) <= order.index(Role(other))


def _key_denial(actor: Actor, rule: Rule, action: str, collection: str | None) -> str | None:
    if not rule.keys:
        return f"API keys may not {rule.meaning} ({action}); a person has to sign in."
    if actor.scopes is None:
        return None
    for scope in actor.scopes:
        wanted_action, _, wanted_collection = scope.partition(":")
        if _matches(wanted_action, action) and (
            wanted_collection == "*" or (collection is not None and _covers(wanted_collection, collection))
        ):
            return None
    target = f"{action}:{collection or '*'}"
    return f"The key's scopes do not include {target}."


def _role_denial(actor: Actor, rule: Rule, action: str, owner_id: str | None) -> str | None:
    if actor.role in rule.roles:
        return None
    if actor.role in rule.own:
        if owner_id is not None and owner_id == actor.person_id:
            return None
        return f"The role {actor.role} may {rule.meaning} of its own only ({action})."
    allowed = ", ".join((*rule.roles, *rule.own)) or "operator of the installation"
    who = f"The role {actor.role}" if actor.role else "Somebody who is no member"
    return f"{who} may not {rule.meaning} ({action}); it takes one of: {allowed}."


def _matches(pattern: str, action: str) -> bool:
    return fnmatchcase(action, pattern) if set(pattern) <= _PATTERN_CHARACTERS else False


def _covers(pattern: str, collection: str) -> bool:
    # "*" as a collection asks whether there is any at all.
    return collection in {"*", pattern}


_PATTERN_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz_.*")
