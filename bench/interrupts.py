"""Who answers an interrupt: the bench alone, which ends the processes that it started, in order."""

import signal


def left_to_the_parent() -> None:
    """Ctrl-C, and the end of the terminal, reach each process of it; in one that the bench started they do nothing."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
