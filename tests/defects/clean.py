"""Clean restores: the source as a working company leaves it, and a clone to which nothing was done; none may raise an alarm."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic

from daybreak.app.custody import Leftover, plan_clean
from daybreak.app.running import Watchers, carry_out, start
from daybreak.model.findings import Finding, Standing, Verdict
from tests.defects.meanwhile import across, around, asking, databases, forms, upkeep, usual
from tests.defects.meanwhile.ways import Story
from tests.defects.ward import Ward


@dataclass(frozen=True)
class Clean:
    """One clean restore: in which PostgreSQL, and what the company was doing."""

    name: str
    major: str
    plan: Story
    apart: str = ""
    """The word for a branch of its own, where the story deletes its source or leaves what all others would have to read."""

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
    plan = clean.plan(ward)
    state = carry_out(ward.app, start(ward.app, plan), Watchers())
    cleaning = plan_clean(ward.app, Leftover(state.run))
    carry_out(ward.app, start(ward.app, cleaning), Watchers())
    return Outcome(state.verdict, state.findings, monotonic() - began)


def restores(majors: list[str]) -> tuple[Clean, ...]:
    """Every clean restore, spread over the versions there are; those that delete their source come after all others of their branch."""
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
    made += [Clean("deleted source with capsule", newest, usual.deleted_source, apart="deleted")]
    made += [
        Clean("partitions of partitions", newest, forms.partitions_of_partitions),
        Clean("indexes of a framework", oldest, forms.framework_indexes),
        Clean("indexes of a framework", middle, forms.framework_indexes),
        Clean("types of all kinds", oldest, forms.types_of_all_kinds),
        Clean("types of all kinds", newest, forms.types_of_all_kinds),
        Clean("constraints of all kinds", newest, forms.constraints_of_all_kinds),
        Clean("grown", oldest, forms.grown),
        Clean("grown", newest, forms.grown),
        Clean("tables without keys", newest, forms.without_keys),
        Clean("names in need of quotes", newest, forms.odd_names),
        Clean("a thousand partitions", newest, forms.many_partitions, apart="many"),
        Clean("five thousand tables", oldest, forms.five_thousand_tables, apart="many"),
        Clean("secrets waived", oldest, forms.secrets_waived, apart="guarded"),
        Clean("secrets read", middle, forms.secrets_read, apart="guarded"),
        Clean("secrets read", newest, forms.secrets_read, apart="guarded"),
    ]
    made += [
        Clean("kept up", oldest, upkeep.kept_up),
        Clean("upkeep across the moment", newest, upkeep.upkeep_across),
        Clean("rows copied across the moment", middle, upkeep.copied),
        Clean("people and settings", middle, upkeep.people_and_settings),
        Clean("locks and slots", newest, upkeep.locks_and_slots),
        Clean("sequences apart", oldest, upkeep.sequences_apart),
        Clean("within two minutes", newest, asking.within_minutes),
        Clean("no baseline yet", middle, asking.without_baseline, apart="fresh"),
        Clean("an old baseline", oldest, asking.old_baseline),
        Clean("a login with ways of its own", middle, asking.login_with_ways),
    ]
    made += [
        Clean("nine databases", oldest, databases.nine, apart="several"),
        Clean("nine databases in motion", middle, databases.nine_in_motion, apart="several"),
        *(
            Clean("several databases with capsule", major, databases.several_with_capsule, apart="several")
            for major in each
        ),
    ]
    return tuple(made)
