"""The one way into the lab's AWS: it takes a request, checks the sender, applies faults and IAM, and gives the request to RDS
or to moto.

The law: an unsigned request does nothing and spends no fault. The signature's scope says service and region, and RDS never
reaches moto. After a fault before the work nothing was done; after one that follows the work everything was.
"""

from __future__ import annotations

import sys
import time
import traceback
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from botocore.model import OperationNotFoundError

from daybreak.lab.access.iam import Iam
from daybreak.lab.account.manners import Manners, words_for_moto
from daybreak.lab.account.replay import Recorded, is_read
from daybreak.lab.account.replicas import Replicas
from daybreak.lab.account.vaults import answer_about_points
from daybreak.lab.control.faults import Api, Effect, Faults, Rule
from daybreak.lab.http.message import LOST, Reply, Request
from daybreak.lab.protocol import codec
from daybreak.lab.protocol.boto import service_model
from daybreak.lab.protocol.dialect import (
    Call,
    call_of,
    denial_reply,
    error_reply,
    expiry_reply,
    flaw_reply,
    form_of,
    in_path_style,
    unknown_operation_reply,
)
from daybreak.lab.protocol.emptiness import nothing
from daybreak.lab.protocol.errors import AwsError
from daybreak.lab.rds.front import Rds
from daybreak.lab.traffic import Traffic

_GLOBAL = frozenset({"iam", "route53"})
"""Services outside all regions: the loss of a region does not affect what they answer."""

_CONTROL_PLANE = "us-east-1"
"""The region from which services outside all regions are changed: without it nothing of theirs can be (FACTS 4.12)."""

_PATIENCE = 0.1  # seconds between two looks whether a lost region is back

_CONSTANT = frozenset({"GetSessionToken", "GetFederationToken"})
"""Calls to which moto answers with a key that is the same in every moto."""

_WORKSHOP = "/moto-api"
"""Where moto shows and forgets everything for any client; only the lab itself may use it."""


