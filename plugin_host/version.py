"""The version of Tenantry, which plugins name in `requires_core`."""

from typing import Final

CORE_VERSION: Final = "1.0.0"
