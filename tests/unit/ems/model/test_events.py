from v2g_bench.ems.model import events
from v2g_bench.ems.model.events import EventBook


def test_once_on_entry_once_on_exit() -> None:
    book, lines = EventBook(), []
    for step in range(100):
        lines += book.report({events.HIGH_THERMAL_GRADIENT: f"{step} K"} if 10 <= step < 50 else {}, step * 0.1)
    assert [(line.code, line.level) for line in lines] == [("0x01A2", "WARNING"), ("0x01A2", "INFO")]
    assert lines[0].text.startswith("High Thermal Gradient: 10 K; ")
    assert lines[1].text == "High Thermal Gradient: over after 4.0 s"


def test_codes_and_strings_of_the_manual() -> None:
    assert [(e.code, e.title, e.number) for e in (events.SIGNAL_NOISE, events.SOC_DIVERGENCE)] == [
        ("0x0B22", "Signal Noise", 0x0B22),
        ("0x09BD", "SoC Divergence", 0x09BD),
    ]
    assert (events.BMS_TIMEOUT.code, events.INVERTER_OFFLINE.code) == ("ERR_BMS_TIMEOUT", "FAULT_INVERTER_OFFLINE")


def test_gravest_code_on_can() -> None:
    book = EventBook()
    assert book.error_code == 0
    book.report({events.EMERGENCY_SHUTDOWN: ""}, 0.0)
    assert book.error_code == 0, "the manual gives it no number"
    book.report({events.HIGH_THERMAL_GRADIENT: ""}, 0.0)
    assert book.error_code == 0x01A2
    book.report({events.HIGH_THERMAL_GRADIENT: "", events.SIGNAL_NOISE: ""}, 0.0)
    assert book.error_code == 0x0B22


def test_listing() -> None:
    book = EventBook()
    book.report({events.SOC_DIVERGENCE: "6 %"}, 1.0)
    (entry,) = book.listing(3.0)
    assert (entry["code"], entry["text"], entry["age_s"]) == ("0x09BD", "SoC Divergence: 6 %", 2.0)
