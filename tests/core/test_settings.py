"""Settings: what is wrong in the environment stops the process and is named."""

from pathlib import Path
from typing import Annotated

import msgspec
import pytest
from msgspec import Meta

from jobhopper_core.errors import ConfigurationError
from jobhopper_core.settings import read_settings


class Settings(msgspec.Struct, frozen=True):
    """What a process of these tests is told."""

    admin_key: str | None = None
    shards: Annotated[int, Meta(ge=1, le=256)] = 4
    log_level: str = "warning"


def read(**environment: str) -> Settings:
    return read_settings(Settings, {f"JOBHOPPER_{k}": v for k, v in environment.items()})


def refusal(**environment: str) -> str:
    with pytest.raises(ConfigurationError) as raised:
        read(**environment)
    return str(raised.value)


def test_nothing_set_gives_the_defaults() -> None:
    assert read() == Settings(None, 4, "warning")


def test_variables_are_read_by_the_names_of_the_fields() -> None:
    assert read(SHARDS="8", LOG_LEVEL="info", ADMIN_KEY="k") == Settings("k", 8, "info")


def test_other_variables_of_the_environment_are_let_be() -> None:
    assert (
        read_settings(Settings, {"PATH": "/bin", "SHARDS": "9", "XJOBHOPPER_A": "1"}) == Settings()
    )


def test_settings_of_other_parts_may_stand_in_the_same_environment() -> None:
    assert read(URL="http://x", MYSQL_URL="mysql://x", SHARDS="8") == Settings(shards=8)


def test_an_empty_variable_counts_as_not_set() -> None:
    assert read(ADMIN_KEY="", SHARDS="") == Settings()


def test_an_unknown_variable_stops_the_process_with_a_guess() -> None:
    assert (
        refusal(SHARD="4") == "There is no setting JOBHOPPER_SHARD: did you mean JOBHOPPER_SHARDS?"
    )
    assert refusal(QQQQQQQ="4") == "There is no setting JOBHOPPER_QQQQQQQ: remove it."


@pytest.mark.parametrize("value", ["0", "257", "four", "4.5"])
def test_a_wrong_value_is_refused_by_the_name_of_its_variable(value: str) -> None:
    assert refusal(SHARDS=value).startswith("JOBHOPPER_SHARDS is wrong: ")


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("jh_abc_secret\n")
    assert read(ADMIN_KEY_FILE=str(file)).admin_key == "jh_abc_secret"


def test_a_secret_and_its_file_at_once_are_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-the-file")
    said = refusal(ADMIN_KEY="from-the-variable", ADMIN_KEY_FILE=str(tmp_path / "key"))
    assert "JOBHOPPER_ADMIN_KEY or JOBHOPPER_ADMIN_KEY_FILE" in said
    assert "from-the" not in said


def test_only_a_secret_has_a_file(tmp_path: Path) -> None:
    assert "JOBHOPPER_SHARDS_FILE" in refusal(SHARDS_FILE=str(tmp_path / "shards"))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "none"
    assert refusal(ADMIN_KEY_FILE=str(missing)) == (
        f"JOBHOPPER_ADMIN_KEY_FILE: can't read {missing}: No such file or directory."
    )
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\xfd")
    assert refusal(ADMIN_KEY_FILE=str(binary)).endswith("it is not text.")
