"""The services that the tests of all deployers play."""

from __future__ import annotations

from typing import Final

from tests.plugins.deployments.netlify import NETLIFY
from tests.plugins.deployments.vercel import VERCEL

SERVICES: Final = (VERCEL, NETLIFY)
