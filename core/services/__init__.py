"""Every write to content: one function per use case, the same for admin, API, commands and plugins."""
