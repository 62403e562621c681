"""Restore in another region: choose the backup, and plan the clone from what is there alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from daybreak.app.accidents import accident_typed
from daybreak.app.app import App
from daybreak.app.backups import backups_away, regions_of
from daybreak.app.planning import new_suffix, plan_for, thoroughness_of
from daybreak.errors import Refused
from daybreak.model.backups import GlobalSecondary, RegionSeen
from daybreak.model.names import did_you_mean, is_same_name, printable
from daybreak.model.plan import Plan
from daybreak.model.ranked_backups import Catalogue, RankedBackup, Tier
from daybreak.model.requests import FailOverRequest, Purpose, RegionRequest
from daybreak.model.targets import Target, Waiver
from daybreak.model.thoroughness import Thoroughness
from daybreak.model.value import stamp
from daybreak.model.world import Snapshot


@dataclass(frozen=True)
class RegionWish:
    """What a person asks of a restore in another region, as they typed it."""

    target: str
    backup: str | None = None
    """The backup's name or ARN; ``None`` chooses the best one."""
    why: str = ""
    is_read_only: bool = False
    purpose: Purpose = "recovery"
    accident: str | None = None
    thoroughness: Thoroughness = field(default_factory=Thoroughness)
    waivers: tuple[Waiver, ...] = ()
    is_switch: bool = False
    """Whether a global database is to be switched over, without loss, which takes both regions."""


def plan_region(app: App, wish: RegionWish) -> Plan:
    """The plan that brings a target up in another region, from the best backup there or the one that is named.

    Raises ``Refused`` with every reason, and ``Unreachable`` where none of the other regions answers.
    """
    app.target(wish.target)  # it names the targets there are
    target = app.settings.targets[wish.target]
    _hold_to_another_region(app, target)
    catalogue = backups_away(app, target)
    chosen = choose_backup(catalogue, wish.backup, is_switch=wish.is_switch)
    there = target.in_region(chosen.backup.region).with_waivers(wish.waivers)
    if isinstance(chosen.backup, GlobalSecondary):
        return plan_for(app, _fail_over(app, wish, catalogue, chosen, chosen.backup), there)
    snapshot = chosen.backup.stored
    if not isinstance(snapshot, Snapshot):
        raise _refusal_of_other_way(target, chosen)
    request = RegionRequest(
        target=target.name,
        home=target.region,
        snapshot=snapshot.arn,
        moments=chosen.moments,
        assessed="; ".join(_assess(catalogue, chosen)),
        why=wish.why,
        suffix=new_suffix(),
        is_read_only=wish.is_read_only,
        purpose=wish.purpose,
        accident=accident_typed(app, wish.accident, there.region),
        thoroughness=thoroughness_of(app, wish.thoroughness, there),
    )
    return plan_for(app, request, there)


def _fail_over(
    app: App, wish: RegionWish, catalogue: Catalogue, chosen: RankedBackup, secondary: GlobalSecondary
) -> FailOverRequest:
    return FailOverRequest(
        target=catalogue.target.name,
        home=catalogue.home,
        database=secondary.database,
        member=secondary.member.arn,
        is_switch=wish.is_switch,
        moments=chosen.moments,
        assessed="; ".join(_assess(catalogue, chosen)),
        why=wish.why,
        suffix=new_suffix(),
        accident=accident_typed(app, wish.accident, secondary.region),
    )


def _hold_to_another_region(app: App, target: Target) -> None:
    """Raise ``Refused`` where no other region is meant."""
    home, others = target.region, regions_of(target)[1:]
    if app.access.region == home:
        raise Refused(
            f'{home} is the region of "{target.cluster}" itself',
            f"there the database is restored by: daybreak plan pitr {target.name} --to latest",
            *([f"name another region: {', '.join(others)}"] if others else []),
        )
    if app.access.region is None and not others:
        raise Refused(
            f'the configuration names no other region for "{target.name}" than {home}',
            "write its network there: [targets."
            + target.name
            + ".network.REGION] with subnet_group and security_groups",
            f"or look first what is where: daybreak backups {target.name} --all-regions",
        )


