"""What stands between us and AWS may answer anything: each call ends in time, within its memory, and with the truth about itself."""

from __future__ import annotations

import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest

from daybreak.aws.faults import UNREADABLE, AwsFault
from daybreak.aws.gateway import Access, Aws
from daybreak.aws.objects import Objects
from daybreak.aws.wire import Bounds
from daybreak.errors import Bug, Refused, Unreachable
from daybreak.model.plan import AwsCall
from daybreak.model.replies import Category
from daybreak.model.things import Thing
from daybreak.observe.look import Lookout
from tests.fix_liar import LIES, MANY, Asked, Liar, Lie, lying

REGION = "us-east-1"
BRIEF = Bounds(whole=timedelta(seconds=1))
CHANGE = AwsCall(service="rds", operation="DeleteDBCluster", params={"DBClusterIdentifier": "c"}, region=REGION)
OWN = Thing(kind="cluster", name="c", region=REGION)
READ = AwsCall(service="rds", operation="DescribeDBClusters", params={}, region=REGION)


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that are good for nothing, so that requests can be signed."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")


@contextmanager
def door(lie: Lie, bounds: Bounds = BRIEF, **more: Any) -> Iterator[tuple[Aws, Liar]]:
    """A door to AWS behind which somebody answers the same to everything."""
    with lying(Liar(decide=lambda _asked: lie, **more)) as liar:
        yield Aws(Access(region=REGION, endpoint_url=liar.url), bounds, may_change=[OWN]), liar


@pytest.mark.sample("10 MB of depth", "cut", "drip", "half", "no result", "noise", "page")
@pytest.mark.parametrize("what", LIES)
def test_an_unreadable_answer_to_a_change_is_lost_and_to_a_read_too(what: str) -> None:
    """A hotel's page is no success, no failure and no defect of ours: only a look can tell."""
    with door(LIES[what]) as (aws, liar):
        for ask in (lambda: aws.change(CHANGE), lambda: list(aws.pages(READ, "DBClusters"))):
            began = time.monotonic()
            with pytest.raises(AwsFault) as caught:
                ask()
            assert caught.value.trouble.category is Category.LOST
            assert time.monotonic() - began < 20, "a drip of 200 seconds"
        changes = [asked for asked in liar.seen if asked.operation == CHANGE.operation]
        assert len(changes) == 1, "a change leaves once"


@pytest.mark.parametrize("what", ["another operation's result", "well-formed page"])
def test_what_an_unreadable_answer_was_is_told(what: str) -> None:
    """Who reads this knows where to look: at the way, not at AWS."""
    with (
        door(LIES[what], Bounds()) as (aws, _),
        pytest.raises(AwsFault, match="the answer to DeleteDBCluster is <") as caught,
    ):
        aws.change(CHANGE)
    assert caught.value.trouble.code == UNREADABLE


def test_a_read_is_asked_again_when_what_came_was_no_answer() -> None:
    """A plan takes thirty reads: one page among them must not end it."""
    good = b"<DescribeDBClustersResponse><DescribeDBClustersResult><DBClusters/></DescribeDBClustersResult></DescribeDBClustersResponse>"
    lies = iter([LIES["page"], LIES["half"], LIES["page of a 403"], Lie(body=good)])
    with lying(Liar(decide=lambda _asked: next(lies))) as liar:
        aws = Aws(Access(region=REGION, endpoint_url=liar.url), may_change=[OWN])
        assert list(aws.pages(READ, "DBClusters")) == []
        assert len(liar.seen) == 4


@pytest.mark.sample("[1]", "{}", '{"KeyMetadata": {"Arn": 5}}')
@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[1]",
        b"",
        b"\xff\xfe",
        b'{"KeyMetadata": {"Arn": null}}',
        b'{"a": ' * 9999,
        b'{"KeyMetadata": {"Arn": 5}}',
    ],
)
def test_an_answer_in_json_is_held_to_what_it_must_hold(body: bytes) -> None:
    """A key that "is not there" because a proxy answered would make a plan be refused for it."""
    with door(Lie(body=body)) as (aws, _), pytest.raises(AwsFault) as caught:
        Lookout(aws).key("k")
    assert caught.value.trouble.category is Category.LOST


def test_an_answer_without_what_it_must_hold_is_no_empty_answer() -> None:
    """Nothing there is a fact about the account, and is believed only where AWS says it."""
    bare = Lie(body=b"<DescribeDBClustersResponse><DescribeDBClustersResult/></DescribeDBClustersResponse>")
    with door(bare) as (aws, _), pytest.raises(AwsFault, match='without "DBClusters"'):
        Lookout(aws).clusters()


def test_a_change_that_found_nobody_never_left() -> None:
    """It is sent again without a look, so it must be certain."""
    aws = Aws(Access(region=REGION, endpoint_url="http://127.0.0.1:9"), BRIEF, may_change=[OWN])
    with pytest.raises(AwsFault) as caught:
        aws.change(CHANGE)
    assert caught.value.trouble.category is Category.UNSENT


