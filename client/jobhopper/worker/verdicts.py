"""What a handler raises to say how its attempt ended; any other exception is a plain failure.

Raised `from` another exception, they hand on that one's type, message and traceback.
"""
# ruff: noqa: N818 - they say what shall happen.


class Verdict(Exception):
    """What both have in common."""

    retry_in: float | None = None
    retry: bool = True


class Retry(Verdict):
    """The attempt failed; the next one, if any is left, follows after `in_` seconds.

    Without `in_` the queue's backoff decides.
    """

    def __init__(self, message: str = "", *, in_: float | None = None) -> None:
        super().__init__(message)
        self.retry_in = in_


class Fail(Verdict):
    """The attempt failed; with `retry=False` no other one follows, however many were left."""

    def __init__(self, message: str = "", *, retry: bool = False) -> None:
        super().__init__(message)
        self.retry = retry
