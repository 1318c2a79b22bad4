import math

import can
import pytest

from v2g_bench.bms.disturbance import QUIET, Disturbance, DisturbanceSettings
from v2g_bench.faults import EmiNoise

FRAMES = 5_000


def frame(number: int = 0) -> can.Message:
    return can.Message(arbitration_id=0x80, is_extended_id=False, data=number.to_bytes(8, "big"))


def run(settings: DisturbanceSettings, seed: int = 1, count: int = FRAMES) -> tuple[Disturbance, list[list]]:
    path = Disturbance(seed)
    path.settings = settings
    return path, [path.transmit(frame(number), number * 0.01) for number in range(count)]


def spread(share: float, burst: int = 1) -> float:
    return 5 * math.sqrt(share * (1 - share) * burst / FRAMES)


def test_a_quiet_path_changes_nothing():
    path, sent = run(QUIET, count=100)
    assert all(len(one) == 1 and one[0].clean and one[0].at_s == n * 0.01 for n, one in enumerate(sent))
    assert (path.counters.offered, path.counters.passed_clean) == (100, 100)


@pytest.mark.parametrize("burst", [1, 3, 10])
@pytest.mark.parametrize("loss_pct", [1, 20, 60])
def test_the_loss_rate_is_what_was_asked_for_whatever_the_burst(loss_pct, burst):
    _, sent = run(DisturbanceSettings(loss_pct=loss_pct, burst_frames=burst))
    lost = sum(not one for one in sent) / FRAMES
    assert abs(lost - loss_pct / 100) < spread(loss_pct / 100, burst)


def test_bursts_are_as_long_as_asked_for():
    _, sent = run(DisturbanceSettings(loss_pct=2, burst_frames=7))
    runs, length = [], 0
    for one in sent:
        if one:
            runs.append(length)
            length = 0
        else:
            length += 1
    lengths = [length for length in runs if length]
    assert lengths
    assert all(length % 7 == 0 for length in lengths)


@pytest.mark.parametrize("gap", [1, 2, 4, 9])
@pytest.mark.parametrize("loss_pct", [20, 60, 100])
def test_no_identifier_is_missing_for_longer_than_the_gap_that_is_allowed(loss_pct, gap):
    path = Disturbance(1)
    path.settings = DisturbanceSettings(loss_pct=loss_pct, longest_gap=gap)
    sent = {1: "", 2: ""}
    for number in range(FRAMES):
        for identifier in sent:
            one = can.Message(arbitration_id=identifier, data=b"0")
            sent[identifier] += ".x"[not path.transmit(one, number * 0.01)]
    for seen in sent.values():
        longest = max(len(run) for run in seen.split("."))
        assert longest <= gap
        assert longest == gap or loss_pct**gap < 100**gap / FRAMES, "one so long was to be expected"
        share = EmiNoise(loss_pct=loss_pct, longest_gap=gap).loss_share()
        assert abs(seen.count("x") / FRAMES - share) <= spread(share)


def test_a_gap_ends_with_the_noise():
    path = Disturbance(1)
    for _ in range(2):
        path.settings = DisturbanceSettings(loss_pct=100, longest_gap=3)
        assert [bool(path.transmit(frame(), 0.0)) for _ in range(4)] == [False, False, False, True]
        assert not path.transmit(frame(), 0.0)
        path.settings = QUIET
        assert path.transmit(frame(), 0.0)


def test_two_losses_have_a_bound_where_both_have_one():
    bounded, free = DisturbanceSettings(loss_pct=10, longest_gap=4), DisturbanceSettings(loss_pct=10)
    assert bounded.joined(DisturbanceSettings(loss_pct=5, longest_gap=2)).longest_gap == 4
    assert bounded.joined(DisturbanceSettings(jitter_ms=3)).longest_gap == 4
    assert bounded.joined(free).longest_gap == 0
    assert free.joined(bounded).longest_gap == 0


def test_flips_change_one_to_three_bits_and_leave_the_original_alone():
    path, sent = run(DisturbanceSettings(flip_pct=100), count=500)
    seen = set()
    for number, one in enumerate(sent):
        original = frame(number)
        changed = int.from_bytes(original.data, "big") ^ int.from_bytes(one[0].frame.data, "big")
        seen.add(changed.bit_count())
        assert not one[0].clean
        assert original.data == frame(number).data
    assert seen == {1, 2, 3}
    assert path.counters.flipped == 500


def test_the_flip_rate_counts_the_frames_that_are_left():
    path, _ = run(DisturbanceSettings(loss_pct=50, flip_pct=10))
    left = path.counters.offered - path.counters.lost
    assert abs(path.counters.flipped / left - 0.10) < 5 * math.sqrt(0.1 * 0.9 / left)


def test_jitter_delays_evenly_and_keeps_the_order():
    _, sent = run(DisturbanceSettings(jitter_ms=25))
    times = [one[0].at_s for one in sent]
    assert times == sorted(times)
    delays = [at_s - number * 0.01 for number, at_s in enumerate(times)]
    assert all(-1e-12 <= delay <= 0.0250001 for delay in delays)
    assert max(delays) > 0.024


def test_frames_in_flight_are_not_overtaken_when_the_jitter_ends():
    path = Disturbance(seed=3)
    path.settings = DisturbanceSettings(jitter_ms=1000)
    late = max(path.transmit(frame(number), 0.0)[0].at_s for number in range(20))
    path.settings = QUIET
    assert path.transmit(frame(99), 0.001)[0].at_s == late
    assert path.transmit(frame(99), 5.0)[0].at_s == 5.0


def test_duplicates_repeat_the_frame_with_its_counter():
    _, sent = run(DisturbanceSettings(duplicate_pct=30))
    pairs = [one for one in sent if len(one) == 2]
    assert abs(len(pairs) / FRAMES - 0.3) < spread(0.3)
    assert all(one[0].frame.data == one[1].frame.data for one in pairs)


def test_silence_lets_nothing_through():
    path, sent = run(DisturbanceSettings(silent=True), count=50)
    assert not any(sent)
    assert path.counters.silenced == 50


def test_the_same_seed_gives_the_same_outcome_and_another_does_not():
    settings = DisturbanceSettings(loss_pct=10, flip_pct=10, jitter_ms=3, duplicate_pct=5, burst_frames=2)

    def outcome(seed: int) -> list:
        _, sent = run(settings, seed, count=500)
        return [[(one.at_s, bytes(one.frame.data)) for one in group] for group in sent]

    assert outcome(7) == outcome(7)
    assert outcome(7) != outcome(8)


def test_two_disturbances_join():
    joined = DisturbanceSettings(loss_pct=50, burst_frames=2).joined(DisturbanceSettings(loss_pct=50, jitter_ms=4))
    assert joined == DisturbanceSettings(loss_pct=75, burst_frames=2, jitter_ms=4)
    assert QUIET.joined(DisturbanceSettings(silent=True)).silent


def test_a_frozen_sender_repeats_the_last_frame_of_each_identifier():
    path = Disturbance(1)
    path.transmit(frame(1), 0.0)
    path.transmit(frame(2), 0.01)
    path.settings = DisturbanceSettings(frozen=True)
    sent = [one for number in range(3, 8) for one in path.transmit(frame(number), number * 0.01)]
    assert [one.frame.data for one in sent] == [frame(2).data] * 5
    assert [one.at_s for one in sent] == [number * 0.01 for number in range(3, 8)]
    path.settings = QUIET
    assert path.transmit(frame(9), 0.09)[0].frame.data == frame(9).data
