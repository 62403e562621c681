"""A ward: a lab of its own, a branch of the company in it, and one clone that Daybreak restored; defects are planted there.

The law: after each defect the clone is what it was. Its database is copied back from a pristine copy, which shares every
object id and transaction with it; what belongs to the whole server or to AWS is undone by the defect itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from daybreak.app import App
from daybreak.app.baselines import BaselineWish, take_baseline
from daybreak.app.planning import PitrWish, plan_pitr
from daybreak.app.running import Watchers, carry_out, start
from daybreak.app.validating import Case, Inquiry, case_of, validate_case
from daybreak.aws.gateway import Access
from daybreak.config import load
from daybreak.lab.lab import shared_cache
from daybreak.lab.remote import REGION
from daybreak.lab.servers.binaries import installs
from daybreak.model.run import RunState
from daybreak.model.thoroughness import Depth
from daybreak.model.validation import Validation
from daybreak.postgres.scratch import COMMENT, PREFIX
from tests.defects import specimens
from tests.fix_lab import LabUnderTest, eventually, private
from tests.lab.company.fix_branches import Branch, found
from tests.lab.company.fix_damage import Damage

QUICK = 100_000.0
"""Nobody waits for AWS here."""

_MARK = f"{PREFIX}0badcafe"
_PRISTINE = f"{_MARK}_pristine"
"""A database of a negative control: a validation says so, and judges it as no part of the clone."""


@dataclass
class Ward:
    """One restored clone, and everything needed to hurt it and to ask it."""

    lab: LabUnderTest
    home: Path
    branch: Branch
    app: App
    run: str = ""
    source: dict[str, Any] = field(default_factory=dict)
    """The source as AWS described it when the clone was made; it may be gone since."""
    others: dict[str, Any] = field(default_factory=dict)
    """What a defect must remember until it is undone."""

    @property
    def damage(self) -> Damage:
        """Somebody with the provider's own rights, at the clone's database."""
        return Damage(self.lab.remote, self.run)

    @property
    def rds(self) -> Any:
        """AWS, for an administrator."""
        return self.lab.client("rds")

    def described(self, cluster: str = "") -> dict[str, Any]:
        """The clone as AWS describes it, or another cluster."""
        found_ = self.rds.describe_db_clusters(DBClusterIdentifier=cluster or self.run)["DBClusters"]
        return dict(found_[0])

    def settled(self) -> None:
        """Wait until nothing at AWS is under way any more."""

        def is_so() -> bool:
            instances = self.rds.describe_db_instances(Filters=[{"Name": "db-cluster-id", "Values": [self.run]}])
            states = {each["DBInstanceStatus"] for each in instances["DBInstances"]}
            return self.described()["Status"] == "available" and states == {"available"}

        eventually(is_so, within=60)

    def modify(self, **changes: Any) -> None:
        """Change the clone at once, and wait for it."""
        self.rds.modify_db_cluster(DBClusterIdentifier=self.run, ApplyImmediately=True, **changes)
        self.settled()

    def modify_writer(self, **changes: Any) -> None:
        """Change the clone's writer at once, and wait for it."""
        self.rds.modify_db_instance(DBInstanceIdentifier=f"{self.run}-1", ApplyImmediately=True, **changes)
        self.settled()

    def reboot(self) -> None:
        """Restart the clone, so that its parameter group is in force."""
        self.rds.reboot_db_instance(DBInstanceIdentifier=f"{self.run}-1")
        self.settled()

    def parameter(self, name: str, value: str, *, cluster: str = "") -> None:
        """Set a parameter in the clone's group."""
        group = self.described(cluster)["DBClusterParameterGroup"]
        setting = {"ParameterName": name, "ParameterValue": value, "ApplyMethod": "pending-reboot"}
        self.rds.modify_db_cluster_parameter_group(DBClusterParameterGroupName=group, Parameters=[setting])
        self.settled()

    def unset(self, name: str) -> None:
        """Take a parameter out of the clone's group again."""
        group = self.described()["DBClusterParameterGroup"]
        setting = {"ParameterName": name, "ApplyMethod": "pending-reboot"}
        self.rds.reset_db_cluster_parameter_group(DBClusterParameterGroupName=group, Parameters=[setting])
        self.settled()

    def gone(self, instance: str) -> None:
        """Wait until an instance is gone."""

        def is_so() -> bool:
            wanted = [{"Name": "db-cluster-id", "Values": [self.run]}]
            found_ = self.rds.describe_db_instances(Filters=wanted)["DBInstances"]
            return instance not in {each["DBInstanceIdentifier"] for each in found_}

        eventually(is_so, within=60)
        self.settled()

    def case(self, depth: Depth = "full") -> Case:
        """The clone as it is now, to be asked that thoroughly."""
        return case_of(self.app, Inquiry(self.run, depth=depth))

    def validate(self, change: Callable[[Case], Case] = lambda case: case, depth: Depth = "full") -> Validation:
        """Ask the clone as it is now."""
        return validate_case(self.app, change(self.case(depth)))

    def remember(self) -> None:
        """Keep a pristine copy of each of the clone's databases beside it."""
        self.damage.sql(f"create role {_MARK}", f"comment on role {_MARK} is '{COMMENT}'")
        for database in ("embi", specimens.SECOND):
            replace(self.damage, database=database).do("keep-copy", copy=f"{_PRISTINE}_{database}", owner=_MARK)

    def heal(self, database: str = "embi") -> None:
        """Put the pristine copy in the place of the clone's database of that name."""
        replace(self.damage, database=database).do("put-back", copy=f"{_PRISTINE}_{database}")


