"""Django's PostgreSQL backend, kept in step with `core.scope` (see `base`)."""
