"""The status model of IEEE 488.2: error queue, event and enable registers, status byte.

>>> status = Status()
>>> status.push(ScpiError(-113, "FOO"))
>>> status.next_error(), status.next_error()
('-113,"Undefined header;FOO"', '+0,"No error"')
>>> status.event_status
32
"""

from collections import deque

from v2g_bench.instruments.emulated.syntax import ScpiError

# Bits of the standard event status register (IEEE 488.2, 11.5.1).
OPERATION_COMPLETE, QUERY_ERROR, DEVICE_ERROR, EXECUTION_ERROR, COMMAND_ERROR, POWER_ON = 1, 4, 8, 16, 32, 128
# Bits of the status byte; EAV is SCPI's.
EAV, QUES, MAV, ESB, MSS, OPER = 4, 8, 16, 32, 64, 128


class Status:
    """Errors and registers of one instrument. `queue_length`: how many errors it keeps, the last then is -350."""

    def __init__(self, queue_length: int = 20) -> None:
        self._errors: deque[ScpiError] = deque()
        self._queue_length = queue_length
        self.event_status = 0
        self.event_enable = 0
        self.service_enable = 0
        self.operation_enable = 0
        self.questionable_enable = 0

    def __len__(self) -> int:
        return len(self._errors)

    def push(self, error: ScpiError) -> None:
        """Queue `error` and set its bit of the event status register."""
        bit = {1: COMMAND_ERROR, 2: EXECUTION_ERROR, 3: DEVICE_ERROR, 4: QUERY_ERROR}.get(-error.code // 100)
        self.event_status |= bit or DEVICE_ERROR
        if len(self._errors) >= self._queue_length:
            self._errors[-1] = ScpiError(-350)
            self.event_status |= DEVICE_ERROR
        else:
            self._errors.append(error)

    def next_error(self) -> str:
        """The oldest error, removed from the queue."""
        return str(self._errors.popleft()) if self._errors else '+0,"No error"'

    def clear(self) -> None:
        """*CLS: the errors and the events, not the enable registers."""
        self._errors.clear()
        self.event_status = 0

    def take_events(self) -> int:
        """*ESR?: the events since the last reading."""
        events, self.event_status = self.event_status, 0
        return events

    def byte(self, message_available: bool = False, summary: int = 0) -> int:
        """*STB?: the status byte; `summary` holds the instrument's own QUES and OPER bits."""
        byte = summary | (MAV if message_available else 0) | (EAV if self._errors else 0)
        if self.event_status & self.event_enable:
            byte |= ESB
        return byte | (MSS if byte & self.service_enable & ~MSS else 0)
