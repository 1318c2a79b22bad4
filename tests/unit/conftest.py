"""What makes thousands of small tests quick, and nothing that a test knows of."""

import gc
import os

import pytest
from hypothesis import HealthCheck, settings

# No example depends on the wall clock, and two workers share no file
settings.register_profile(
    "unit", max_examples=50, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unit")


def pytest_configure(config: pytest.Config) -> None:
    """Processes that the tests start need not compile the bench anew, each for itself."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """A million objects of imports and tests are there to the end: the garbage collector need not look at them again."""
    gc.collect()
    gc.freeze()
