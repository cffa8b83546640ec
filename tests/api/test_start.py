"""What keeps a server from starting: one clear line, an exit code, never a traceback."""

import logging
import os
import socket
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobhopper_embedded.dev import main

from .conftest import ADMIN_KEY, Start

Refuse = Callable[..., str]


@pytest.fixture
def refuse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Refuse]:
    """Tries to start with arguments and settings; the line that says why it can't be."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    for name in [name for name in os.environ if name.startswith("JOBHOPPER_")]:
        monkeypatch.delenv(name)

    def run(*arguments: str, db: str | Path = "x.db", **settings: str) -> str:
        monkeypatch.chdir(tmp_path)
        for name, value in settings.items():
            monkeypatch.setenv(f"JOBHOPPER_{name}", value)
        assert main(["--port", "0", "--db", str(db), *arguments]) == 2
        out, error = capfd.readouterr()
        assert (out, error.count("\n")) == ("", 1), error
        return error.removeprefix("jobhopper dev: ").strip()

    yield run
    root.handlers, root.level = handlers, level


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("ADMINKEY", "JOBHOPPER_ADMIN_KEY"),
        ("ADMIN_KEY_FIL", "JOBHOPPER_ADMIN_KEY_FILE"),
        ("LEASE_KEY", "JOBHOPPER_LEASE_KEYS"),
        ("SHARD", "JOBHOPPER_SHARDS"),
        ("LOGLEVEL", "JOBHOPPER_LOG_LEVEL"),
        ("Shards", "JOBHOPPER_SHARDS"),
    ],
)
def test_an_unknown_setting_is_refused_with_a_suggestion(
    refuse: Refuse, name: str, meant: str
) -> None:
    line = refuse(**{name: "1"})
    assert line.startswith(f"There is no setting JOBHOPPER_{name}: ")
    assert meant in line or name == "Shards"


def test_an_unknown_setting_unlike_any_is_refused_too(refuse: Refuse) -> None:
    assert refuse(ZZZ="1") == "There is no setting JOBHOPPER_ZZZ: remove it."


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SHARDS", "0"),
        ("SHARDS", "257"),
        ("SHARDS", "-1"),
        ("SHARDS", "many"),
        ("SHARDS", "1.5"),
        ("LOG_LEVEL", "loud"),
        ("LOG_LEVEL", "trace"),
        ("ADMIN_KEY", "sesame"),
        ("ADMIN_KEY", "jh_a_correct-horse-battery"),
        ("ADMIN_KEY", "jh_admin0_short"),
        ("ADMIN_KEY", f"{ADMIN_KEY} "),
        ("ADMIN_KEY", f"{ADMIN_KEY}\u00e4"),
        ("LEASE_KEYS", "k1"),
        ("LEASE_KEYS", "k1:!!!!"),
        ("LEASE_KEYS", "k1:c2hvcnQ="),
        ("LEASE_KEYS", "a b:" + "A" * 44),
        ("LEASE_KEYS", f"k1:{'A' * 43}=,k1:{'B' * 43}="),
        ("LEASE_KEYS", f"k1:{'A' * 43}=,"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_setting(
    refuse: Refuse, name: str, value: str
) -> None:
    line = refuse(**{name: value})
    assert f"JOBHOPPER_{name}" in line
    if name in {"ADMIN_KEY", "LEASE_KEYS"}:
        assert value not in line.removeprefix(f"JOBHOPPER_{name}: key k1"), "it tells a secret"


@pytest.mark.parametrize("name", ["ADMIN_KEY", "LEASE_KEYS"])
def test_a_secret_file_that_cant_be_read_is_named(
    refuse: Refuse, tmp_path: Path, name: str
) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for file in ("missing", ".", "binary"):
        line = refuse(**{f"{name}_FILE": str(tmp_path / file)})
        assert line.startswith(f"JOBHOPPER_{name}_FILE: can't read {tmp_path / file}")


def test_a_secret_and_its_file_are_too_much(refuse: Refuse, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(ADMIN_KEY)
    line = refuse(ADMIN_KEY=ADMIN_KEY, ADMIN_KEY_FILE=str(tmp_path / "key"))
    assert line == "Set JOBHOPPER_ADMIN_KEY or JOBHOPPER_ADMIN_KEY_FILE, not both."


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])  # noqa: S104
def test_a_host_that_others_reach_needs_a_key(refuse: Refuse, host: str) -> None:
    line = refuse("--host", host)
    assert line.startswith(f"Serving on {host} needs JOBHOPPER_ADMIN_KEY")
    assert "jh_" in line


@pytest.mark.parametrize(
    "host", ["192.0.2.1", "no-such-host.invalid", "a b", "999.1.1.1", "\u00e4" * 80, "h" * 300]
)
def test_a_host_that_cant_be_listened_on_is_named(refuse: Refuse, host: str) -> None:
    line = refuse("--host", host, ADMIN_KEY=ADMIN_KEY)
    assert line.startswith(f"Can't listen on {host}:0: ")


@pytest.mark.parametrize("port", ["65536", "-1", "99999999999999999999"])
def test_a_port_out_of_range_is_named(refuse: Refuse, port: str) -> None:
    assert refuse("--port", port).startswith(f"Can't listen on 127.0.0.1:{port}: ")


def test_a_port_in_use_is_named(refuse: Refuse) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = refuse("--port", str(port))
    assert line == (
        f"Can't listen on 127.0.0.1:{port}: Address already in use; name another --port or --host."
    )


def test_a_wrong_argument_is_refused_with_the_usage(refuse: Refuse) -> None:
    for arguments in (["--port", "http"], ["--nonsense"], ["now"]):
        with pytest.raises(SystemExit, match="2"):
            refuse(*arguments)


@pytest.mark.parametrize("link", [False, True])
def test_a_database_in_use_is_refused_with_the_process_that_has_it(
    refuse: Refuse, start: Start, tmp_path: Path, *, link: bool
) -> None:
    server = start()
    path = tmp_path / "jobs.db"
    if link:
        (tmp_path / "sub").mkdir()
        path = tmp_path / "sub" / "link.db"
        path.symlink_to(tmp_path / "jobs.db")
    line = refuse(db=path)
    assert line.startswith(f"{path} is in use by process {server.process.pid};")
    assert server.is_up()


def test_a_database_is_free_again_when_its_process_was_killed(start: Start) -> None:
    start().kill()
    assert start().is_up()


def test_a_missing_folder_is_named(refuse: Refuse, tmp_path: Path) -> None:
    path = tmp_path / "missing" / "jobs.db"
    assert refuse(db=path) == f"Can't use {path}: No such file or directory."


@pytest.mark.parametrize("path", [".", "/", "..", ""])
def test_a_folder_is_no_database(refuse: Refuse, path: str) -> None:
    assert refuse(db=path).endswith("it is a folder; name a file.")


@pytest.mark.parametrize("content", [b"short", b"no database " * 1_000, b"\x00" * 8_192])
def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(
    refuse: Refuse, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    assert refuse(db=path).startswith(f"Can't use {path}: ")
    assert path.read_bytes() == content


def test_a_database_of_something_else_is_refused(refuse: Refuse, tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE jobs (mine TEXT)")
    other.close()
    assert refuse(db=path).startswith(f"Can't use {path}: ")


def test_a_database_of_a_newer_schema_is_refused(refuse: Refuse, tmp_path: Path) -> None:
    path = tmp_path / "newer.db"
    with sqlite3.connect(path) as newer:
        newer.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        newer.execute("INSERT INTO alembic_version VALUES ('9999')")
    newer.close()
    line = refuse(db=path)
    assert "schema 9999" in line
    assert "start the release that made it" in line


def test_another_number_of_shards_is_refused(refuse: Refuse, start: Start, tmp_path: Path) -> None:
    start(settings={"JOBHOPPER_SHARDS": "8"}).stop()
    line = refuse(db=tmp_path / "jobs.db", SHARDS="4")
    assert line.startswith("JOBHOPPER_SHARDS is 4, but this database was set up with 8")
    assert start(settings={"JOBHOPPER_SHARDS": "8"}).is_up()


def test_settings_of_other_parts_do_no_harm(start: Start) -> None:
    settings = {"JOBHOPPER_URL": "http://x", "JOBHOPPER_KEY": "k", "JOBHOPPER_LISTEN": ":1"}
    assert start(settings=settings).is_up()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_needs_no_key(start: Start, host: str) -> None:
    server = start("--host", host)
    assert server.is_up()
    assert f"http://{host}:{server.port}" in server.greeting


def test_the_greeting_shows_no_secret_and_calls_that_work(start: Start) -> None:
    greeting = start(settings={"JOBHOPPER_ADMIN_KEY": ADMIN_KEY}).greeting
    assert ADMIN_KEY not in greeting
    assert "Bearer $JOBHOPPER_KEY" in greeting
