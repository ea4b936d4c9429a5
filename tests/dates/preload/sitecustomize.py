"""Read by every Python of a faked run: libfaketime 0.9.10 refuses the absolute time that `time.sleep` gives."""

import select
import time


def sleep(seconds: float) -> None:
    """Sleep by a call that libfaketime leaves alone."""
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    select.select([], [], [], seconds)


time.sleep = sleep
