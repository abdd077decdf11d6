"""The table of actions, and the rules around it."""

from __future__ import annotations

from itertools import pairwise

import pytest

from core.actors import ANONYMOUS, Actor, authorize, is_allowed, system_actor
from core.errors import Forbidden
from tenants.models import Role
from tenants.permissions import ACTIONS, allowed_actions, is_at_least, scope_faults


def person(role: str | None, person_id: str = "me") -> Actor:
    return Actor(kind="user", id=person_id, label=person_id, role=role)


def key(role: str, *scopes: str, user_id: str | None = None) -> Actor:
    return Actor(
        kind="key", id="key", label="key", role=role, scopes=frozenset(scopes) or None, user_id=user_id
    )


def test_each_role_may_what_the_lower_ones_may() -> None:
    rights = [set(allowed_actions(person(role))) for role in Role.values]

    for higher, lower in pairwise(rights):
        assert higher >= lower
    assert rights[-1] < rights[0]


@pytest.mark.parametrize("action", ["record.reed", "", "record", "record.*", "*"])
def test_what_is_not_in_the_table_is_allowed_to_nobody(action: str) -> None:
    for actor in (person(Role.OWNER), key(Role.ADMIN, "*:*"), ANONYMOUS):
        with pytest.raises(Forbidden, match=r"No rule allows|needs a sign-in"):
            authorize(actor, action)


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_nobody_may_nothing_and_the_system_everything(action: str) -> None:
    assert not is_allowed(ANONYMOUS, action, collection="posts", owner_id="me")
    assert not is_allowed(person(None), action, collection="posts", owner_id="me")
    assert is_allowed(system_actor("tests"), action)


def test_an_author_may_change_own_records_only() -> None:
    author = person(Role.AUTHOR)

    for action in ("record.update", "record.delete", "record.publish"):
        assert is_allowed(author, action, collection="posts", owner_id="me")
        assert not is_allowed(author, action, collection="posts", owner_id="you")
        assert not is_allowed(author, action, collection="posts", owner_id=None)
        assert is_allowed(key(Role.AUTHOR, user_id="me"), action, collection="posts", owner_id="me")
        # A service's key wrote nothing, and records of nobody are not its own.
        assert not is_allowed(key(Role.AUTHOR), action, collection="posts", owner_id=None)


def test_a_denial_names_its_rule() -> None:
    with pytest.raises(Forbidden, match=r"role viewer .*record\.create.*owner, admin, editor, author"):
        authorize(person(Role.VIEWER), "record.create")
    with pytest.raises(Forbidden, match=r"of its own only \(record\.update\)"):
        authorize(person(Role.AUTHOR), "record.update", owner_id="you")
    with pytest.raises(Forbidden, match=r"scopes do not include record\.create:posts"):
        authorize(key(Role.ADMIN, "record.read:*"), "record.create", collection="posts")
    with pytest.raises(Forbidden, match="a person has to sign in"):
        authorize(key(Role.ADMIN), "member.manage")


@pytest.mark.parametrize(
    ("scope", "action", "collection", "allowed"),
    [
        ("record.read:posts", "record.read", "posts", True),
        ("record.read:posts", "record.read", "pages", False),
        ("record.read:posts", "record.read", None, False),
        ("record.read:posts", "record.read_draft", "posts", False),
        ("record.*:posts", "record.publish", "posts", True),
        ("record.*:*", "record.publish", "anything", True),
        ("record.*:*", "collection.manage", "anything", False),
        ("*:*", "collection.manage", None, True),
        ("collection.manage:*", "collection.manage", None, True),
        ("record.read:p*", "record.read", "posts", False),
        ("record.[a-z]*:*", "record.read", "posts", False),
    ],
)
def test_scopes_are_action_and_collection(
    scope: str, action: str, collection: str | None, allowed: bool
) -> None:
    assert is_allowed(key(Role.ADMIN, scope), action, collection=collection) is allowed


def test_scopes_add_nothing_to_a_role() -> None:
    assert not is_allowed(key(Role.VIEWER, "*:*"), "record.create", collection="posts")


def test_scopes_that_say_nothing_are_faults() -> None:
    assert scope_faults(["record.read:*", "record.*:posts", "*:*"]) == []
    assert [text.split()[0] for text in scope_faults(["posts", "record.reed:*", "record.read"])] == [
        "'posts'",
        "'record.reed:*'",
        "'record.read'",
    ]


def test_plugins_may_change_content_and_nothing_else() -> None:
    plugin = Actor(kind="plugin", id="seo", label="SEO")

    assert {action for action in ACTIONS if is_allowed(plugin, action, collection="posts")} == {
        *(action for action in ACTIONS if action.startswith("record.")),
        "collection.read",
        "tenant.read",
    }


def test_operators_count_as_such_only_where_the_platform_says_so() -> None:
    operator = Actor(kind="user", id="op", label="op", platform_admin=True)

    assert is_allowed(operator, "installation.manage")
    assert not any(is_allowed(person(role), "installation.manage") for role in Role.values)


def test_ranks() -> None:
    assert is_at_least("owner", "owner")
    assert is_at_least("admin", "viewer")
    assert not is_at_least("editor", "admin")
