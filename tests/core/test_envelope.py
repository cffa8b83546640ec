"""The bodies of version 1, as they stand in queues that a release before this one filled.

They are written out, so that a change to both the writer and the reader is noticed here: what is
in a queue was written before it, and what is written now may be read by a consumer of before it.
A change of the format needs a new VERSION, with the old one left in READS for a release; the table
stays as it is as long as version 1 is read.
"""

import json
from typing import get_args

import pytest

from jobhopper_core.broker.envelope import READS, VERSION, Envelope, decode, encode
from jobhopper_core.model.writes import (
    Claim,
    Create,
    Extend,
    Fail,
    Key,
    Release,
    Succeed,
    Write,
)

# Of each operation one with all that it can say and one with as little as there can be.
WRITES: dict[str, tuple[bytes, Write]] = {
    "create": (
        (
            b'{"op":"create","id":"j","at":11,"queue":"mail","type":"send",'
            b'"payload":"{\\"to\\": \\"Zo\xc3\xab\\"}","priority":3,"max_attempts":7,"run_at":12,'
            b'"traceparent":"00-ab-cd-01","new_queue":true,"key":{"digest":"d1","body":"b0","jobs":2}}'
        ),
        Create(
            id="j",
            at=11,
            queue="mail",
            type="send",
            payload='{"to": "Zoë"}',
            priority=3,
            max_attempts=7,
            run_at=12,
            traceparent="00-ab-cd-01",
            new_queue=True,
            key=Key(digest="d1", body="b0", jobs=2),
        ),
    ),
    "least create": (
        (
            b'{"op":"create","id":"j","at":11,"queue":"mail","type":"send","payload":"null",'
            b'"priority":5,"max_attempts":1}'
        ),
        Create("j", 11, "mail", "send", "null", 5, 1, None, None, False, None),
    ),
    "claim": (
        (
            b'{"op":"claim","id":"j","at":11,"claim_id":"c1","attempt":2,"again":1,"until":19,'
            b'"worker":"w"}'
        ),
        Claim(id="j", at=11, claim_id="c1", attempt=2, until=19, worker="w", again=1),
    ),
    "least claim": (
        b'{"op":"claim","id":"j","at":11,"claim_id":"c1","attempt":2,"until":19}',
        Claim(id="j", at=11, claim_id="c1", attempt=2, until=19, worker=None, again=0),
    ),
    "extend": (
        (
            b'{"op":"extend","id":"j","at":11,"claim_id":"c1","attempt":2,"until":19,'
            b'"progress":"{\\"done\\": 1}","again":3}'
        ),
        Extend("j", 11, "c1", 2, until=19, progress='{"done": 1}', again=3),
    ),
    "least extend": (
        b'{"op":"extend","id":"j","at":11,"claim_id":"c1","attempt":2}',
        Extend("j", 11, "c1", 2, until=None, progress=None, again=0),
    ),
    "succeed": (
        (
            b'{"op":"succeed","id":"j","at":11,"claim_id":"c1","attempt":2,"result":"[1]",'
            b'"progress":"100","again":3}'
        ),
        Succeed("j", 11, "c1", 2, result="[1]", progress="100", again=3),
    ),
    "least succeed": (
        b'{"op":"succeed","id":"j","at":11,"claim_id":"c1","attempt":2}',
        Succeed("j", 11, "c1", 2, result=None, progress=None, again=0),
    ),
    "fail": (
        (
            b'{"op":"fail","id":"j","at":11,"claim_id":"c1","attempt":2,"error":"\\"no\\"",'
            b'"retry_in":60,"retry":false,"progress":"50","again":3}'
        ),
        Fail("j", 11, "c1", 2, error='"no"', retry_in=60, retry=False, progress="50", again=3),
    ),
    "least fail": (
        b'{"op":"fail","id":"j","at":11,"claim_id":"c1","attempt":2}',
        Fail("j", 11, "c1", 2, error=None, retry_in=None, retry=True, progress=None, again=0),
    ),
    "release": (
        b'{"op":"release","id":"j","at":11,"claim_id":"c1","attempt":2,"progress":"50","again":3}',
        Release("j", 11, "c1", 2, progress="50", again=3),
    ),
    "least release": (
        b'{"op":"release","id":"j","at":11,"claim_id":"c1","attempt":2}',
        Release("j", 11, "c1", 2, progress=None, again=0),
    ),
}
ENVELOPES: dict[str, tuple[bytes, Envelope]] = {
    "a tick": (b'{"v":1,"tick":1790000000000000}', Envelope(1, tick=1_790_000_000_000_000)),
    "a bid": (b'{"v":1,"bid":3}', Envelope(1, bid=3)),
    "a bid of rank 0": (b'{"v":1,"bid":0}', Envelope(1, bid=0)),
} | {
    what: (
        b'{"v":1,"id":"e1","at":12,"writes":[' + body + b"]}",
        Envelope(1, id="e1", at=12, writes=[write], tick=None, bid=None),
    )
    for what, (body, write) in WRITES.items()
}


@pytest.mark.parametrize("what", ENVELOPES)
def test_a_body_of_version_1_is_read_as_it_was_meant(what: str) -> None:
    body, meant = ENVELOPES[what]
    assert 1 in READS
    assert decode(body) == meant


@pytest.mark.skipif(VERSION != 1, reason="another version is written")
@pytest.mark.parametrize("what", ENVELOPES)
def test_version_1_is_written_as_a_release_before_this_one_reads_it(what: str) -> None:
    body, meant = ENVELOPES[what]
    assert json.loads(encode(meant)) == json.loads(body)


def test_writes_keep_their_order() -> None:
    both = b",".join(WRITES[what][0] for what in ("succeed", "extend"))
    found = decode(b'{"v":1,"id":"e1","at":12,"writes":[' + both + b"]}")
    assert found.writes == [WRITES["succeed"][1], WRITES["extend"][1]]


def test_every_operation_stands_in_the_table() -> None:
    assert {type(write) for _, write in WRITES.values()} == set(get_args(Write))
