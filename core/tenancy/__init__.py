"""Tables that belong to a tenant: their base model, policies, roles and checks."""
