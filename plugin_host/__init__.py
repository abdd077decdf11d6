"""The plugin SDK and its runtime."""
