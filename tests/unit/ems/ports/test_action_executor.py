from v2g_bench.ems.model.actions import Level, LogLine, SaveState, SendFrame, SetInverterPower, StopInverter
from v2g_bench.ems.ports.action_executor import ActionExecutor


class Witness:
    """Inverter, bus, keeper and log in one: what each was told, in order."""

    def __init__(self):
        self.reported = []

    def stop(self):
        self.reported.append("stop")

    def set_power(self, power_w):
        self.reported.append(("power", power_w))

    def send(self, frame):
        self.reported.append(("frame", frame.message))

    def keep(self, **latches):
        self.reported.append(("keep", latches))

    def on_log_line(self, line):
        self.reported.append(("say", line.code))


def test_every_action_goes_where_it_belongs_in_the_core_s_order():
    observer = Witness()
    actions = [
        StopInverter("hot cell"),
        SendFrame("EMS_Command", {}),
        LogLine(Level.ERROR, "EMERGENCY_SHUTDOWN", "hot"),
        SaveState({"trip": "hot"}),
        SetInverterPower(-3000.0),
        StopInverter("again"),
    ]
    ActionExecutor(observer, observer, observer, observer.on_log_line).act(actions)
    assert observer.reported == [
        "stop",
        ("frame", "EMS_Command"),
        ("say", "EMERGENCY_SHUTDOWN"),
        ("keep", {"trip": "hot"}),
        ("power", -3000.0),
        "stop",
    ]


def test_nothing_to_do_is_nothing_done():
    observer = Witness()
    ActionExecutor(observer, observer, observer, observer.on_log_line).act([])
    assert observer.reported == []