@dataclass(frozen=True)
class Wire:
    """What answers behind the door."""

    rds: Rds
    others: Recorded
    manners: Manners
    faults: Faults
    iam: Iam
    traffic: Traffic
    replicas: Replicas
    account: str
    bucket_of: Callable[[str], str]
    """The bucket that a ``Host`` names, empty when it names the lab itself."""
    region_of_bucket: Callable[[str], str | None]
    """The region of a bucket; ``None`` when there is no such bucket."""
    homes: dict[str, str] = field(default_factory=dict)
    """The region of each bucket that was asked for while a fault stood; forgotten when a bucket comes or goes."""

    def answer(self, request: Request) -> Reply:
        """Answer one request to AWS; the reply may be `LOST`."""
        started = time.perf_counter()
        request_id = str(uuid.uuid4())
        flaw = self.iam.flaw(request)
        request = in_path_style(request, self.bucket_of(request.headers.get("host", "")))
        call = call_of(request)
        reply = flaw_reply(call, flaw, request_id) if flaw else self._through_faults(call, request, request_id)
        self.traffic.note(call, reply.status, time.perf_counter() - started, request_id)
        return reply

    def _through_faults(self, call: Call, request: Request, request_id: str) -> Reply:
        if not self.faults.rules():
            return self._ask_service(call, request, request_id)
        rule = self.faults.match(call.service, call.operation, self._region_of(call, request), call.identifier)
        if rule is None:
            return self._ask_service(call, request, request_id)
        match rule.effect:
            case Effect.ERROR:
                return error_of_rule(call, rule, request_id)
            case Effect.DROP_BEFORE:
                return LOST
            case Effect.REGION_DOWN:
                return self._answer_for_lost_region(call, rule, request_id)
            case Effect.DELAY:
                time.sleep(float(rule.args.get("seconds", 1.0)))
        reply = self._ask_service(call, request, request_id)
        match rule.effect:
            case Effect.DROP_AFTER:
                return LOST
            case Effect.ERROR_AFTER:
                return error_of_rule(call, rule, request_id)
        return reply

    def _region_of(self, call: Call, request: Request) -> str:
        """The region that answers: of a bucket its own, of a service outside all regions that of its control plane for changes."""
        if call.service in _GLOBAL:
            return "aws-global" if is_read(request) else _CONTROL_PLANE
        bucket = str(call.params.get("Bucket", "")) if call.service == "s3" else ""
        is_bucket = bucket and not request.path.startswith(_WORKSHOP)  # moto answers there with pages of its own
        if is_bucket and bucket not in self.homes and (found := self.region_of_bucket(bucket)):
            self.homes[bucket] = found  # to ask costs as much as the call itself
        return self.homes.get(bucket, call.region)

    def _answer_for_lost_region(self, call: Call, rule: Rule, request_id: str) -> Reply:
        match rule.args.get("api", Api.CLOSES):
            case Api.HANGS:
                while self.faults.stands(rule.id):
                    time.sleep(_PATIENCE)
                return LOST
            case Api.EMPTY if empty := nothing(call, request_id):
                return empty
            case Api.ERRORS | Api.EMPTY:
                return error_reply(call, "InternalFailure", "An internal error has occurred.", 500, request_id)
        return LOST

    def _ask_service(self, call: Call, request: Request, request_id: str) -> Reply:
        if call.access_key in self.iam.expired:
            return expiry_reply(call, request_id)
        if denial := self.iam.denial(call):
            return denial_reply(call, denial, request_id)
        if call.service == "rds":
            return self._ask_rds(call, request, request_id)
        if call.operation == "GetCallerIdentity" and self.iam.is_root(call.access_key):
            return root_identity(self.account, request_id)
        if request.path.startswith(_WORKSHOP) or call.operation in _CONSTANT:
            return unknown_operation_reply(call, request_id)
        try:
            self.manners.check(call, request)
        except AwsError as error:
            return error_reply(call, error.code, error.message, error.status, request_id)
        if own := answer_about_points(call, request_id):
            return own
        reply = self.manners.correct(call, request, self._ask_moto(call, words_for_moto(call, request), request_id))
        if call.operation in ("CreateBucket", "DeleteBucket"):
            self.homes.clear()
        if call.service == "s3" and reply.status < 300:
            return self.replicas.hear(call, request, reply)
        if call.service == "ec2" and "SecurityGroup" in call.operation and not call.operation.startswith("Describe"):
            self.rds.world_changed()
        return reply

    def _ask_moto(self, call: Call, request: Request, request_id: str) -> Reply:
        try:
            return self.others.ask(request)
        except NotImplementedError:
            return unknown_operation_reply(call, request_id)
        except KeyError as error:
            if code := code_of_missing(call, error):
                return error_reply(call, code, f"The lab has no {error.args[0]}", 400, request_id)
            return self._failure(call, error, request_id)
        except Exception as error:  # noqa: BLE001 - the same as for RDS: answered as AWS's 500, and seen
            return self._failure(call, error, request_id)

    def _failure(self, call: Call, error: Exception, request_id: str) -> Reply:
        traceback.print_exc(file=sys.stderr)
        return error_reply(call, "InternalFailure", f"the lab failed: {error!r}", 500, request_id)

    def _ask_rds(self, call: Call, request: Request, request_id: str) -> Reply:
        headers = (("Content-Type", "text/xml"), ("x-amzn-RequestId", request_id))
        try:
            params = codec.parse(call.operation, form_of(request))
            caller = self.iam.caller_arn(call.access_key)
            result = self.rds.handle(call.region, call.operation, params, caller_arn=caller)
            return Reply(200, headers, codec.render(call.operation, result, request_id))
        except AwsError as error:
            return Reply(error.status, headers, codec.render_error(error, request_id))
        except Exception as error:  # noqa: BLE001 - a bug of the lab must look like AWS's own 500, and be seen
            traceback.print_exc(file=sys.stderr)
            internal = AwsError("InternalFailure", f"the lab failed: {type(error).__name__}: {error}", 500)
            return Reply(500, headers, codec.render_error(internal, request_id))


def code_of_missing(call: Call, error: KeyError) -> str:
    """The code for a thing that is not there, where moto fell over its name instead of saying so; empty where it fell over
    something else, or the operation has no such code.
    """
    missing = str(error.args[0]) if error.args else ""
    if not missing or not any(missing in str(value) for value in call.params.values()):
        return ""
    try:
        shapes = service_model(call.service).operation_model(call.operation).error_shapes
    except OperationNotFoundError:
        return ""
    codes = [str(shape.metadata.get("error", {}).get("code", shape.name)) for shape in shapes]
    return next((code for code in codes if "NotFound" in code or code.startswith("NoSuch")), "")


def root_identity(account: str, request_id: str) -> Reply:
    """The identity of the lab's own key: the account's root, which moto does not know."""
    who = f"<Arn>arn:aws:iam::{account}:root</Arn><UserId>{account}</UserId><Account>{account}</Account>"
    text = (
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
        f"<GetCallerIdentityResult>{who}</GetCallerIdentityResult>"
        f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
    )
    return Reply(200, (("Content-Type", "text/xml"), ("x-amzn-RequestId", request_id)), text.encode())


def error_of_rule(call: Call, rule: Rule, request_id: str) -> Reply:
    """The error that a rule asks for: throttling unless it names a code, 500 for an error after the work."""
    late = rule.effect is Effect.ERROR_AFTER
    code = str(rule.args.get("code", "InternalFailure" if late else "Throttling"))
    usual = {"Throttling": 400, "InternalFailure": 500, "ServiceUnavailable": 503, "AccessDenied": 403}
    status = int(rule.args.get("status", 500 if late else usual.get(code, 400)))
    texts = {"Throttling": "Rate exceeded", "InternalFailure": "An internal error has occurred."}
    message = str(rule.args.get("message", texts.get(code, f"planted by fault rule {rule.id}")))
    return error_reply(call, code, message, status, request_id)
