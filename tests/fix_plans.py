"""A plan of each shape the planner knows, for renderers and for the client that must understand them."""

from __future__ import annotations

from daybreak.model.moment import Latest
from daybreak.model.plan import Plan
from daybreak.model.requests import CleanRequest
from daybreak.model.targets import Contact, Expectation
from daybreak.model.world import ServerlessRange
from tests import fix_worlds as worlds

HOSTILE = "\x1b[2J[bold red]`id`$(id)'\"|\n```\n# x"
"""Text that would act on a terminal, a shell, or a Markdown reader, if any of them read it."""


SHARED = worlds.snapshot(
    "from-elsewhere", kind="shared", arn="arn:aws:rds:us-east-1:210987654321:cluster-snapshot:from-elsewhere"
)
"""A snapshot that belongs to another account."""


def every_plan() -> dict[str, Plan]:
    """The plans by the name of their shape."""
    full = worlds.cluster(serverless=ServerlessRange(low=0.5, high=16), storage_type="aurora-iopt1")
    watched = worlds.instance(
        monitoring_interval=60,
        monitoring_role=f"arn:aws:iam::{worlds.ACCOUNT}:role/monitor",
        has_performance_insights=True,
        performance_insights_retention=7,
        performance_insights_key=worlds.KEY,
        copies_tags=True,
    )
    mine = {"daybreak:run": "embi-clone", "daybreak:nonce": "4f2a91c07d3be856"}
    left = worlds.observation(
        cluster=worlds.cluster(identifier="embi-clone", tags=mine),
        instances=(worlds.instance(identifier="embi-clone-1", tags=mine),),
        parameter_group=None,
    )
    return {
        "pitr": worlds.plan(),
        "latest": worlds.plan(request=worlds.pitr_request(moment=Latest()), by=worlds.target(login=None)),
        "full": worlds.plan(seen=worlds.observation(cluster=full, instances=(watched,))),
        "default-group": worlds.plan(seen=worlds.observation(parameter_group=None)),
        "lab": worlds.plan(seen=worlds.observation(identity=worlds.identity(endpoint="http://127.0.0.1:4577"))),
        "snapshot": worlds.plan(
            request=worlds.snapshot_request(), seen=worlds.observation(surroundings=worlds.surroundings())
        ),
        "shared": worlds.plan(
            request=worlds.snapshot_request(snapshot=SHARED.arn, purpose="staging"),
            seen=worlds.observation(cluster=None, instances=(), snapshots=(SHARED,), capsule=worlds.capsule()),
        ),
        "clean": worlds.plan(
            request=CleanRequest(target="embi", run="embi-clone", nonce=mine["daybreak:nonce"], suffix="9ab"), seen=left
        ),
    }


def hostile_plan() -> Plan:
    """A plan for a world full of text that means harm."""
    return worlds.plan(
        request=worlds.pitr_request(why=HOSTILE),
        seen=worlds.observation(cluster=worlds.cluster(tags={"note": HOSTILE}, master_username=HOSTILE)),
        by=worlds.target(
            database=HOSTILE,
            contacts=(Contact(role=HOSTILE, address=HOSTILE),),
            tables={f"public.{HOSTILE}": Expectation(freshness=HOSTILE)},
        ),
    )
