"""The public pages of a tenant's host."""
