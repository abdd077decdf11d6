"""The one form engine: content, configuration and secrets are edited through these fields."""
