"""Payload, result, error and progress: kept byte for byte, and refused when they are not JSON."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .caller import Api, Reply
from .server import Server
from .steps import claim_one, create, running

KEPT = {
    "null": b"null",
    "true": b"true",
    "zero": b"0",
    "minus zero": b"-0",
    "a number longer than 64 bits": b"123456789012345678901234567890",
    "a number longer than a float": b"1e400",
    "a number smaller than a float": b"-1E-400",
    "a number of 5,000 digits": b"9" * 5_000,
    "a fraction that no float holds": b"0.1000000000000000055511151231257827021181583404541015625",
    "an exponent in each way": b"[1e5,1E5,1e+5,1E-05,1.0e0]",
    "an empty string": b'""',
    "unicode": '"\u00e4\u20ac\u4e2d\U0001f4a1"'.encode(),
    "the last code point": '"\U0010ffff"'.encode(),
    "line separators": '"\u2028\u2029\u0085\u007f"'.encode(),
    "a NUL's escape": rb'"a\u0000b"',
    "an escaped pair": rb'"\ud83d\udca1"',
    "a pair in capitals": rb'"\uD83D\uDCA1"',
    "an escaped backslash before a u": rb'"\\ud83d"',
    "escaped letters": rb'"\u0041\/\b\f\n\r\t\"\\"',
    "an escape in a key": rb'{"\u0000\"":1}',
    "an order of keys": b'{"z":1,"a":2,"m":{"y":1,"b":2}}',
    "a key twice": b'{"a":1,"a":2}',
    "an empty key": b'{"":0}',
    "white space": b'{ "a" :\n\t[ 1 ,\r\n 2 ] }',
    "brackets in strings": b'{"a":"[[[[{{{{","b":"\\"]"}',
    "our own names": b'{"jobs":[],"lease":"jl1","queue":7}',
    "depth 64 of lists": b"[" * 64 + b"]" * 64,
    "depth 64 of objects": b'{"a":' * 64 + b"1" + b"}" * 64,
    "many lists beside each other": b"[" + b"[]," * 5_000 + b"[]]",
    "depth in strings": b'["' + b"[" * 500 + b'"]',
}
REFUSED = {
    "depth 65 of lists": b"[" * 65 + b"]" * 65,
    "depth 65 of objects": b'{"a":' * 65 + b"1" + b"}" * 65,
    "depth 65 mixed": b'[{"a":' * 32 + b"[" + b"]" + b"}]" * 32 + b"",
    "depth 100,000": b"[" * 100_000 + b"]" * 100_000,
    "depth 100,000 that does not end": b"[" * 100_000,
    "NaN": b"NaN",
    "Infinity": b"Infinity",
    "-Infinity": b"[-Infinity]",
    "a raw NUL": b'"a\x00b"',
    "a raw tab": b'"a\tb"',
    "a raw line feed": b'"a\nb"',
    "a control outside": b"\x01",
    "half a pair, high": rb'"\ud83d"',
    "half a pair, low": rb'"\udca1"',
    "half a pair and a letter": rb'"\ud83dx"',
    "half a pair and another escape": rb'"\ud83d\u0041"',
    "two high halves": rb'"\ud83d\ud83d"',
    "a pair the wrong way round": rb'"\udca1\ud83d"',
    "a pair and a half": rb'"\ud83d\udca1\udca1"',
    "a half behind a backslash": rb'"\\\ud83d"',
    "a pair with a backslash between": rb'"\ud83d\\\udca1"',
    "half a pair in a key": rb'{"\ud83d":1}',
    "a surrogate in UTF-8": b'"\xed\xa0\xbd"',
    "a byte that is no UTF-8": b'"\xff"',
    "UTF-8 cut short": b'"\xe2\x82"',
    "UTF-8 too long": b'"\xc0\x80"',
    "beyond the last code point": b'"\xf4\x90\x80\x80"',
    "Latin-1": b'"\xe4"',
    "an unknown escape": rb'"\x41"',
    "an escape that does not end": rb'"\u12"',
    "an escape that is no hex": rb'"\u12g4"',
    "a leading zero": b"01",
    "a leading plus": b"+1",
    "a leading point": b".5",
    "a point at the end": b"1.",
    "an exponent without digits": b"1e",
    "a minus alone": b"-",
    "hexadecimal": b"0x1F",
    "a comma at the end": b"[1,]",
    "a comma in an object's end": b'{"a":1,}',
    "a key without quotes": b"{a:1}",
    "a number as key": b"{1:1}",
    "single quotes": b"'a'",
    "a comment": b"/* 1 */ 1",
    "True": b"True",
    "undefined": b"undefined",
    "nothing": b"",
    "two values": b"1 2",
    "a list that ends as an object": b"[1}",
    "a non-breaking space": b"\xc2\xa01",
    "a byte order mark": b"\xef\xbb\xbf1",
}


def body(template: dict[str, Any], value: bytes) -> bytes:
    """`template` as JSON, with `value` in the place of the text #."""
    return json.dumps(template).encode().replace(b'"#"', value)