def best_major() -> str:
    """The version in which most can be planted: one with the contributed modules, where this machine has it."""
    cache = shared_cache()
    assert cache is not None
    known = installs(cache)
    return str(next((each.major for each in known if "amcheck" in each.libraries), known[-1].major))


def majors() -> list[str]:
    """The versions of PostgreSQL that this machine has, oldest first."""
    cache = shared_cache()
    assert cache is not None
    return [str(each.major) for each in installs(cache)]


OFFERED = ("15", "16", "17", "18")
"""The versions of PostgreSQL that have cells; a machine has some of them."""


def libraries(major: str) -> frozenset[str]:
    """The loadable libraries that came with this machine's PostgreSQL of that version."""
    cache = shared_cache()
    assert cache is not None
    return next(each.libraries for each in installs(cache) if str(each.major) == major)


@contextmanager
def ward(home: Path, major: str) -> Iterator[Ward]:
    """A ward with a clone of a branch in that major version of PostgreSQL."""
    with private(speed=QUICK) as lab, pytest.MonkeyPatch.context() as environment:
        made = founded(lab, home, f"ward-{major}", major, environment, configured=specimens.CONFIGURED)
        enrich(made)
        specimens.set_up(lab.remote, made.branch.cluster)
        specimens.set_up(lab.remote, made.branch.cluster, "attributes.sql")
        specimens.set_up_second(lab.remote, made.branch.cluster)
        take_baseline(made.app, BaselineWish("embi", is_fingerprinted=True))
        work(made)
        made.run = restored(made, moment_of(made)).run
        made.source = made.described(made.branch.cluster)
        made.remember()
        yield made


def founded(
    lab: LabUnderTest, home: Path, name: str, major: str, environment: pytest.MonkeyPatch, *, configured: str = ""
) -> Ward:
    """A branch, and the product configured for it; ``configured`` stands behind the company's own configuration."""
    branch = found(lab.remote, name, major)
    home.mkdir(parents=True, exist_ok=True)
    (home / "daybreak.toml").write_text(branch.configuration(rpo="1h", poll="50ms") + configured)
    person = lab.person(home)
    for variable, value in person.surroundings().items():
        if variable.startswith(("AWS_", "DAYBREAK_")):
            environment.setenv(variable, value)
    settings = load(environ=person.surroundings(), folder=home)
    return Ward(lab, home, branch, App(settings, Access(region=REGION, endpoint_url=lab.url), person.surroundings()))


def enrich(ward: Ward) -> None:
    """Give the branch what it can lose besides: a role, and Performance Insights."""
    role = ward.lab.client("iam").get_role(RoleName="embi-aurora-s3-import")["Role"]["Arn"]
    ward.rds.add_role_to_db_cluster(DBClusterIdentifier=ward.branch.cluster, RoleArn=role, FeatureName="s3Import")
    for number in (1, 2):
        ward.rds.modify_db_instance(
            DBInstanceIdentifier=f"{ward.branch.cluster}-{number}",
            EnablePerformanceInsights=True,
            PerformanceInsightsRetentionPeriod=7,
            ApplyImmediately=True,
        )
    eventually(lambda: ward.described(ward.branch.cluster)["Status"] == "available", within=60)


def work(ward: Ward, cluster: str = "") -> None:
    """Somebody gets a raise."""
    raised = "update employees set title = 'Senior ' || title, updated_at = now() where id % 100 = 0"
    ward.lab.remote.administer(cluster or ward.branch.cluster, raised)


def moment_of(ward: Ward, cluster: str = "") -> datetime:
    """The next whole second, once the backup has come as far."""
    now = time.time()
    moment = datetime.fromtimestamp(int(now) + 1, UTC)
    time.sleep(moment.timestamp() - now + 0.05)
    source = cluster or ward.branch.cluster
    eventually(lambda: bool(ward.described(source)["LatestRestorableTime"] > moment), within=60)
    return moment


def restored(ward: Ward, moment: datetime) -> RunState:
    """How a point-in-time recovery of the branch went."""
    plan = plan_pitr(ward.app, PitrWish("embi", moment.isoformat().replace("+00:00", "Z")))
    return carry_out(ward.app, start(ward.app, plan), Watchers())
