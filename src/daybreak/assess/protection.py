"""Whether what was promised about a target is true right now: from observation and history to findings.

The law: what cannot be seen is unknown, never fit. A promise that was never rehearsed is unknown too.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from daybreak.model.baseline import Baseline
from daybreak.model.clock import WORTH_SAYING, is_useless, skew_in_words
from daybreak.model.findings import Finding, Level, Standing
from daybreak.model.moment import span_in_words
from daybreak.model.names import comma_list, did_you_mean, printable
from daybreak.model.observation import Observation, PastRun
from daybreak.model.ranked_backups import Catalogue
from daybreak.model.spelling import NO_SOURCE, first_of
from daybreak.model.statuses import AVAILABLE, LOOK_AGAIN, standing_of_statuses
from daybreak.model.targets import Network, Target
from daybreak.model.trust import trust_words
from daybreak.model.value import stamp
from daybreak.model.world import Cluster
from daybreak.plan.kinds import is_outside_vpc, other_kind, words_on_replication, words_on_vpc
from daybreak.plan.objections import objections_to_trust
from daybreak.plan.source import backups_kept

SLACK = timedelta(hours=1)
"""How far the earliest restorable time may lag behind: it moves in steps, and a new cluster needs a first backup."""


def protection_of(
    target: Target, seen: Observation, past: tuple[PastRun, ...], elsewhere: Catalogue | None = None
) -> tuple[Finding, ...]:
    """What was promised against what is true; ``past`` holds the target's finished runs, the newest first.

    ``elsewhere`` shows the backups in other regions; ``None`` where the configuration names no other region.
    """
    return (
        _there(target, seen),
        *_production(elsewhere),
        _loss(target, seen),
        _retention(target, seen),
        _reach(target, seen),
        _time(target, past),
        *(_region_loss(elsewhere) if elsewhere else ()),
        *_kind(target, seen),
        *_key(seen),
        *_clock(seen),
        *_proof(target, seen),
        *_names(seen),
    )


def protection_of_silent(
    target: Target, seen: Observation, past: tuple[PastRun, ...], elsewhere: Catalogue
) -> tuple[Finding, ...]:
    """The same where the target's region does not answer: what it alone could say is not known, and the rest is looked at."""
    found = f"not known: {seen.identity.region} did not answer"
    asked = {
        "available": 'Cluster status is "available"',
        "rpo": "What would be lost now (RPO)",
        "retention": "How long backups are kept (retention)",
        "reach": "How far back one can go now",
    }
    return (
        *(_finding(name, title, Standing.UNKNOWN, expected="", found=found) for name, title in asked.items()),
        *_production(elsewhere),
        _time(target, past),
        *_region_loss(elsewhere),
    )


def _clock(seen: Observation) -> Iterator[Finding]:
    """A finding only when the clock is wrong: no promise depends on it, but moments that people count from now do."""
    if seen.skew is not None:
        yield _finding(
            "clock",
            "This machine's clock",
            Standing.UNKNOWN,
            expected=f"within {span_in_words(WORTH_SAYING)} of AWS's",
            found=skew_in_words(seen.skew),
            why="set it; a moment counted from now is refused" if is_useless(seen.skew) else "set it",
        )


def _finding(check: str, title: str, standing: Standing, *, expected: str, found: str, why: str = "") -> Finding:
    level = Level.SECURITY if check in ("key", "proof") else Level.DATABASE
    return Finding(
        check=f"protection.{check}",
        level=level,
        title=title,
        standing=standing,
        expected=expected,
        found=found,
        why=why,
    )


def _standing_of(*, is_fit: bool) -> Standing:
    return Standing.FIT if is_fit else Standing.UNFIT


def _there(target: Target, seen: Observation) -> Finding:
    title = 'Cluster status is "available"'
    if seen.cluster is None:
        kept = backups_kept(target, seen.backups)
        found = "no such cluster" + (f", {len(kept)} kept backup(s) of it" if kept else ", and no kept backup of it")
        why = f'{seen.identity.region} has no "{target.cluster}"{did_you_mean(target.cluster, seen.names_taken)}'
        return _finding("available", title, Standing.UNFIT, expected=AVAILABLE, found=found, why=why)
    standing = standing_of_statuses([seen.cluster.status])
    why = LOOK_AGAIN if standing is Standing.UNKNOWN else ""
    return _finding("available", title, standing, expected=AVAILABLE, found=seen.cluster.status, why=why)


def _kind(target: Target, seen: Observation) -> Iterator[Finding]:
    """A finding only where a plan would be refused for what the cluster is, or warned of it."""
    if seen.cluster is None:
        return
    title, expected = "A cluster of its kind can be restored", "yes"
    if other := other_kind(seen.cluster):
        yield _finding(
            "kind", title, Standing.UNFIT, expected=expected, found=f"it {other.predicate}", why=other.remedy
        )
        return
    network = target.network.get(seen.identity.region, Network())
    if is_outside_vpc(seen.cluster) and not (network.subnet_group and network.security_groups):
        found = f"it {words_on_vpc(seen.identity.region)}"
        yield _finding("kind", title, Standing.UNFIT, expected=expected, found=found)
    if words := words_on_replication(seen.cluster):
        yield _finding("kind", title, Standing.UNKNOWN, expected=expected, found=f"it {words}")


