"""The bench's view of the simulated inverter: the values of its registers, without a Modbus request."""

from v2g_bench.inverter.client import InverterIdentity
from v2g_bench.inverter.port import InverterReading
from v2g_bench.inverter.sunspec import InverterMap
from v2g_bench.plant.faces import PlantStage


class SimInverter:
    """As `InverterClient`, as far as the bench uses it. Power and frequency have the registers' resolution.

    It reads the power stage itself: a Modbus server or a register map that lies is seen by the controller alone.
    """

    def __init__(self, inverter: InverterMap, stage: PlantStage) -> None:
        self._config, self._stage = inverter.config, stage
        self._power_step_w = 10.0 ** inverter.value("701.W_SF")
        self._frequency_step_hz = 10.0 ** inverter.value("701.Hz_SF")

    def identity(self) -> InverterIdentity:
        """Who it is: model 1."""
        config = self._config
        return InverterIdentity(config.maker, config.model, config.serial, config.version)

    def reading(self) -> InverterReading:
        """What the inverter measures now."""
        reading = self._stage.measure()
        power_w = round(reading.ac_power_w / self._power_step_w) * self._power_step_w + 0.0
        frequency_hz = round(reading.frequency_hz / self._frequency_step_hz) * self._frequency_step_hz
        return InverterReading(
            power_w,
            reading.ac_voltage_v,
            frequency_hz,
            reading.dc_voltage_v,
            reading.dc_current_a,
            reading.soc_pct,
            reading.running,
            reading.fault,
        )

    def close(self) -> None:
        """There is no connection."""
