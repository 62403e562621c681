"""The lab's own interface under ``/_lab/``: clock, faults, kindnesses, IAM, credentials, request log, status, reset, shutdown.

The law: JSON in, JSON out, and only for a client with the lab's token, which is in a file that only the lab's account can
read. The health pages are open, as the application's own would be: they change nothing and show no secret.
"""

from __future__ import annotations

import dataclasses
import hmac
import json
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import psycopg

from daybreak.errors import DaybreakError
from daybreak.lab.company import health
from daybreak.lab.company.names import APPLICATION_SECRET, DATABASE, PRIMARY
from daybreak.lab.control.faults import BadRule
from daybreak.lab.control.kindness import Kindness
from daybreak.lab.http.message import Reply, Request
from daybreak.lab.lab import Lab
from daybreak.lab.protocol.errors import AwsError
from daybreak.lab.remote import connection_proof
from daybreak.lab.servers.pages import Wound

_Json = dict[str, Any]


class _Wrong(Exception):
    """We do not know the request; the text says why."""


def answer(lab: Lab, request: Request) -> Reply:
    """Answer one request under ``/_lab/``."""
    if request.method == "GET" and request.path.startswith(HEALTH):
        return _health(lab, request.path.removeprefix(HEALTH))
    if not _has_token(lab, request):
        return _reply(401, {"error": "the lab's own interface wants the token that is in lab.json in its folder"})
    action = _ACTIONS.get((request.method, request.path.removeprefix("/_lab/")))
    if action is None:
        known = sorted(f"{method} /_lab/{name}" for method, name in _ACTIONS)
        return _reply(404, {"error": "there is no such thing", "known": known})
    try:
        body = json.loads(request.body or b"{}")
        if not isinstance(body, dict):
            raise _Wrong("the body must be a JSON object")
        return _reply(200, action(lab, body | dict(parse_qsl(request.query))))
    except (_Wrong, BadRule, ValueError) as error:
        return _reply(400, {"error": str(error)})


def _has_token(lab: Lab, request: Request) -> bool:
    given = request.headers.get("authorization", "").encode("utf-8", "replace")
    return hmac.compare_digest(given, f"Bearer {lab.keys.token}".encode())


def _reply(status: int, document: _Json) -> Reply:
    return Reply(status, (("Content-Type", "application/json"),), json.dumps(document, default=str).encode())


HEALTH = "/_lab/health/"
"""The path where the company's API says whether the database at ``HOST:PORT`` is well."""


def _health(lab: Lab, where: str) -> Reply:
    if where not in lab.rds.endpoints():  # another server at that address would see the application's login
        return _reply(404, {"error": "write /_lab/health/HOST:PORT with the endpoint of a cluster of this lab"})
    secret = lab.world.secret(PRIMARY.region, APPLICATION_SECRET)
    if secret is None:
        return _reply(503, {"status": "down", "why": "the account has no application"})
    status, body = health.page(where, health.login_of(secret, DATABASE), connection_proof(lab.folder))
    return _reply(status, dict(body))


def _status(lab: Lab, _: _Json) -> _Json:
    return lab.status()


def _clock(lab: Lab, _: _Json) -> _Json:
    return {"now": lab.clock.now().isoformat(), "speed": lab.clock.speed, "simulated": lab.clock.simulation_time()}


def _turn_clock(lab: Lab, body: _Json) -> _Json:
    if not {"speed", "advance"} & set(body):
        raise _Wrong("say {'speed': N} or {'advance': seconds}")
    if "speed" in body:
        lab.set_speed(_number(body, "speed"))
    if "advance" in body:
        lab.clock.advance(_number(body, "advance"))
    return _clock(lab, {})


def _number(body: _Json, key: str) -> float:
    try:
        return float(body[key])
    except (TypeError, ValueError):
        raise _Wrong(f"{key!r} must be a number, got {body[key]!r}") from None


def _faults(lab: Lab, _: _Json) -> _Json:
    return {"faults": [dataclasses.asdict(rule) for rule in lab.faults.rules()]}


