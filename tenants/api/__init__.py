"""REST of tenants, people and access."""
