"""The admin's content part: one more face of the services, with no writes of its own."""
