"""API keys: their text, what is kept of it, and which queues their patterns cover."""

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobhopper_core.model import access, limits
from jobhopper_core.model.access import EVERYTHING, ApiKey, Scope

QUEUES = st.from_regex(limits.QUEUE_PATTERN, fullmatch=True)


def a_key(scopes: dict[Scope, list[str]]) -> ApiKey:
    return ApiKey("abc123", "test", scopes, 0)


def test_a_new_key_reads_jh_id_secret_and_gives_back_its_id() -> None:
    id_, key = access.make_secret()
    assert re.fullmatch(r"jh_[0-9a-f]{12}_[A-Za-z0-9_-]{43}", key)
    assert access.key_id(key) == id_


def test_no_two_keys_are_alike() -> None:
    assert len({access.make_secret() for _ in range(200)}) == 200


@pytest.mark.parametrize(
    "text",
    [
        "",
        "jh_",
        "jh_abc123",
        "jh_abc123_",
        "jh_abc123_short",
        "jh_ABC123_0123456789abcdef",
        "jk_abc123_0123456789abcdef",
        "Bearer jh_abc123_0123456789abcdef",
        "jh_abc123_0123456789abcdef\n",
        "jh_abc123_0123456789abcde!",
        "jh_abc123_" + "x" * 129,
    ],
)
def test_what_is_not_a_key_has_no_id(text: str) -> None:
    assert access.key_id(text) is None


def test_only_the_sha_256_of_the_whole_text_is_kept() -> None:
    _, key = access.make_secret()
    assert access.digest(key) == hashlib.sha256(key.encode()).digest()


@pytest.mark.parametrize(
    ("pattern", "queue", "covered"),
    [
        ("mail", "mail", True),
        ("mail", "mails", False),
        ("mail", "Mail", False),
        ("mail.*", "mail.fast", True),
        ("mail.*", "mail.fast.eu", True),
        ("mail.*", "mail.", True),
        ("mail.*", "mailxfast", False),
        ("mail.*", "mail", False),
        ("*", "anything", True),
        ("*.eu", "mail.eu", True),
        ("*.eu", "mail.eu.x", False),
        ("a*c", "abc", True),
        ("a*c", "ac", True),
    ],
)
def test_a_star_stands_for_any_characters_and_all_else_for_itself(
    pattern: str, queue: str, covered: bool
) -> None:
    assert re.match(access.QUEUE_PATTERN_PATTERN, pattern)
    assert a_key({Scope.WORK: [pattern]}).allows(Scope.WORK, queue) is covered


@given(QUEUES, QUEUES)
def test_a_queue_name_as_a_pattern_covers_that_queue_alone(name: str, other: str) -> None:
    assert re.match(access.QUEUE_PATTERN_PATTERN, name)
    key = a_key({Scope.READ: [name]})
    assert key.allows(Scope.READ, name)
    assert key.allows(Scope.READ, other) == (name == other)


def test_one_pattern_of_several_is_enough() -> None:
    key = a_key({Scope.PRODUCE: ["mail.*", "sms"]})
    assert [key.allows(Scope.PRODUCE, q) for q in ("mail.x", "sms", "fax")] == [True, True, False]


@pytest.mark.parametrize("scope", [s for s in Scope if s is not Scope.ADMIN])
def test_a_scope_grants_itself_and_no_other(scope: Scope) -> None:
    key = a_key({scope: ["*"]})
    assert {other for other in Scope if key.allows(other, "mail")} == {scope}


@pytest.mark.parametrize("scope", list(Scope))
def test_admin_may_do_everything_on_the_queues_of_its_patterns(scope: Scope) -> None:
    assert a_key(EVERYTHING).allows(scope, "mail")
    limited = a_key({Scope.ADMIN: ["mail.*"]})
    assert limited.allows(scope, "mail.x")
    assert not limited.allows(scope, "sms")


def test_only_the_pattern_of_all_queues_covers_calls_that_concern_every_queue() -> None:
    assert a_key({Scope.READ: ["mail", "*"]}).allows(Scope.READ, None)
    assert not a_key({Scope.READ: ["mail.*"]}).allows(Scope.READ, None)
    assert not a_key({}).allows(Scope.READ, None)


def test_the_patterns_of_a_scope_include_those_of_admin() -> None:
    key = a_key({Scope.READ: ["a"], Scope.ADMIN: ["b"]})
    assert key.patterns(Scope.READ) == ["a", "b"]
    assert key.patterns(Scope.WORK) == ["b"]


@pytest.mark.parametrize("text", ["", ".mail", "mail[ab]", "mail?", "ma il", "mail\n", "m" * 129])
def test_what_is_no_queue_pattern_is_refused(text: str) -> None:
    assert not re.match(access.QUEUE_PATTERN_PATTERN, text)


@pytest.mark.parametrize("text", ["", ".mail", "*", "mail*", "ma il", "mail\n", "maíl", "m" * 129])
def test_what_is_no_queue_name_is_refused(text: str) -> None:
    assert not re.match(limits.QUEUE_PATTERN, text)


@pytest.mark.parametrize("text", ["m", "9", "Mail.fast_lane:eu-1", "m" * 128])
def test_a_queue_name_is_letters_digits_and_four_marks(text: str) -> None:
    assert re.match(limits.QUEUE_PATTERN, text)