def _production(elsewhere: Catalogue | None) -> Iterator[Finding]:
    """A finding only where the global database has another writer: no promise about the target's cluster is one about production."""
    if elsewhere and elsewhere.writer:
        name, region = elsewhere.writer.rpartition(":")[2], elsewhere.writer.split(":")[3]
        yield _finding(
            "production",
            "It is the cluster that is written to",
            Standing.UNFIT,
            expected="yes",
            found=f"no: {name} in {region} is",
            why=elsewhere.words_on_writer,
        )


def _loss(target: Target, seen: Observation) -> Finding:
    title, expected = "What would be lost now (RPO)", f"at most {span_in_words(target.objectives.rpo)}"
    if seen.cluster is not None and seen.cluster.replicates_from:
        why = f"it {words_on_replication(seen.cluster)}"
        return _finding("rpo", title, Standing.UNKNOWN, expected=expected, found="not known: it is a replica", why=why)
    if seen.cluster is None or seen.cluster.window is None:
        return _no_window("rpo", title, expected, seen)
    latest = seen.cluster.window.latest
    # AWS's clock may be a little ahead of ours; nothing is lost in the future.
    lag = max(seen.seen - latest, timedelta())
    found = f"{span_in_words(lag)} (restorable until {stamp(latest)})"
    return _finding("rpo", title, _standing_of(is_fit=lag <= target.objectives.rpo), expected=expected, found=found)


def _region_loss(elsewhere: Catalogue) -> Iterator[Finding]:
    """What a loss of the whole region would cost, by the best backup outside of it.

    What is seen to break the promise breaks it, whatever a region that shows nothing may hold; both are said. Only where nothing
    was seen outside it is unknown.
    """
    home, promised = elsewhere.home, elsewhere.target.objectives.rpo
    expected = f"at most {span_in_words(promised)}"
    usable = elsewhere.best(without=home)
    best = usable or elsewhere.best_to_complete(without=home)
    outside = [each for each in elsewhere.backups if each.backup.region != home]
    unseen = [each for each in elsewhere.regions_unseen() if each != home]
    doubts = list(_doubts_elsewhere(elsewhere))
    if best is None and unseen and not outside:
        found, causes, standing = f"not known: {comma_list(unseen)} did not answer", [], Standing.UNKNOWN
    elif best is None:
        found = f"all of it: no backup outside {home} can be used"
        causes = [f"{each.backup.name} in {each.backup.region}: {each.pieces[0].words}" for each in outside[:1]]
        standing = Standing.UNFIT
    else:
        least = best.loss if best.loss is not None else best.least_loss
        words = "not known" if least is None else span_in_words(least)
        at_least = "at least " if best.loss is None and least is not None else ""
        found = f"{at_least}{words} ({best.backup.name} in {best.backup.region})"
        causes = [each.words for each in best.pieces if each.standing != "replaced"]
        causes += [best.moments.evidence] if best.loss is None else []
        is_broken = usable is None or (least is not None and least > promised)
        standing = Standing.UNFIT if is_broken else Standing.UNKNOWN if causes else Standing.FIT
    why = "; ".join((*causes, *(doubts if standing is not Standing.FIT else ())))
    title = "What a loss of the region would cost"
    yield _finding("region", title, standing, expected=expected, found=found, why=why)


def _doubts_elsewhere(elsewhere: Catalogue) -> Iterator[str]:
    """What other regions did not show: a better backup may be there."""
    for each in elsewhere.regions:
        if each.region == elsewhere.home:
            continue
        if each.is_unseen:
            yield f"{each.region} did not show its backups"
        elif gaps := [gap.what for gap in each.gaps() if gap.what != "exports"]:
            yield f"{each.region} did not show {comma_list(gaps)}"


def _retention(target: Target, seen: Observation) -> Finding:
    title, promised = "How long backups are kept (retention)", target.objectives.retention
    expected = f"at least {span_in_words(promised)}"
    if seen.cluster is None:
        return _no_window("retention", title, expected, seen)
    kept = seen.cluster.backup_retention
    return _finding(
        "retention", title, _standing_of(is_fit=kept >= promised), expected=expected, found=span_in_words(kept)
    )


