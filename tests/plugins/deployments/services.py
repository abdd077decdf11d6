"""The services that the tests of all deployers play."""

from __future__ import annotations

from typing import Final

from tests.plugins.netlify_deployer.peer import NETLIFY
from tests.plugins.vercel_deployer.peer import VERCEL

SERVICES: Final = (VERCEL, NETLIFY)