def created(api: Api, queue: str, value: bytes) -> Reply:
    return api.post("/v1/jobs", body({"queue": queue, "type": "t", "payload": "#"}, value))


def said(api: Api, job: dict[str, Any], value: bytes, **fields: Any) -> Reply:
    template = {"lease": job["lease"]["token"], **fields}
    return api.call("PATCH", f"/v1/jobs/{job['id']}", body(template, value))


@pytest.mark.parametrize("name", KEPT)
def test_a_payload_comes_back_as_it_was_sent(api: Api, queue: str, name: str) -> None:
    value = KEPT[name]
    id_ = created(api, queue, value).json["id"]
    field = b'"payload":' + value
    assert field + b"," in api.get(f"/v1/jobs/{id_}").body
    assert field + b"}" in api.get(f"/v1/queues/{queue}/top").body
    assert field + b"," in api.post("/v1/claims", {"queues": [queue]}).body


@pytest.mark.parametrize("name", KEPT)
def test_what_workers_send_comes_back_as_it_was_sent(api: Api, queue: str, name: str) -> None:
    value = KEPT[name]
    if len(value) > 4_096:
        value = value[: 4_000 // 4] if name.startswith("a number") else b"[" + b"[]," * 900 + b"[]]"
    job = running(api, queue)
    assert said(api, job, value, progress="#").status == 200
    assert said(api, job, value, status="failed", error="#", retry_in=0).status == 200
    text = api.get(f"/v1/jobs/{job['id']}").body
    assert b'"progress":' + value + b"," in text
    assert text.count(b'"error":' + value + b",") == 2
    again = claim_one(api, queue)
    assert said(api, again, value, status="succeeded", result="#").status == 200
    assert b'"result":' + value + b"," in api.get(f"/v1/jobs/{job['id']}").body


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_json_is_refused_wherever_it_stands(api: Api, queue: str, name: str) -> None:
    value = REFUSED[name]
    reply = created(api, queue, value)
    assert (reply.status, reply.code) == (422, "invalid")
    assert reply.fields[0] in {"", "/payload"}
    many = {"jobs": [{"queue": queue, "type": "t"}, {"queue": queue, "type": "t", "payload": "#"}]}
    reply = api.post("/v1/jobs", body(many, value))
    assert (reply.status, reply.fields[0] in {"", "/jobs/1/payload"}) == (422, True)
    assert api.get(f"/v1/queues/{queue}").status == 404
    job = running(api, queue)
    for fields in (
        {"progress": "#"},
        {"status": "failed", "error": "#"},
        {"status": "succeeded", "result": "#"},
    ):
        assert said(api, job, value, **fields).status == 422, fields
    assert api.get(f"/v1/jobs/{job['id']}").json["status"] == "running"


@pytest.mark.parametrize("field", ["queue", "type"])
@pytest.mark.parametrize("value", [rb'"a\u0000b"', rb'"\ud83d"', b'"a\x00"', b'"\xff"', rb'"a\n"'])
def test_names_hold_neither_controls_nor_half_pairs(api: Api, field: str, value: bytes) -> None:
    template = {"queue": "unused", "type": "t", field: "#"}
    reply = api.post("/v1/jobs", body(template, value))
    assert (reply.status, reply.fields[0] in {"", f"/{field}"}) == (422, True)


@pytest.mark.parametrize("value", ["\u00e4\u4e2d", "\U0001f4a1" * 128, "a b", "'\"\\/<>&%", "null"])
def test_a_type_and_a_worker_are_free_text(api: Api, queue: str, value: str) -> None:
    create(api, queue, type=value)
    job = claim_one(api, queue, worker=value)
    assert job["type"] == value
    assert api.get(f"/v1/jobs/{job['id']}").json["worker"] == value


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b"", ""),
        (b" ", ""),
        (b"\xef\xbb\xbf{}", ""),
        (b"{", ""),
        (b'{"queue":"unused","type":"t"', ""),
        (b'{"queue":"unused","type":"t"}}', ""),
        (b'{"queue":"unused","type":"t"} {"queue":"unused","type":"t"}', ""),
        (b"queue=unused&type=t", ""),
        (b"null", ""),
        (b"[]", ""),
        (b'"job"', ""),
        (b"7", ""),
        ('{"queue":"unused","type":"t"}'.encode("utf-16"), ""),
        ('{"queue":"unused","type":"t"}'.encode("utf-32"), ""),
        (b'{"queue":"unused","type":"t","payload":1,"Payload":2}', "/Payload"),
        (b'{"jobs":[{"queue":"unused","type":"t"}],"queue":"unused"}', "/queue"),
        (b'{"jobs":{}}', "/jobs"),
        (b'{"jobs":null}', "/jobs"),
        (b'{"jobs":[]}', "/jobs"),
        (b'{"jobs":[null]}', "/jobs/0"),
        (b'{"jobs":[{"queue":"unused","type":"t"},[]]}', "/jobs/1"),
        (b'{"\\u0000":1,"queue":"unused","type":"t"}', "/\x00"),
        (b'{"a/b~c":1,"queue":"unused","type":"t"}', "/a~1b~0c"),
    ],
)
def test_a_body_that_is_no_job_is_told_so(api: Api, data: bytes, field: str) -> None:
    reply = api.post("/v1/jobs", data)
    assert (reply.status, reply.code, reply.fields) == (422, "invalid", [field])
    assert api.get("/v1/jobs?queue=unused").json["jobs"] == []


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/v1/jobs", "POST"),
        ("/v1/claims", "POST"),
        ("/v1/updates", "POST"),
        ("/v1/keys", "POST"),
        ("/v1/queues/unused", "PATCH"),
        ("/v1/jobs/01890000-0000-7000-8000-000000000000", "PATCH"),
    ],
)
def test_every_body_is_checked_so(api: Api, method: str, path: str) -> None:
    wrong = [b"", b"{", b"[]", b"null", b"\xff", b"[" * 9_999, b'{"a":' * 9_999, b'{"a":"\xff"}']
    for data in wrong:
        reply = api.call(method, path, data)
        assert (reply.status, reply.code) == (422, "invalid"), data[:9]
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        reply = api.call(method, path, b"{}", {"Content-Type": kind})
        assert (reply.status, reply.code) == (415, "unsupported_media_type"), kind


