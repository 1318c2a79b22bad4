"""How long bits last: nominal and data bit rate, and where in a bit it is sampled.

With a bit rate switch the data rate holds from the sample point of the BRS bit to the sample point of the CRC delimiter;
together these two bits last one nominal and one data bit. So a frame lasts n_nominal / bitrate + n_data / data_bitrate,
with n_data the bits from ESI to the last of the checksum, and one.
"""

from dataclasses import dataclass

from v2g_bench.can.physics.encode import Encoded


@dataclass(frozen=True)
class BitTiming:
    """Bits per second, and sample points as shares of a bit. A bus without FD uses the first of each alone.

    The sample points are CiA 601-3's recommendation for 500 kbit/s and 2 Mbit/s: 80 %.
    """

    bitrate: int = 500_000
    data_bitrate: int = 2_000_000
    sample_point: float = 0.8
    data_sample_point: float = 0.8

    def __post_init__(self) -> None:
        if self.bitrate <= 0 or self.data_bitrate < self.bitrate:
            raise ValueError(f"{self.bitrate} and {self.data_bitrate} bit/s are no pair of bit rates")
        if not (0 < self.sample_point < 1 and 0 < self.data_sample_point < 1):
            raise ValueError("a sample point lies inside its bit: between 0 and 1")

    @property
    def bit_s(self) -> float:
        """One bit at the nominal rate."""
        return 1.0 / self.bitrate

    @property
    def data_bit_s(self) -> float:
        """One bit at the data rate."""
        return 1.0 / self.data_bitrate

    def duration_s(self, nominal_bits: int, data_bits: int) -> float:
        """How long this many bits last, of which two are the switching ones, one counted at each rate."""
        return nominal_bits / self.bitrate + data_bits / self.data_bitrate

    def end_s(self, encoded: Encoded, at: int) -> float:
        """When bit `at` of a frame is over, from the begin of its SOF. Bits beyond EOF go on at the nominal rate."""
        brs, nominal, data = encoded.brs, self.bit_s, self.data_bit_s
        if brs < 0 or at < brs:
            return (at + 1) * nominal
        switched_s = brs * nominal + self.sample_point * nominal + (1 - self.data_sample_point) * data
        if at < encoded.delimiter:
            return switched_s + (at - brs) * data
        back_s = switched_s + (encoded.delimiter - 1 - brs) * data
        back_s += self.data_sample_point * data + (1 - self.sample_point) * nominal
        return back_s + (at - encoded.delimiter) * nominal

    def sample_s(self, encoded: Encoded, at: int) -> float:
        """When bit `at` is sampled, from the begin of the frame's SOF."""
        at_data_rate = 0 <= encoded.brs <= at < encoded.delimiter
        late = (1 - self.data_sample_point) * self.data_bit_s if at_data_rate else (1 - self.sample_point) * self.bit_s
        return self.end_s(encoded, at) - late
