"""Passwords are kept as the installation is set up; the rest of the suite hashes cheaply."""

from __future__ import annotations

from django.contrib.auth.hashers import Argon2PasswordHasher, identify_hasher, make_password
from django.test import override_settings

from cms_project import settings as installation
from tests.hashing import CheapArgon2PasswordHasher


def test_a_real_hash_is_argon2_with_the_cost_that_django_recommends() -> None:
    with override_settings(PASSWORD_HASHERS=installation.PASSWORD_HASHERS):
        kept = make_password("correct horse battery staple")

        assert kept.startswith("argon2$argon2id$")
        assert f"m={Argon2PasswordHasher.memory_cost},t={Argon2PasswordHasher.time_cost}" in kept
        assert not identify_hasher(kept).must_update(kept)


def test_the_suites_own_hashes_are_cheap_ones_of_the_same_kind() -> None:
    kept = make_password("correct horse battery staple")

    assert kept.startswith("argon2$argon2id$")
    assert f"m={CheapArgon2PasswordHasher.memory_cost},t=1,p=1" in kept
