"""What a command wrote, and its one line of complaint."""

import pytest

Capture = pytest.CaptureFixture[str]
UNKNOWN = "01900000-0000-7000-8000-000000000000"


def complaint(capture: Capture) -> str:
    """The one line on standard error; nothing may stand on standard output."""
    out, err = capture.readouterr()
    assert out == ""
    [line] = err.splitlines()
    assert line.startswith("jobhopper: ")
    return line


def written(capture: Capture) -> list[str]:
    out, err = capture.readouterr()
    assert err == ""
    return out.splitlines()