def _add_fault(lab: Lab, body: _Json) -> _Json:
    rule = lab.faults.add(body)
    lab.follow_regions()
    return dataclasses.asdict(rule)


def _remove_faults(lab: Lab, body: _Json) -> _Json:
    removed = int(lab.faults.remove(str(body["id"]))) if "id" in body else lab.faults.clear()
    lab.follow_regions()
    return {"removed": removed}


def _kindnesses(lab: Lab, _: _Json) -> _Json:
    return {"granted": lab.rds.kindnesses.names()}


def _be_kind(lab: Lab, body: _Json) -> _Json:
    try:
        kindnesses = {Kindness(name): granted for name, granted in body.items()}
    except ValueError:
        raise _Wrong(f"say {{NAME: true or false}}; there is {', '.join(Kindness)}") from None
    for kindness, granted in kindnesses.items():
        lab.rds.kindnesses.grant(kindness, granted=granted is True)
    lab.rds.world_changed()
    return _kindnesses(lab, {})


def _iam(lab: Lab, _: _Json) -> _Json:
    return {"enforce": lab.iam.enforced}


def _set_iam(lab: Lab, body: _Json) -> _Json:
    if not isinstance(body.get("enforce"), bool):
        raise _Wrong("say {'enforce': true} or {'enforce': false}")
    lab.iam.enforced = body["enforce"]
    return _iam(lab, {})


def _credentials(lab: Lab, _: _Json) -> _Json:
    return {"expired": sorted(lab.iam.expired)}


def _set_credentials(lab: Lab, body: _Json) -> _Json:
    key = body.get("access_key")
    if not isinstance(key, str) or not isinstance(body.get("expired"), bool):
        raise _Wrong("say {'access_key': 'AKIA…', 'expired': true or false}")
    if body["expired"]:
        lab.iam.expired.add(key)
    else:
        lab.iam.expired.discard(key)
    return _credentials(lab, {})


def _requests(lab: Lab, body: _Json) -> _Json:
    visits = lab.traffic.visits(
        after=int(body.get("after", 0)), service=body.get("service", ""), operation=body.get("operation", "")
    )
    return {"requests": [dataclasses.asdict(visit) for visit in visits]}


def _forget_requests(lab: Lab, _: _Json) -> _Json:
    lab.traffic.clear()
    return {"requests": []}


def _admit(lab: Lab, body: _Json) -> _Json:
    lab.server.door.admit(str(body.get("relay")))
    return {"relays": sorted(lab.server.door.relays)}


def _tick(lab: Lab, _: _Json) -> _Json:
    lab.rds.tick()
    return {"ticked": True}


def _resize(lab: Lab, body: _Json) -> _Json:
    if not {"region", "cluster", "gigabytes"} <= set(body):
        raise _Wrong("say {'region': …, 'cluster': …, 'gigabytes': N}")
    lab.rds.resize(str(body["region"]), str(body["cluster"]), int(_number(body, "gigabytes")))
    return {"resized": body["cluster"]}


def _lag(lab: Lab, body: _Json) -> _Json:
    if "seconds" not in body or not ({"region", "cluster"} <= set(body) or "bucket" in body):
        raise _Wrong("say {'region': …, 'cluster': …} or {'bucket': …}, and 'seconds': N, or null for nothing more")
    behind = None if body["seconds"] is None else _number(body, "seconds")
    if "bucket" in body:
        lab.replicas.lag(str(body["bucket"]), behind)
        return {"lag": behind}
    try:
        lab.rds.lag(str(body["region"]), str(body["cluster"]), behind)
    except AwsError as error:
        raise _Wrong(str(error)) from None
    return {"lag": behind}


def _administer(lab: Lab, body: _Json) -> _Json:
    statements = body.get("statements")
    if not {"region", "cluster", "database"} <= set(body) or not isinstance(statements, list):
        raise _Wrong("say {'region': …, 'cluster': …, 'database': …, 'statements': [SQL, …]}")
    place = (str(body["region"]), str(body["cluster"]), str(body["database"]))
    try:
        return {"rows": [lab.rds.administer(*place, str(statement)) for statement in statements]}
    except (AwsError, DaybreakError, psycopg.Error) as error:
        raise _Wrong(str(error)) from None


