"""Puts a tenant's site into an S3 bucket as static files, and tells CloudFront what has changed."""

from .plugin import S3StaticDeployerPlugin

__all__ = ["S3StaticDeployerPlugin"]
