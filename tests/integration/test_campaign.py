"""A campaign over several processes; what a scenario and a row say is `tests/unit/campaign`."""

import pytest

from v2g_bench.campaign.plan import SHIPPED
from v2g_bench.campaign.run import Campaign, Job, results_sha256

pytestmark = pytest.mark.simulated

TEXT = (SHIPPED / "shutdown.toml").read_text("utf-8").replace("per_stand = 100", "per_stand = 2")


def test_the_number_of_workers_changes_nothing(tmp_path):
    alone, shared = (Campaign(Job(TEXT, 6, 1), tmp_path / f"{workers}").run(workers=workers) for workers in (1, 2))
    assert results_sha256(alone) == results_sha256(shared)
