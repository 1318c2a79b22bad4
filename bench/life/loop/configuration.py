"""A configuration of the reference controller: a folder with limits.conf, thermal-policy.json and ems.toml.

They are read by the controller's own code, so a bad file has the message that the controller itself would give.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from v2g_bench.ems.model.config import Thresholds, load_config
from v2g_bench.ems.model.limits import SocLimits, load_limits
from v2g_bench.ems.model.thermal_policy import ThermalPolicy, load_policy
from v2g_bench.errors import BenchError
from v2g_bench.inputs.files import present


@dataclass(frozen=True)
class Configuration:
    """What the controller is set to. assumed: what the folder leaves to the controller's defaults, for the report."""

    name: str
    limits: SocLimits = field(default_factory=SocLimits)
    policy: ThermalPolicy = field(default_factory=ThermalPolicy)
    thresholds: Thresholds = field(default_factory=Thresholds)
    assumed: tuple[str, ...] = ()

    def having(self, name: str, **thresholds: Any) -> "Configuration":
        """The same with other thresholds."""
        return replace(self, name=name, thresholds=self.thresholds.model_copy(update=thresholds))


def load_configuration(folder: Path) -> Configuration:
    """The configuration in a folder. limits.conf must be there; of the others the defaults hold, and are said.

    Raises: BenchError with file, line or key, and what to do.
    """
    if not folder.is_dir():
        raise BenchError(str(folder), "is not a folder", "give the folder that holds limits.conf")
    limits_path, policy_path, ems_path = (folder / name for name in ("limits.conf", "thermal-policy.json", "ems.toml"))
    limits = load_limits(limits_path)
    policy, thresholds, assumed = ThermalPolicy(), Thresholds(), []
    if present(policy_path):
        policy = load_policy(policy_path)
    else:
        assumed.append(f"{policy_path.name} is not there: cooling at {policy.cooling_trigger_c:g} °C")
    if present(ems_path):
        thresholds = load_config(ems_path).thresholds
    else:
        assumed.append(f"{ems_path.name} is not there: the controller's default thresholds")
    return Configuration(folder.name or str(folder), limits, policy, thresholds, tuple(assumed))
