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


_EVERY = "oldest middle newest"
_STORIES: tuple[tuple[str, str, Story, str], ...] = (
    ("quiet", _EVERY, usual.quiet, ""),
    ("busy", _EVERY, usual.busy, ""),
    ("changes before the moment", _EVERY, usual.changed_before, ""),
    ("changes after the moment", _EVERY, usual.changed_after, ""),
    ("snapshot", _EVERY, usual.snapshot, ""),
    ("latest", "middle", usual.latest, ""),
    ("accident", "oldest newest", usual.accident, ""),
    ("snapshot, then work", "newest", usual.snapshot_then_work, ""),
    ("dated rows", _EVERY, across.dated, ""),
    ("dated and quiet", "oldest", across.dated_and_quiet, ""),
    ("migration across the moment", "middle newest", across.migration_across, ""),
    ("swap across the moment", "oldest", across.swap_across, ""),
    ("long transaction", "middle", across.long_transaction, ""),
    ("prepared before the moment", "newest", across.prepared_before, ""),
    ("prepared across the moment", "oldest", across.prepared_across, ""),
    ("writers at full speed", "newest", across.full_speed, ""),
    ("writers at full speed, baseline too", "middle", across.full_speed_around_the_baseline, ""),
    ("snapshot at full speed", "oldest", across.snapshot_at_full_speed, ""),
    ("rewritten after the moment", "newest", around.rewritten_after, ""),
    ("rewritten before the moment", "oldest", around.rewritten_before, ""),
    ("form changed before the moment", "middle", around.form_changed_before, ""),
    ("form changed after the moment", "newest", around.form_changed_after, ""),
    ("swapped after the moment", "middle", around.swapped_after, ""),
    ("renamed after the moment", "oldest", around.renamed_after, ""),
    ("emptied after the moment", "oldest", around.emptied_after, ""),
    ("partitions after the moment", "newest", around.partitions_after, ""),
    ("sequences used", "middle", around.sequences_used, ""),
    ("corrected before the moment", "newest", around.mass_deleted_within_shrink, ""),
    ("commit times at the source", "middle", across.commit_times, ""),
    ("deleted source with capsule", "newest", usual.deleted_source, "deleted"),
    ("partitions of partitions", "newest", forms.partitions_of_partitions, ""),
    ("indexes of a framework", "oldest middle", forms.framework_indexes, ""),
    ("types of all kinds", "oldest newest", forms.types_of_all_kinds, ""),
    ("constraints of all kinds", "newest", forms.constraints_of_all_kinds, ""),
    ("grown", "oldest newest", forms.grown, ""),
    ("tables without keys", "newest", forms.without_keys, ""),
    ("names in need of quotes", "newest", forms.odd_names, ""),
    ("a thousand partitions", "newest", forms.many_partitions, "many"),
    ("five thousand tables", "oldest", forms.five_thousand_tables, "many"),
    ("secrets waived", "oldest", forms.secrets_waived, "guarded"),
    ("secrets read", "middle newest", forms.secrets_read, "guarded"),
    ("kept up", "oldest", upkeep.kept_up, ""),
    ("upkeep across the moment", "newest", upkeep.upkeep_across, ""),
    ("rows copied across the moment", "middle", upkeep.copied, ""),
    ("people and settings", "middle", upkeep.people_and_settings, ""),
    ("locks and slots", "newest", upkeep.locks_and_slots, ""),
    ("sequences apart", "oldest", upkeep.sequences_apart, ""),
    ("within two minutes", "newest", asking.within_minutes, ""),
    ("no baseline yet", "middle", asking.without_baseline, "fresh"),
    ("an old baseline", "oldest", asking.old_baseline, ""),
    ("a login with ways of its own", "middle", asking.login_with_ways, ""),
    ("nine databases", "oldest", databases.nine, "several"),
    ("nine databases in motion", "middle", databases.nine_in_motion, "several"),
    ("several databases with capsule", _EVERY, databases.several_with_capsule, "several"),
)
"""Each story's name, the versions it is told in, and its branch where it is apart.

Stories that delete their source come after all others of their branch.
"""


def restores(majors: list[str]) -> tuple[Clean, ...]:
    """Every clean restore, spread over the versions there are."""
    versions = {"oldest": majors[0], "middle": majors[len(majors) // 2], "newest": majors[-1]}
    return tuple(
        Clean(name, versions[which], story, apart) for name, told, story, apart in _STORIES for which in told.split()
    )
