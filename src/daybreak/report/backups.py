"""The catalogue of backups in words that every renderer shares: what each is, gives, costs and lacks. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from daybreak.model.backups import Export
from daybreak.model.moment import span_in_words
from daybreak.model.ranked_backups import Catalogue, RankedBackup, Tier
from daybreak.model.value import stamp
from daybreak.report.aws_cli import command_line
from daybreak.report.words import between, many

KINDS = {
    "continuous": "continuous backup",
    "automated-snapshot": "automated snapshot",
    "manual-snapshot": "manual snapshot",
    "shared-snapshot": "another account's snapshot",
    "snapshot-copy": "copy of another region's snapshot",
    "kept-backup": "kept backup of a deleted cluster",
    "replicated-backup": "replicated automated backup",
    "recovery-point": "recovery point of AWS Backup",
    "global-secondary": "secondary of a global database",
    "export": "export to S3",
}
"""What people call each kind."""


def gives_words(choice: RankedBackup) -> str:
    """The moment that a restore from it shows."""
    if isinstance(choice.backup, Export):
        return "only rows"
    if choice.gives is not None:
        return stamp(choice.gives)
    if choice.tier is not Tier.CANNOT and choice.moments.at_most is not None:
        return f"not after {stamp(choice.moments.at_most)}"
    return "nothing" if choice.tier is Tier.CANNOT else "not known"


def loss_cell(choice: RankedBackup) -> str:
    """The loss, as short as it is honest."""
    if choice.loss is not None:
        return span_in_words(choice.loss) if choice.loss else "nothing"
    if choice.least_loss is not None:
        return f"at least {span_in_words(choice.least_loss)}"
    return "not known"


def time_cell(choice: RankedBackup) -> str:
    """The estimated time."""
    return between(choice.time.low, choice.time.high) if choice.time else "not known"


def place_words(choice: RankedBackup) -> str:
    """Why it stands where it does."""
    return choice.reason.words if choice.reason.above is None else f"below {choice.reason.above}: {choice.reason.words}"


def way_words(choice: RankedBackup, endpoint: str | None = None) -> str:
    """The command that goes on with it; empty where there is none."""
    if choice.by_hand is not None:
        return command_line(choice.by_hand, endpoint=endpoint)
    return choice.verb or ""


def head_words(catalogue: Catalogue) -> str:
    """What the losses count to, and what was promised."""
    promised = catalogue.target.objectives
    to = f"to come back to {stamp(catalogue.until)}" if catalogue.is_for_moment else f"as of {stamp(catalogue.made)}"
    return (
        f"{catalogue.target.name} ({catalogue.target.cluster} in {catalogue.home}), {to}; "
        f"promised: RPO {span_in_words(promised.rpo)}, RTO {span_in_words(promised.rto)}"
    )


def verdict_words(catalogue: Catalogue) -> str:
    """What the whole list comes to, in one sentence."""
    kept = sum(1 for each in catalogue.backups if each.tier is Tier.KEEPS_BOTH)
    usable = sum(1 for each in catalogue.backups if each.tier not in (Tier.LACKS, Tier.CANNOT))
    if not catalogue.backups:
        return "no backup was found" + (" in the regions that answered" if catalogue.regions_unseen() else "")
    if not usable:
        return f"{many(len(catalogue.backups), 'backup was', 'backups were')} found, and none can be used as it is"
    keeping = "none of them keeps" if not kept else "1 of them keeps" if kept == 1 else f"{kept} of them keep"
    return f"{many(len(catalogue.backups), 'backup')}, {usable} can be used, {keeping} both promises"


def region_lines(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """Each region and what became of the questions to it."""
    for each in catalogue.regions:
        unanswered = each.gaps()
        told = "; ".join(f"{item.what} ({item.operation}): {item.outcome}, {item.why}" for item in unanswered)
        if each.is_unseen:
            # One cause is said once.
            why = next((item.why for item in each.asked if item.why), "no answer")
            word = "does not answer" if each.is_silent else "refused"
            yield each.region, f"NOT ASKED: it {word} ({why}); it may hold anything"
        else:
            yield each.region, f"answered, but not all: {told}" if told else "answered"
    for region in catalogue.not_asked:
        yield region, "NOT ASKED: another region was named"


def backups_document(catalogue: Catalogue) -> dict[str, Any]:
    """The catalogue as data: what a program needs of it, and where was looked."""
    whole = catalogue.plain()
    regions = [
        {
            "region": each.region,
            "state": "unseen" if each.is_unseen else "partly" if each.gaps() else "answered",
            "asked": [item.plain() for item in each.asked],
        }
        for each in catalogue.regions
    ]
    for choice, plain in zip(catalogue.backups, whole["backups"], strict=True):
        plain["name"] = choice.backup.name
        plain["command"] = way_words(choice)
    return whole | {
        "target": catalogue.target.name,
        "cluster": catalogue.target.cluster,
        "objectives": catalogue.target.objectives.plain(),
        "regions": regions,
    }
