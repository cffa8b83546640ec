"""A clock in place of a module's `time`: it stands until a test moves it."""


class StoppedClock:
    """`now` is in seconds."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now
