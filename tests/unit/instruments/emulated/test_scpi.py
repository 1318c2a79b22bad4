import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from v2g_bench.instruments.emulated.calls import Later, command
from v2g_bench.instruments.emulated.scpi import Instrument, Number
from v2g_bench.instruments.emulated.syntax import definite_block


class Oven(Instrument):
    """Heats for 2 s after HEAT; has a number, a block and an answer that comes later."""

    identity = "V2G,OVEN,1,1.0"
    level_v = Number("[SOURce:]VOLTage:LEVel", 0, 10, 1, "V")
    until_s = 0.0

    @command("HEAT")
    def _heat(self, call):
        self.until_s = call.now_s + 2.0

    @command("[SOURce:]VOLTage:BLOCk?")
    def _block(self, call):
        return definite_block(b"a;\nb")

    @command("HEAT:DONE?")
    def _heated(self, call):
        return self.when_done(lambda now_s: now_s)

    def busy(self, now_s):
        return now_s < self.until_s

    def done_s(self, now_s):
        return self.until_s


@pytest.fixture
def oven():
    return Oven()


def test_compound_messages_answer_once_with_semicolons(ask, oven):
    assert ask(oven, "VOLT:LEV 3;LEV?;:VOLT:LEV? MAX;*IDN?") == "+3.00000000E+00;+1.00000000E+01;V2G,OVEN,1,1.0"


def test_common_commands_do_not_move_the_path(ask, oven, errors):
    assert ask(oven, "VOLT:LEV 4;*CLS;LEV?") == "+4.00000000E+00"
    assert errors(oven) == []


def test_a_block_may_hold_the_separators(oven):
    run = oven.execute("VOLT:BLOC?;LEV?")
    assert run.advance(0.0)
    assert run.response == b"#14a;\nb;+1.00000000E+00\n"


def test_after_a_command_error_the_rest_is_dropped_after_an_execution_error_it_is_not(ask, oven, errors):
    assert ask(oven, "VOLT:LEVL 3;LEV?") is None
    assert errors(oven) == [-113]
    assert ask(oven, "VOLT:LEV 30;LEV?") == "+1.00000000E+00"
    assert errors(oven) == [-222]


def test_answers_before_an_error_are_given(ask, oven, errors):
    assert ask(oven, "*IDN?;FOO?") == "V2G,OVEN,1,1.0"
    assert errors(oven) == [-113]


def test_the_error_queue_overflows(ask, oven, errors):
    for _ in range(25):
        ask(oven, "FOO")
    assert ask(oven, "SYST:ERR:COUN?") == "20"
    assert errors(oven) == [-113] * 19 + [-350]


def test_cls_clears_errors_and_events_but_not_masks(ask, oven):
    ask(oven, "*ESE 32;*SRE 32;FOO")
    assert ask(oven, "*STB?") == str(4 + 32 + 64)
    ask(oven, "*CLS")
    assert ask(oven, "*STB?;*ESR?;*ESE?;*SRE?;:SYST:ERR?") == '0;0;32;32;+0,"No error"'


@pytest.mark.parametrize("message", ["*ESE 256", "*ESE -1", "*SRE 300"])
def test_a_mask_is_a_byte(ask, oven, errors, message):
    ask(oven, message)
    assert errors(oven) == [-222]


def test_power_on_is_the_first_event(ask, oven):
    assert ask(oven, "*ESR?") == "128"


def test_opc_query_waits_for_the_operation(oven):
    run = oven.execute("HEAT;*OPC?;VOLT:LEV?")
    assert not run.advance(1.0)
    assert run.due_s == 3.0
    assert not run.advance(2.9)
    assert run.advance(3.0)
    assert run.response == b"1;+1.00000000E+00\n"


def test_opc_sets_its_event_when_the_operation_ends(ask, oven):
    ask(oven, "*CLS;HEAT;*OPC", 0.0)
    assert ask(oven, "*ESR?", 1.9) == "0"
    assert ask(oven, "*ESR?", 2.0) == "1"


def test_wai_holds_up_what_follows(oven):
    run = oven.execute("HEAT;*WAI;VOLT:LEV 2")
    assert not run.advance(0.0)
    assert oven.level_v == 1.0
    assert run.advance(2.0)
    assert oven.level_v == 2.0
    assert run.response is None


def test_another_message_is_answered_while_one_waits(ask, oven):
    waiting = oven.execute("HEAT;HEAT:DONE?")
    assert not waiting.advance(0.0)
    assert ask(oven, "VOLT:LEV?", 0.5) == "+1.00000000E+00"
    assert waiting.advance(2.5)
    assert waiting.response == b"+2.50000000E+00\n"


def test_an_answer_that_waits_for_an_outside_event_has_no_due_time():
    assert Later(lambda now_s: False, lambda now_s: None).due_s(1.0) == math.inf


def test_trigger_without_a_trigger_model(ask, oven, errors):
    ask(oven, "*TRG")
    assert errors(oven) == [-211]


def test_rst_restores_the_defaults_and_forgets_a_pending_opc(ask, oven):
    ask(oven, "*CLS;VOLT:LEV 9;:HEAT;*OPC;*RST")
    assert oven.level_v == 1.0
    assert ask(oven, "*ESR?", 10.0) == "0"


WORDS = [
    *["*IDN?", "*OPC?", "*RST", "VOLT", ":", ";", "LEV", "?", "1e3", "MAX", "#", "'", "(", ",", "HEAT", "#13"],
    '"',
    " ",
    "\n",
]


@settings(max_examples=100)
@given(st.one_of(st.text(alphabet=st.characters(max_codepoint=255)), st.lists(st.sampled_from(WORDS)).map("".join)))
def test_no_message_whatever_makes_it_raise_or_hang(message):
    oven = Oven()
    run = oven.execute(message)
    assert run.advance(0.0) or run.advance(10.0)
    assert oven.execute("*IDN?").advance(10.0)
