from math import inf

from v2g_bench.ems.core.cyclic import CyclicSender


def test_holds_its_phase_when_called_late() -> None:
    sender = CyclicSender({"a": 0.01})
    assert sender.due(5.0) == ["a"]
    assert sender.next_due_s(5.0) == 5.01
    assert sender.due(5.009) == []
    assert sender.due(5.0135) == ["a"]
    assert sender.next_due_s(5.0135) == 5.02


def test_missed_cycles_are_not_sent_as_a_burst() -> None:
    sender = CyclicSender({"a": 0.01})
    sender.due(0.0)
    assert sender.due(0.055) == ["a"]
    assert sender.due(0.056) == []
    assert sender.due(0.06) == ["a"]


def test_several_messages() -> None:
    sender = CyclicSender({"fast": 0.01, "slow": 0.1})
    sent = [name for step in range(1000) for name in sender.due(step * 0.001)]
    assert (sent.count("fast"), sent.count("slow")) == (100, 10)


def test_before_the_first_and_without_messages() -> None:
    assert CyclicSender({"a": 0.01}).next_due_s(3.0) == 3.0
    empty = CyclicSender({})
    assert empty.due(0.0) == []
    assert empty.next_due_s(0.0) == inf
