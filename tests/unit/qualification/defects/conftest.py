"""The pack and the driver that the controller's own tests have."""

from ...ems.conftest import drive, settings

__all__ = ["drive", "settings"]
