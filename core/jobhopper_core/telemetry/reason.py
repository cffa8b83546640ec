"""What an error of a store's library says, in one line for a log."""

_MAX_LENGTH = 300
# How deep pika wraps what happened: attempt, phase, error.
_DEPTH = 5


def reason_of(error: BaseException) -> str:
    """The innermost error's kind and words, such as what a server said to a wrong password.

    Libraries put a connection's failure into others, and an outer one has no words of its own.
    """
    for _ in range(_DEPTH):
        error = _inner(error) or error
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words}"[:_MAX_LENGTH].removesuffix(": ")


def _inner(error: BaseException) -> BaseException | None:
    # pika: `exceptions` of a workflow that failed, `exception` of one of its phases, and the
    # argument of what a blocking connection raises in the end.
    several = getattr(error, "exceptions", ())
    found = (
        several[-1]
        if several
        else getattr(error, "exception", error.args[0] if error.args else None)
    )
    return found if isinstance(found, BaseException) else None
