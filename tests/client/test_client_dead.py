"""`jobhopper dead`: what it sends, shows and answers with."""

import json
from typing import Any

import pytest
from client_cli_output import complaint, written
from client_fake_http import answer, problem, serving

from jobhopper.cli import main

Capture = pytest.CaptureFixture[str]
LETTER: dict[str, Any] = {
    "id": "a1",
    "message_id": "m",
    "lane": "updates",
    "shard": 3,
    "queue": None,
    "error": "two\nlines",
    "code": "data_error",
    "died_at": "2026-11-24T06:00:00.000000Z",
    "writes": 1,
    "size": 7,
    "truncated": False,
    "content": None,
    "body": "eyJ2IjogOQ==",
}
NOTHING: dict[str, Any] = dict.fromkeys(LETTER) | {"id": "b2", "size": 0, "truncated": False}


def test_the_list_is_a_table(capsys: Capture) -> None:
    with serving(answer(200, {"letters": [LETTER, NOTHING], "more": True})) as server:
        assert main(["dead", "list", "--limit", "7", "--url", server.url]) == 0
        assert server.seen[0].target == "/v1/dead?limit=7"
    head, first, second, more = written(capsys)
    assert head.split()[0] == "ID"
    assert " ".join(first.split()) == "a1 2026-11-24 06:00:00Z updates.3 1 data_error two lines"
    assert second == "b2"
    assert more == "More wait behind these."


def test_with_json_a_letter_is_shown_as_it_came(capsys: Capture) -> None:
    with serving(answer(200, {"letters": [LETTER, NOTHING], "more": True})) as server:
        assert main(["dead", "list", "--json", "--url", server.url]) == 0
    assert [json.loads(line) for line in written(capsys)] == [LETTER, NOTHING]


@pytest.mark.parametrize(
    ("action", "method", "target", "done"),
    [
        ("resend", "POST", "/v1/dead/a%2F1/resend", "resent"),
        ("drop", "DELETE", "/v1/dead/a%2F1", "dropped"),
    ],
)
def test_one_that_is_refused_does_not_keep_the_others(
    action: str, method: str, target: str, done: str, capsys: Capture
) -> None:
    with serving(problem(404, "not_found"), answer(202, {"id": "b2"})) as server:
        assert main(["dead", action, "a/1", "b2", "--url", server.url]) == 1
        assert (server.seen[0].method, server.seen[0].target) == (method, target)
    out, err = capsys.readouterr()
    assert out == f"b2  {done}\n"
    assert "a/1" in err
    assert "not_found" in err


def test_a_change_is_not_repeated_after_a_lost_answer(capsys: Capture) -> None:
    with serving(lambda handler: handler.connection.close()) as server:
        assert main(["dead", "drop", "a1", "--url", server.url]) == 3
        assert len(server.seen) == 1
    assert complaint(capsys)