@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON", "application/json; charset=utf-8"]
)
def test_json_may_be_named_in_these_ways(api: Api, queue: str, kind: str) -> None:
    data = json.dumps({"queue": queue, "type": "t"}).encode()
    assert api.post("/v1/jobs", data, {"Content-Type": kind}).status == 201


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "zstd", "gzip, identity", "x"])
def test_a_compressed_body_is_refused(api: Api, queue: str, encoding: str) -> None:
    data = json.dumps({"queue": queue, "type": "t"}).encode()
    reply = api.post("/v1/jobs", data, {"Content-Encoding": encoding})
    assert (reply.status, reply.code) == (415, "unsupported_media_type")


def test_of_a_key_given_twice_the_last_counts(api: Api, queue: str) -> None:
    data = b'{"queue":"unused","type":"a","queue":"%s","type":"t"}' % queue.encode()
    assert api.post("/v1/jobs", data).status == 201
    assert api.get("/v1/jobs?queue=unused").json["jobs"] == []
    assert claim_one(api, queue)["type"] == "t"


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
Dump = Callable[[Any], str]
_QUICK = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@_QUICK
@given(value=JSON_VALUES, ascii_=st.booleans(), indent=st.sampled_from([None, 0, 3]))
def test_whatever_a_producer_writes_comes_back_as_it_was(
    server: Server, value: Any, *, ascii_: bool, indent: int | None
) -> None:
    api = server.api()
    text = json.dumps(value, ensure_ascii=ascii_, indent=indent).encode("utf-8", "surrogatepass")
    reply = created(api, "json", text)
    if reply.status == 422:
        # Only text that can't be written in UTF-8 is refused.
        with pytest.raises(UnicodeEncodeError):
            json.dumps(value, ensure_ascii=False).encode()
    else:
        stored = api.get(f"/v1/jobs/{reply.json['id']}").body
        assert b'"payload":' + text + b"," in stored
    api.close()
