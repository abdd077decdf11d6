"""The fixtures of all deployers' tests."""

from tests.plugins.deployments.fixtures import by_api, by_hook, kept, peer, project, publish, runs, service

__all__ = ["by_api", "by_hook", "kept", "peer", "project", "publish", "runs", "service"]
