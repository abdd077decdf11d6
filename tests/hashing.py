"""Password hashes that cost next to nothing: nobody has to be kept out of a test."""

from __future__ import annotations

from django.contrib.auth.hashers import Argon2PasswordHasher


class CheapArgon2PasswordHasher(Argon2PasswordHasher):
    """The hasher of the installation, with the least work that Argon2 knows."""

    time_cost = 1
    memory_cost = 8
    parallelism = 1
