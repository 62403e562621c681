"""PostgreSQL as far as a restore's walk sees it: whether it answers, and what a validation finds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from daybreak.assess.obstacles import Obstacle
from daybreak.execute.doors import Answers, Scene
from daybreak.model.actions import AwaitSql, Validate
from daybreak.model.checks import ValidationPart
from daybreak.model.findings import Finding, Level, Measured, Standing
from daybreak.model.world import Cluster
from daybreak.model.writes import WriteCount
from daybreak.postgres.leash import Leash
from tests import fix_worlds
from tests.chaos.simulated_aws import SimulatedAws

UNWRITTEN = WriteCount(rows={"embi": 0, "postgres": 0}, definitions={"embi": 0, "postgres": 0})
"""What was written in a clone that nobody but its restore knows."""


class SimulatedDatabase:
    """PostgreSQL as far as the interpreter sees it: it answers some seconds after the first instance is there."""

    def __init__(
        self,
        aws: SimulatedAws,
        kept_out: timedelta = timedelta(),
        obstacle: Obstacle | None = None,
        takes: timedelta = timedelta(minutes=2),
        finds: Standing = Standing.FIT,
    ) -> None:
        self.aws, self.clock = aws, aws.clock
        self._takes, self._finds = takes.total_seconds(), finds
        self.raises: BaseException | None = None
        self._kept_out = kept_out.total_seconds()
        self._obstacle = obstacle
        self.validations: list[ValidationPart] = []

    def answers(self, action: AwaitSql, cluster: Cluster) -> Answers:
        self.aws.clock.elapsed += 0.5
        ready = min(
            (each.ready_at for each in self.aws.instances.values() if each.body["DBClusterIdentifier"] == action.clone),
            default=float("inf"),
        )
        is_up = self.aws.clock.elapsed >= ready + 20
        if self.aws.labels and self.aws.server_at(cluster.endpoint or "") is None:
            return Answers(is_answering=False, seen="the name leads nowhere", obstacle="network")
        if is_up and self.aws.clock.elapsed < ready + 20 + self._kept_out:
            return Answers(is_answering=False, seen="no way in", obstacle=self._obstacle, hints=("look there",))
        return Answers(is_answering=is_up, seen="PostgreSQL 16.6 answers" if is_up else "connection refused")

    def validate(
        self,
        action: Validate,
        scene: Scene,
        report: Callable[[Finding], None],
        progress: Callable[[str], None],
        leash: Leash | None = None,
    ) -> Measured:
        assert action.part is not None, "a plan of this release asks in two parts"
        self.validations.append(action.part)
        if action.part == "clone":
            self.aws.clock.elapsed += 1
            report(_finding("instances", is_fit=len(scene.instances) >= max(1, len(action.instances_seen))))
            return Measured()
        group = self.aws.groups.get(scene.clone.parameter_group)
        values = group.body["Parameters"] if group else {}
        if self.raises is not None:
            raise self.raises
        in_quarantine = all(values.get(name) == value for name, value in action.quarantine.items())
        self.aws.clock.elapsed += self._takes / 2
        report(_finding("quarantine", is_fit=in_quarantine))
        progress("half of it")
        self.aws.clock.elapsed += self._takes / 2
        is_right = abs(scene.moment - fix_worlds.MOMENT) < timedelta(hours=2)
        report(finding("moment", self._finds if is_right else Standing.UNFIT))
        return Measured(newest=scene.moment - timedelta(seconds=1), rows=5_000, written=UNWRITTEN)


def finding(check: str, standing: Standing) -> Finding:
    """What a check found."""
    return Finding(check=check, level=Level.DATA, title=check, standing=standing, expected="so", found=standing.value)


def _finding(check: str, *, is_fit: bool) -> Finding:
    return finding(check, Standing.FIT if is_fit else Standing.UNFIT)
