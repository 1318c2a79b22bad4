from v2g_bench.ems.protection.plausibility import MedianOfFive


def _through(values: list[float], message: str = "Temps") -> list[float]:
    plausible = MedianOfFive({"Temps"})
    return [plausible.filtered(message, {"t": value})["t"] for value in values]


def test_up_to_two_spoiled_frames_change_nothing() -> None:
    assert _through([25.0, 25.0, 200.0, -40.0, 25.0, 200.0, 25.0, 25.0]) == [25.0] * 8


def test_true_change_arrives_two_frames_later() -> None:
    assert _through([25.0, 25.0, 46.0, 46.0, 46.0]) == [25.0, 25.0, 25.0, 25.0, 46.0]


def test_protected_messages_pass_at_once() -> None:
    assert _through([25.0, 46.0], "Safety") == [25.0, 46.0]


def test_roles_do_not_mix() -> None:
    plausible = MedianOfFive({"Temps"})
    plausible.filtered("Temps", {"a": 1.0, "b": 2.0})
    assert plausible.filtered("Temps", {"a": 1.0, "b": 2.0}) == {"a": 1.0, "b": 2.0}
