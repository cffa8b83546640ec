"""Whatever a handler raises, what is reported fits into the server's 16 KiB."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobhopper import Fail, Retry
from jobhopper.worker.failure_text import ERROR_MAX, error_object


def _raised(make: Callable[[], None]) -> BaseException:
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - any will do
        make()
    return caught.value


def _size(error: object) -> int:
    return len(json.dumps(error, ensure_ascii=False, separators=(",", ":")).encode())


def test_type_message_and_traceback() -> None:
    def culprit() -> None:
        raise ZeroDivisionError("no zeros today")

    error = error_object(_raised(culprit))
    assert error["type"] == "ZeroDivisionError"
    assert error["message"] == "no zeros today"
    assert "in culprit" in error["traceback"]
    assert error["traceback"].endswith("ZeroDivisionError: no zeros today\n")


def test_a_class_is_named_with_its_module() -> None:
    error = error_object(_raised(lambda: json.loads("{")))  # type: ignore[arg-type]
    assert error["type"] == "json.decoder.JSONDecodeError"


@given(st.text(st.characters(), max_size=50).map(lambda part: part * 1_000))
def test_any_message_fits(message: str) -> None:
    error = error_object(ValueError(message))
    assert _size(error) <= ERROR_MAX
    json.dumps(error, ensure_ascii=False).encode()


@pytest.mark.parametrize("char", ["x", "\x00", "\n", "ä", "🐇", "\ud800", '"'])
def test_the_longest_text_fits_and_fills(char: str) -> None:
    error = error_object(ValueError(char * 100_000))
    assert _size(error) <= ERROR_MAX
    assert _size(error) > ERROR_MAX * 0.9


def test_the_end_of_a_long_traceback_is_kept() -> None:
    def even(n: int) -> None:
        if n == 0:
            raise KeyError("bottom")
        odd(n - 1)

    def odd(n: int) -> None:
        even(n - 1)

    error = error_object(_raised(lambda: even(600)))
    assert _size(error) <= ERROR_MAX
    assert error["traceback"].endswith("KeyError: 'bottom'\n")
    assert error["traceback"].splitlines()[0] == "… earlier lines are left out"
    assert error["traceback"].splitlines()[1].startswith("  ")


def test_a_message_that_can_not_be_made() -> None:
    class BrokenError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert error_object(BrokenError())["message"] == "(its text can't be made)"


def test_a_huge_class_name_fits() -> None:
    error = error_object(type("\x01" * 5_000, (Exception,), {})("m" * 50_000))
    assert _size(error) <= ERROR_MAX


@pytest.mark.parametrize("verdict", [Retry, Fail])
def test_a_verdict_tells_of_its_cause(verdict: type[Exception]) -> None:
    def make() -> None:
        try:
            raise FileNotFoundError("no such file")
        except FileNotFoundError as error:
            raise verdict from error

    error = error_object(_raised(make))
    assert error["type"] == "FileNotFoundError"
    assert error["message"] == "no such file"


def test_a_verdict_alone_tells_of_itself() -> None:
    error = error_object(Fail("out of stock"))
    assert error["type"] == "jobhopper.worker.verdicts.Fail"
    assert error["message"] == "out of stock"
