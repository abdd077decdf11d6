"""Who: tenants, their domains and members, sign-in, API keys, permissions."""
