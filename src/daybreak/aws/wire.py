"""One request to AWS: whether it left, when its answer must be whole, how large that may be, and what time it says.

The law: a call ends within its time, whatever the name server, the network or the answer does, and keeps no more of an answer
than is allowed. A request that was given up before its body left can never leave afterwards: only then is *unsent* certain.
"""

from __future__ import annotations

import copy
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import IntEnum
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError

from daybreak.errors import Bug, DaybreakError
from daybreak.model.clock import skew_of

_PIECE = 64 * 1024


@dataclass(frozen=True)
class Bounds:
    """The limits of one call. AWS answers within seconds, and its largest honest answer (a page of a thousand users with their
    policies) is below 20 MB.
    """

    whole: timedelta = timedelta(seconds=75)
    """From the call to the last byte of its answer, repeated requests of a read included."""
    most: int = 32 * 1024 * 1024
    """Bytes of an answer."""


class TooLateError(Exception):
    """No whole answer came in time."""


class TooLargeError(Exception):
    """The answer is larger than any that AWS gives."""


class CallStage(IntEnum):
    """How far a call came. An error means something else at each stage."""

    PREPARING = 0
    """Settings and credentials are read, the request is written and signed."""
    CONNECTING = 1
    """Names are looked up, a connection is made; nothing that AWS could act upon is on its way."""
    LEFT = 2
    """The request has begun to leave this machine."""


@dataclass
class Journey:
    """One call: when it must be over, and how far it came."""

    end: float
    stage: CallStage = CallStage.PREPARING


class Wire:
    """Carries every request of one door's clients; ``skew`` is the newest that was seen, ``None`` before the first answer."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._under_way = threading.local()
        self.skew: timedelta | None = None

    def carry(self, client: Any) -> None:
        """Send this client's requests from now on."""
        # botocore has no public way to set a session; the tests that drip and cut fail when this one is gone.
        endpoint = client._endpoint  # noqa: SLF001
        endpoint.http_session = _Session(endpoint.http_session, self)

    @contextmanager
    def journey(self) -> Iterator[Journey]:
        """The call that this thread makes within the block."""
        journey = Journey(monotonic() + self._bounds.whole.total_seconds())
        self._under_way.journey = journey
        try:
            yield journey
        finally:
            del self._under_way.journey

    def send(self, inner: Any, request: Any) -> AWSResponse:
        """Send one request through botocore's own session and wait for the whole answer."""
        journey = getattr(self._under_way, "journey", None) or Journey(self._end_of(request.context))
        parcel = _Parcel(request)
        sent = datetime.now(UTC)
        answers: SimpleQueue[AWSResponse | BaseException] = SimpleQueue()

        def fetch() -> None:
            try:
                answers.put(self._fetch(inner, parcel, journey.end))
            except BaseException as trouble:  # noqa: BLE001 - raised again by the thread that waits
                answers.put(trouble)

        # The resolver has no limit of ours, and headers that come a byte a second have no limit at all.
        threading.Thread(target=fetch, name="daybreak-aws", daemon=True).start()
        try:
            answer = answers.get(timeout=max(journey.end - monotonic(), 0.0))
        except Empty:
            answer = _late(self._bounds.whole)
        finally:
            journey.stage = max(journey.stage, CallStage.LEFT if parcel.give_up() else CallStage.CONNECTING)
        if isinstance(answer, BaseException):
            raise answer
        self._note_date(answer.headers.get("Date"), sent)
        return answer

    def _end_of(self, context: dict[str, Any]) -> float:
        """When a call without a journey must be over, such as the journal's in S3; its requests share one context."""
        end: float = context.setdefault("daybreak.end", monotonic() + self._bounds.whole.total_seconds())
        return end

    def _note_date(self, date: str | None, sent: datetime) -> None:
        try:
            theirs = parsedate_to_datetime(date or "")
        except (ValueError, IndexError, TypeError):
            return
        if theirs.tzinfo is not None:
            self.skew = skew_of(theirs, sent=sent, arrived=datetime.now(UTC))

    def _fetch(self, inner: Any, parcel: _Parcel, end: float) -> AWSResponse:
        response = inner.send(parcel.request)
        try:
            body = self._body(response.raw, end)
        except (TooLateError, TooLargeError):
            response.raw.close()
            raise
        except Exception as trouble:
            response.raw.close()
            raise ConnectionClosedError(endpoint_url=parcel.request.url, error=trouble) from trouble
        promised = str(response.headers.get("Content-Length", ""))
        if promised.isdecimal() and len(body) < int(promised) and parcel.request.method != "HEAD":
            cut = f"{len(body)} of {promised} bytes came"
            raise ConnectionClosedError(endpoint_url=parcel.request.url, error=cut)
        return AWSResponse(response.url, response.status_code, response.headers, _Whole(body))

    def _body(self, raw: Any, end: float) -> bytes:
        body = bytearray()
        while piece := raw.read1(_PIECE, decode_content=False):
            body += piece
            if len(body) > self._bounds.most:
                message = f"the answer is larger than {self._bounds.most // (1024 * 1024)} MB"
                raise TooLargeError(message)
            if monotonic() > end:
                raise _late(self._bounds.whole)
        return bytes(body)


def _late(whole: timedelta) -> TooLateError:
    return TooLateError(f"no whole answer came within {whole.total_seconds():g} seconds")


class _Session:
    """botocore's HTTP session, with our way of sending."""

    def __init__(self, inner: Any, wire: Wire) -> None:
        self._inner = inner
        self._wire = wire

    def send(self, request: Any) -> AWSResponse:
        return self._wire.send(self._inner, request)

    def close(self) -> None:
        self._inner.close()


class _Parcel:
    """A request that knows whether it began to leave; ``give_up`` says so, and from then on it cannot leave any more.

    A request acts by its body: until the body is taken, nothing that AWS could act upon is on its way.
    """

    def __init__(self, request: Any) -> None:
        self.request = copy.copy(request)
        self.request.stream_output = True  # the answer is read here, within its bounds
        self._lock = threading.Lock()
        self._is_given_up = False
        self._has_left = True
        body = request.body.encode() if isinstance(request.body, str) else request.body
        if isinstance(body, bytes | bytearray) and body:
            self._has_left = False
            self.request.body = _Body(bytes(body), self._leave)

    def _leave(self) -> None:
        with self._lock:
            if self._is_given_up:
                raise _late(timedelta())
            self._has_left = True

    def give_up(self) -> bool:
        with self._lock:
            self._is_given_up = True
            return self._has_left


class _Body(io.BytesIO):
    """A body that reports before it hands out its first byte."""

    def __init__(self, body: bytes, leave: Any) -> None:
        super().__init__(body)
        self._leave = leave

    def read(self, size: int | None = -1, /) -> bytes:
        self._leave()
        return super().read(size)


class _Whole(io.BytesIO):
    """A body that is already here, in the form that botocore reads from a socket."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.getvalue()


def ours(handler: Any) -> Any:
    """A handler of ours for botocore's events. An error in it is a defect of ours, and never an answer of AWS's."""

    def handle(**event: Any) -> None:
        try:
            handler(**event)
        except DaybreakError:
            raise
        except Exception as defect:
            message = f"handling {event.get('event_name', 'an event')}: {type(defect).__name__}: {defect}"
            raise Bug(message) from defect

    return handle