def choose_backup(catalogue: Catalogue, name: str | None, *, is_switch: bool = False) -> RankedBackup:
    """The backup of that name outside the home region, else the best that a plan can be made from; raises ``Refused``.

    ``is_switch`` wants a secondary of a global database.
    """
    away = [each for each in catalogue.backups if each.backup.region != catalogue.home]
    if catalogue.writer and name is None:
        region = catalogue.writer.split(":")[3]
        raise Refused(
            catalogue.words_on_writer,
            f"see it: aws rds describe-db-clusters --db-cluster-identifier {catalogue.writer} --region {region}",
            f"an older state is restored from a backup by its name: daybreak backups {catalogue.target.name}",
        )
    if is_switch:
        away = [each for each in away if isinstance(each.backup, GlobalSecondary)]
        if not away:
            raise Refused(
                f'"{catalogue.target.cluster}" has no secondary that was seen, and only a global database can be switched over',
                f"daybreak backups {catalogue.target.name}  # lists what there is",
            )
    if name is not None:
        return _backup_named(catalogue, away, name)
    usable = [each for each in away if each.tier is not Tier.CANNOT and not each.is_of_another]
    plannable = (
        each for each in usable if isinstance(each.backup, GlobalSecondary) or isinstance(each.backup.stored, Snapshot)
    )
    chosen = next(plannable, next(iter(usable), None))
    if chosen is None:
        asked = ", ".join(each.region for each in catalogue.regions if each.region != catalogue.home)
        raise Refused(
            f'no backup of "{catalogue.target.cluster}" was found in {asked} from which it could be restored',
            *[each.words for ranked in away for each in ranked.pieces if each.standing == "missing"][:3],
            f"ask every region: daybreak backups {catalogue.target.name} --all-regions",
        )
    return chosen


def _backup_named(catalogue: Catalogue, away: list[RankedBackup], name: str) -> RankedBackup:
    found = [each for each in away if is_same_name(name, each.backup.name) or name == arn_of_backup(each)]
    if len(found) == 1:
        return found[0]
    if found:
        where = ", ".join(arn_of_backup(each) for each in found)
        raise Refused(f'"{printable(name)}" is the name of {len(found)} backups', f"name one by its ARN: {where}")
    is_at_home = any(is_same_name(name, each.backup.name) for each in catalogue.backups)
    if is_at_home:
        raise Refused(
            f'"{printable(name)}" is in {catalogue.home}, the region of the source itself',
            f"there it is restored by: daybreak plan snapshot {catalogue.target.name} --snapshot {name}",
        )
    likely = did_you_mean(name, (each.backup.name for each in away))
    raise Refused(
        f'no backup "{printable(name)}" of "{catalogue.target.cluster}" is in another region{likely}',
        f"daybreak backups {catalogue.target.name}  # lists what is where",
    )


def arn_of_backup(ranked: RankedBackup) -> str:
    """The ARN of a backup where it has one, else its name."""
    stored = ranked.backup.stored
    return getattr(stored, "arn", None) or ranked.backup.name


def _refusal_of_other_way(target: Target, chosen: RankedBackup) -> Refused:
    """The refusal for a backup that no plan can be made from, with the way there is."""
    return Refused(
        f'"{chosen.backup.name}" in {chosen.backup.region} is neither a snapshot of RDS nor a secondary, and no plan can be made from it',
        f"daybreak backups {target.name} --region {chosen.backup.region}  # shows the call by which it is used",
    )


def _assess(catalogue: Catalogue, chosen: RankedBackup) -> Iterator[str]:
    """What the home region said, and what else a person should know of the choice."""
    home = next(each for each in catalogue.regions if each.region == catalogue.home)
    yield _words_on_home(home)
    yield from catalogue.unread
    better = [each for each in catalogue.backups if each.rank < chosen.rank and each.backup.region != catalogue.home]
    if better:
        first = better[0]
        yield f'"{first.backup.name}" in {first.backup.region} ranks before it: daybreak backups {catalogue.target.name}'


def _words_on_home(home: RegionSeen) -> str:
    if home.is_unseen:
        why = next((each.why for each in home.asked if each.why), "no answer")
        return f"{home.region} showed nothing ({why})"
    if home.cluster is None:
        return f"{home.region} answered, and knows no cluster of that name"
    window = home.cluster.window
    reaches = f", restorable there up to {stamp(window.latest)}" if window else ""
    return f"{home.region} answered: the cluster is {home.cluster.status}{reaches}"
