"""An exception as the error object of a job: `{"type", "message", "traceback"}`.

The server takes 16 KiB of JSON. Of a longer traceback the end is kept: it names the culprit.
"""

import traceback
from bisect import bisect_left

from jobhopper.json_text import encode
from jobhopper.worker.verdicts import Verdict

ERROR_MAX = 16 * 1024
_TYPE_MAX = 200
# At worst six bytes a character as JSON, so type and message never fill the whole.
_MESSAGE_MAX = 2_000
# A traceback begins with a whole line where that costs no more than this.
_LINE_MAX = 300
_CUT = "… earlier lines are left out\n"


def error_object(raised: BaseException) -> dict[str, str]:
    """What to report of `raised`, 16 KiB at most as JSON, whatever it holds."""
    error = _told(raised)
    message = _text(raised) or _text(error)
    found = {"type": _type(error), "message": message[:_MESSAGE_MAX], "traceback": ""}
    room = ERROR_MAX - len(encode(found))
    return {**found, "traceback": _end_of(_clean("".join(_lines(error))), room)}


def _told(raised: BaseException) -> BaseException:
    # A verdict is the messenger of the exception that it was raised from.
    if isinstance(raised, Verdict) and raised.__cause__ is not None:
        return raised.__cause__
    return raised


def _type(error: BaseException) -> str:
    kind = type(error)
    prefix = "" if kind.__module__ in {"builtins", "__main__"} else f"{kind.__module__}."
    return _clean(f"{prefix}{kind.__qualname__}")[:_TYPE_MAX]


def _text(error: BaseException) -> str:
    try:
        return _clean(str(error))
    except Exception:  # noqa: BLE001 - a class whose text can't be made still failed
        return "(its text can't be made)"


def _lines(error: BaseException) -> list[str]:
    return traceback.format_exception(error)


def _clean(text: str) -> str:
    # File names that are not UTF-8 come with half characters, which JSON can't hold.
    return text.encode(errors="backslashreplace").decode()


def _end_of(text: str, room: int) -> str:
    text = text[-ERROR_MAX:] if len(text) > ERROR_MAX else text
    if _size(text) <= room:
        return text
    start = bisect_left(
        range(len(text)), True, key=lambda start: _size(_CUT + text[start:]) <= room
    )
    line = text.find("\n", start, start + _LINE_MAX) + 1
    return _CUT + text[line or start :]


def _size(text: str) -> int:
    # The quotes are counted with the empty text already.
    return len(encode(text)) - len(encode(""))
