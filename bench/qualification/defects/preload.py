"""What certifications, campaigns and verifications on a simulation import, for `warm`: imported for that alone."""

import pytest  # noqa: F401

import v2g_bench.campaign.run
import v2g_bench.cli
import v2g_bench.fixtures.plugin
import v2g_bench.qualification.defects.controllers
import v2g_bench.reports.write
import v2g_bench.sim.rig  # noqa: F401
