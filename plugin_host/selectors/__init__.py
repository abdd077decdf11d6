"""What people and programs see of plugins."""
