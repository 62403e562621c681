"""Clean restores: the source as a working company leaves it, and a clone to which nothing was done; none may raise an alarm."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic

from daybreak.app.custody import Leftover, plan_clean
from daybreak.app.running import Watchers, carry_out, start
from daybreak.model.findings import Finding, Standing, Verdict
from tests.defects.meanwhile import across, around, usual
from tests.defects.meanwhile.ways import Story
from tests.defects.ward import Ward


@dataclass(frozen=True)
class Clean:
    """One clean restore: in which PostgreSQL, and what the company was doing."""

    name: str
    major: str
    plan: Story
    deletes: bool = False
    """Whether its source is gone afterwards."""

    @property
    def id(self) -> str:
        """For a test's name."""
        return f"{self.name.replace(',', '').replace(' ', '-')}-{self.major}"


@dataclass(frozen=True)
class Outcome:
    """What a clean restore was told."""

    verdict: Verdict | None
    findings: tuple[Finding, ...] = field(default=())
    took: float = 0.0

    @property
    def alarms(self) -> tuple[str, ...]:
        """What was not fit."""
        wrong = (each for each in self.findings if each.standing in (Standing.UNFIT, Standing.UNKNOWN))
        return tuple(f"{each.check}: {each.standing.value}: {each.found} {each.why}" for each in wrong)

    @property
    def is_fit(self) -> bool:
        """Whether the run's verdict is fit."""
        return self.verdict is not None and self.verdict.standing is Standing.FIT


def outcome_of(ward: Ward, clean: Clean) -> Outcome:
    """Restore, and take the clone away again."""
    began = monotonic()
    state = carry_out(ward.app, start(ward.app, clean.plan(ward)), Watchers())
    cleaning = plan_clean(ward.app, Leftover(state.run))
    carry_out(ward.app, start(ward.app, cleaning), Watchers())
    return Outcome(state.verdict, state.findings, monotonic() - began)


def restores(majors: list[str]) -> tuple[Clean, ...]:
    """Every clean restore, spread over the versions there are; the one that deletes its source comes last."""
    oldest, middle, newest = majors[0], majors[len(majors) // 2], majors[-1]
    each = (oldest, middle, newest)
    made = [Clean("quiet", major, usual.quiet) for major in each]
    made += [Clean("busy", major, usual.busy) for major in each]
    made += [Clean("changes before the moment", major, usual.changed_before) for major in each]
    made += [Clean("changes after the moment", major, usual.changed_after) for major in each]
    made += [Clean("snapshot", major, usual.snapshot) for major in each]
    made += [
        Clean("latest", middle, usual.latest),
        Clean("accident", oldest, usual.accident),
        Clean("accident", newest, usual.accident),
    ]
    made += [Clean("snapshot, then work", newest, usual.snapshot_then_work)]
    made += [Clean("dated rows", major, across.dated) for major in each]
    made += [
        Clean("dated and quiet", oldest, across.dated_and_quiet),
        Clean("migration across the moment", middle, across.migration_across),
        Clean("migration across the moment", newest, across.migration_across),
        Clean("swap across the moment", oldest, across.swap_across),
        Clean("long transaction", middle, across.long_transaction),
        Clean("prepared before the moment", newest, across.prepared_before),
        Clean("prepared across the moment", oldest, across.prepared_across),
        Clean("writers at full speed", newest, across.full_speed),
        Clean("writers at full speed, baseline too", middle, across.full_speed_around_the_baseline),
        Clean("snapshot at full speed", oldest, across.snapshot_at_full_speed),
        Clean("rewritten after the moment", newest, around.rewritten_after),
        Clean("rewritten before the moment", oldest, around.rewritten_before),
        Clean("form changed before the moment", middle, around.form_changed_before),
        Clean("form changed after the moment", newest, around.form_changed_after),
        Clean("swapped after the moment", middle, around.swapped_after),
        Clean("renamed after the moment", oldest, around.renamed_after),
        Clean("emptied after the moment", oldest, around.emptied_after),
        Clean("partitions after the moment", newest, around.partitions_after),
        Clean("sequences used", middle, around.sequences_used),
        Clean("corrected before the moment", newest, around.mass_deleted_within_shrink),
        Clean("commit times at the source", middle, across.commit_times),
    ]
    made += [Clean("deleted source with capsule", newest, usual.deleted_source, deletes=True)]
    return tuple(made)