def test_a_tls_that_fails_in_the_handshake_never_left() -> None:
    """Before the first byte of a request nothing can have been carried out, whatever the library calls it."""
    with door(LIES["page"]) as (_, liar):
        aws = Aws(Access(region=REGION, endpoint_url=liar.url.replace("http:", "https:")), BRIEF, may_change=[OWN])
        with pytest.raises(AwsFault) as caught:
            aws.change(CHANGE)
    assert caught.value.trouble.category is Category.UNSENT
    assert liar.seen == []


def test_a_change_that_was_given_up_before_it_left_never_leaves() -> None:
    """A line that comes up after we called the change unsent, and sent it again, would carry it a second time."""
    with ExitStack() as open_ones:
        late = open_ones.enter_context(socket.socket())
        late.bind(("127.0.0.1", 0))
        late.listen(0)
        place = late.getsockname()
        # The queue of connections is full, so ours is made only when these are taken: the kernel tries again after 1 and 3 s.
        for _ in range(2):
            filler = open_ones.enter_context(socket.socket())
            filler.settimeout(0)
            filler.connect_ex(place)
        aws = Aws(Access(region=REGION, endpoint_url=f"http://127.0.0.1:{place[1]}"), BRIEF, may_change=[OWN])
        with pytest.raises(AwsFault) as caught:
            aws.change(CHANGE)
        assert caught.value.trouble.category is Category.UNSENT
        late.settimeout(6)
        heard = b""
        while b"POST" not in heard:
            line = open_ones.enter_context(late.accept()[0])
            line.settimeout(0.5 if heard == b"" else 6)
            with suppress(TimeoutError):
                while piece := line.recv(65536):
                    heard += piece
        assert b"DeleteDBCluster" not in heard


def test_an_answer_takes_no_more_memory_than_is_allowed() -> None:
    """A flood ends at the limit, not when the machine has no memory left."""
    flood = Lie(body=b"<a>" * MANY)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with (
        door(flood, Bounds(most=4 * 1024 * 1024)) as (aws, _),
        pytest.raises(AwsFault, match="larger than 4 MB") as caught,
    ):
        aws.change(CHANGE)
    assert caught.value.trouble.category is Category.LOST
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024


@pytest.mark.sample("cut", "dripping headers")
@pytest.mark.parametrize("what", ["drip", "dripping headers", "cut", "page of a 502"])
def test_the_journals_calls_end_in_time_too(what: str) -> None:
    """An event that is never stored pauses the run; one that drips must not stop it for a day."""
    with door(LIES[what]) as (aws, _):
        objects = Objects(aws.client("s3"), "bucket", tries=2, sleep=lambda _: None)
        began = time.monotonic()
        for ask in (lambda: objects.get("k"), lambda: objects.put_if_absent("k", b"x" * 100_000)):
            with pytest.raises(Unreachable, match='the bucket "bucket"'):
                ask()
        assert time.monotonic() - began < 30, "two calls of at most a second, each asked twice"


@pytest.mark.parametrize("repeats", [True, False])
def test_pages_without_an_end_are_named(*, repeats: bool) -> None:
    """A marker that comes again, or a thousand pages: a plan that is never made is no answer either."""
    number = iter(range(10**9))

    def page(_asked: Asked) -> bytes:
        marker = b"m" if repeats else str(next(number)).encode()
        return (
            b"<DescribeDBClustersResponse><DescribeDBClustersResult><DBClusters/><Marker>"
            + marker
            + b"</Marker></DescribeDBClustersResult></DescribeDBClustersResponse>"
        )

    why = "a page named the marker of an earlier one" if repeats else "it has more than 1000 pages"
    with (
        door(Lie(body=page), Bounds()) as (aws, liar),
        pytest.raises(AwsFault, match=f"the answer to DescribeDBClusters does not end: {why}"),
    ):
        list(aws.pages(READ, "DBClusters"))
    assert len(liar.seen) == (2 if repeats else 1000)


def test_a_defect_of_ours_is_still_a_bug() -> None:
    """What AWS's own model does not take was our mistake, and nobody waits for it to mend itself."""
    with door(LIES["page"]) as (aws, liar):
        wrong = CHANGE.model_copy(update={"params": {"Cluster": 5}})
        with pytest.raises(Bug):
            aws.change(wrong)
        unknown = READ.model_copy(update={"operation": "DescribeNothing"})
        with pytest.raises(Bug):
            aws.read(unknown)
        with pytest.raises(Bug, match="which this door was not opened for"):
            aws.change(CHANGE.model_copy(update={"params": {"DBClusterIdentifier": "d"}}))
        assert liar.seen == []


def test_a_defect_in_a_handler_of_ours_is_no_answer_of_awss() -> None:
    """Our own account of waiting is called within botocore, after the request left."""
    with door(LIES["page"]) as (aws, _):
        # The deliberate defect: the sum of the seconds is a word.
        aws.traffic.waited = "a word"  # type: ignore[assignment]
        with pytest.raises(Bug, match="before-parse"):
            aws.change(CHANGE)


@pytest.mark.parametrize("config", [b"[default\n", b"\xff\xfe[default]", b"[profile x]\nregion = \n"])
def test_settings_that_cannot_be_read_are_the_persons_to_mend(
    config: bytes, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of AWS's that is broken is no bug of Daybreak's."""
    (tmp_path / "config").write_bytes(config)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.delenv("AWS_REGION", raising=False)
    with pytest.raises(Refused):
        Aws(Access(profile="x" if b"profile" in config else None))