def _reach(target: Target, seen: Observation) -> Finding:
    title, promised = "How far back one can go now", target.objectives.retention
    expected = span_in_words(promised)
    if seen.cluster is None or seen.cluster.window is None:
        return _no_window("reach", title, expected, seen)
    earliest = seen.cluster.window.earliest
    reach = seen.seen - earliest
    found = f"{span_in_words(reach)} (restorable from {stamp(earliest)})"
    is_whole_life = _is_whole_life(seen.cluster)
    if is_whole_life and reach + SLACK < promised:
        found += ", all its life"
    is_fit = is_whole_life or reach + SLACK >= promised
    return _finding("reach", title, _standing_of(is_fit=is_fit), expected=expected, found=found)


def _is_whole_life(cluster: Cluster) -> bool:
    """Whether the window reaches back to the cluster's creation: there is nothing older to go back to."""
    return bool(cluster.window and cluster.created and cluster.window.earliest - cluster.created <= SLACK)


def _time(target: Target, past: tuple[PastRun, ...]) -> Finding:
    title, expected = "How long the last restore took (RTO)", f"at most {span_in_words(target.objectives.rto)}"
    last = next((run for run in past if not run.why_not), None)
    if last is None:
        why = (
            f"{past[0].run} does not show it: {past[0].why_not}"
            if past
            else "no restore of this target has finished yet"
        )
        why += ": rehearse one"
        return _finding("rto", title, Standing.UNKNOWN, expected=expected, found="never measured", why=why)
    is_fit = last.took <= target.objectives.rto
    return _finding(
        "rto", title, _standing_of(is_fit=is_fit), expected=expected, found=f"{span_in_words(last.took)} ({last.run})"
    )


def _key(seen: Observation) -> Iterator[Finding]:
    if seen.cluster is None or not seen.cluster.needs_key:
        return
    title, expected = "The key of the backup can be used", "enabled"
    if seen.key is None:
        why = "the key cannot be looked at: it is gone, or we may not"
        found = seen.cluster.kms_key or "nothing"
        yield _finding("key", title, Standing.UNKNOWN, expected=expected, found=found, why=why)
    else:
        yield _finding("key", title, _standing_of(is_fit=seen.key.is_enabled), expected=expected, found=seen.key.state)


def _proof(target: Target, seen: Observation) -> Iterator[Finding]:
    """Whether the server can prove its identity, by what is known before it is asked."""
    if seen.authorities is None:
        return
    endpoint = seen.cluster.endpoint if seen.cluster else None
    title, expected, found = "Its server can prove its identity", "verify-full", trust_words(target.trust, endpoint)
    objections = tuple(objections_to_trust(target.trust, seen.identity.region, endpoint, seen.authorities, seen.seen))
    is_plain = endpoint is not None and target.trust.may_be_plain(endpoint)
    is_fit = not objections and (is_plain or target.trust.tls == "verify-full")
    why = "; ".join(objections) or ("" if is_fit else f'daybreak.toml says tls = "{target.trust.tls}"')
    # Where there is no server, nothing proves itself; what would keep it from doing so is true all the same.
    standing = Standing.UNKNOWN if is_fit and seen.cluster is None else _standing_of(is_fit=is_fit)
    yield _finding("proof", title, standing, expected=expected, found=found, why=why)


def _names(seen: Observation) -> Iterator[Finding]:
    """Whether the configuration names what is there: a misspelt table was found by the validation, after hours."""
    spelling = seen.spelling
    if spelling is None or not spelling.named:
        return
    title, expected = (
        "What daybreak.toml names is there",
        "1 name" if spelling.named == 1 else f"{spelling.named} names",
    )
    wrong = len(spelling.mistakes)
    found = f"{wrong} of them wrong" if wrong else "not all could be asked" if spelling.silences else "all there"
    standing = Standing.UNFIT if wrong else Standing.UNKNOWN if spelling.silences else Standing.FIT
    # That there is no cluster is a cause of its own, and said once.
    silences = (each for each in spelling.silences if seen.cluster or each != NO_SOURCE)
    why = "; ".join(first_of((*spelling.mistakes, *silences)))
    yield _finding("names", title, standing, expected=expected, found=found, why=why)


def _no_window(check: str, title: str, expected: str, seen: Observation) -> Finding:
    """Nothing to hold the promise against. That the cluster is missing is a cause of its own, and said once."""
    if seen.cluster is None:
        return _finding(check, title, Standing.UNKNOWN, expected=expected, found="no cluster")
    why = f"the cluster is {seen.cluster.status} and shows no restorable window"
    return _finding(check, title, Standing.UNKNOWN, expected=expected, found="no window", why=why)


def advice_for(baseline: Baseline) -> tuple[str, ...]:
    """What would let a validation of the target know more, by what its baseline lists.

    Without ``amcheck`` each index is walked by queries, which takes longer, and some cannot be read.
    """
    without = [
        printable(each.database)
        for each in baseline.databases
        if each.tables and "amcheck" not in {item.name for item in each.inventory.of("extension")}
    ]
    if not without:
        return ()
    return (
        f"CREATE EXTENSION amcheck in {comma_list(without)}: a validation then reads indexes faster, and all btrees",
    )