def _do(lab: Lab, body: _Json) -> _Json:
    names = body.get("names")
    if not {"region", "cluster", "database", "deed"} <= set(body) or not isinstance(names, dict):
        raise _Wrong("say {'region': …, 'cluster': …, 'database': …, 'deed': …, 'names': {…}}")
    place = (str(body["region"]), str(body["cluster"]), str(body["database"]))
    try:
        lab.rds.do(place, str(body["deed"]), {str(key): str(value) for key, value in names.items()})
    except (AwsError, DaybreakError, psycopg.Error) as error:
        raise _Wrong(str(error)) from None
    return {"done": body["deed"]}


def _spoil(lab: Lab, body: _Json) -> _Json:
    named = ("region", "cluster", "database", "relation")
    if not set(named) <= set(body):
        raise _Wrong("say {'region': …, 'cluster': …, 'database': …, 'relation': …, 'block': N}")
    try:
        harm = Wound(**{name: value for name, value in body.items() if name not in named})
    except TypeError:
        raise _Wrong(f"a wound has {', '.join(each.name for each in dataclasses.fields(Wound))}") from None
    try:
        lab.rds.spoil(*(str(body[name]) for name in named), harm=harm)
    except (AwsError, DaybreakError, psycopg.Error) as error:
        raise _Wrong(str(error)) from None
    return {"spoiled": body["relation"]}


def _pretend(lab: Lab, body: _Json) -> _Json:
    kind = next((each for each in ("cluster", "instance") if each in body), "")
    members = body.get("members")
    if not kind or "region" not in body or not isinstance(members, dict):
        raise _Wrong("say {'region': …, 'cluster' or 'instance': …, 'members': {'StorageEncrypted': false, …}}")
    try:
        lab.rds.pretend(str(body["region"]), kind, str(body[kind]), members)
    except AwsError as error:
        raise _Wrong(str(error)) from None
    return {"pretended": sorted(members)}


def _offer(lab: Lab, body: _Json) -> _Json:
    if not {"region", "snapshot", "account"} <= set(body):
        raise _Wrong("say {'region': …, 'snapshot': …, 'account': …, 'encrypted': true, false or nothing}")
    names = (str(body["region"]), str(body["snapshot"]), str(body["account"]))
    try:
        return {"arn": lab.rds.offer_snapshot(*names, encrypted=body.get("encrypted"))}
    except AwsError as error:
        raise _Wrong(str(error)) from None


def _reset(lab: Lab, body: _Json) -> _Json:
    lab.reset(empty=bool(body.get("empty", False)))
    return lab.status()


def _shutdown(lab: Lab, _: _Json) -> _Json:
    threading.Timer(0.05, lab.stopping.set).start()  # after this answer has left
    return {"stopping": True}


_ACTIONS: dict[tuple[str, str], Callable[[Lab, _Json], _Json]] = {
    ("GET", "status"): _status,
    ("GET", "clock"): _clock,
    ("POST", "clock"): _turn_clock,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _add_fault,
    ("DELETE", "faults"): _remove_faults,
    ("GET", "kindnesses"): _kindnesses,
    ("POST", "kindnesses"): _be_kind,
    ("GET", "iam"): _iam,
    ("POST", "iam"): _set_iam,
    ("GET", "credentials"): _credentials,
    ("POST", "credentials"): _set_credentials,
    ("GET", "requests"): _requests,
    ("DELETE", "requests"): _forget_requests,
    ("POST", "relays"): _admit,
    ("POST", "tick"): _tick,
    ("POST", "size"): _resize,
    ("POST", "lag"): _lag,
    ("POST", "administer"): _administer,
    ("POST", "deed"): _do,
    ("POST", "spoil"): _spoil,
    ("POST", "pretend"): _pretend,
    ("POST", "offer-snapshot"): _offer,
    ("POST", "reset"): _reset,
    ("POST", "shutdown"): _shutdown,
}
