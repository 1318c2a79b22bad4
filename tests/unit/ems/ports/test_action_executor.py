from v2g_bench.ems.model.actions import Level, LogLine, SaveState, SendFrame, SetInverterPower, StopInverter
from v2g_bench.ems.ports.action_executor import Hands


class Witness:
    """Inverter, bus, keeper and log in one: what each was told, in order."""

    def __init__(self):
        self.told = []

    def stop(self):
        self.told.append("stop")

    def set_power(self, power_w):
        self.told.append(("power", power_w))

    def send(self, frame):
        self.told.append(("frame", frame.message))

    def keep(self, **latches):
        self.told.append(("keep", latches))

    def say(self, line):
        self.told.append(("say", line.code))


def test_every_action_goes_where_it_belongs_in_the_core_s_order():
    witness = Witness()
    actions = [
        StopInverter("hot cell"),
        SendFrame("EMS_Command", {}),
        LogLine(Level.ERROR, "EMERGENCY_SHUTDOWN", "hot"),
        SaveState({"trip": "hot"}),
        SetInverterPower(-3000.0),
        StopInverter("again"),
    ]
    Hands(witness, witness, witness, witness.say).act(actions)
    assert witness.told == [
        "stop",
        ("frame", "EMS_Command"),
        ("say", "EMERGENCY_SHUTDOWN"),
        ("keep", {"trip": "hot"}),
        ("power", -3000.0),
        "stop",
    ]


def test_nothing_to_do_is_nothing_done():
    witness = Witness()
    Hands(witness, witness, witness, witness.say).act([])
    assert witness.told == []
