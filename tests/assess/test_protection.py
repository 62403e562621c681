"""Promises nobody checks are broken in silence: each must be held against the world, and say so when it cannot be."""

from __future__ import annotations

from datetime import timedelta

import pytest

from daybreak.assess.protection import advice_for, protection_of, protection_of_silent
from daybreak.model.findings import Finding, Standing
from daybreak.model.inventory import Item
from daybreak.model.observation import Observation, PastRun
from daybreak.model.replies import Category
from daybreak.model.spelling import NO_SOURCE, Spelling
from daybreak.model.trust import Authorities, Authority
from daybreak.model.world import AutomatedBackup, Key, Window
from tests import fix_worlds as worlds
from tests.fix_capsules import baseline
from tests.fix_estates import Estate, automated_name

FIT, UNFIT, UNKNOWN = Standing.FIT, Standing.UNFIT, Standing.UNKNOWN
DONE = PastRun(run="embi-aurora-pitr-1", kind="pitr", took=timedelta(minutes=41))

PROVEN = Authorities(
    origin="the bundle",
    file="/bundle.pem",
    known=(
        Authority(
            name="ours",
            region=worlds.REGION,
            begins=worlds.NOW - timedelta(days=9),
            ends=worlds.NOW + timedelta(days=9),
        ),
    ),
)


def found(check: str, seen: Observation, *past: PastRun) -> Finding:
    """The one finding of that name."""
    (finding,) = (each for each in protection_of(worlds.target(), seen, past) if each.check == f"protection.{check}")
    return finding


def with_window(*, behind: timedelta = timedelta(0), reach: timedelta, created: timedelta | None = None) -> Observation:
    """The runbook's cluster with another window; ``created`` is its age."""
    window = Window(earliest=worlds.NOW - reach, latest=worlds.NOW - behind)
    age = {"created": worlds.NOW - created} if created else {}
    return worlds.observation(cluster=worlds.cluster(window=window, **age))


def test_a_kept_promise_is_fit_in_every_respect() -> None:
    """False alarms are what makes people stop looking."""
    assert {each.standing for each in protection_of(worlds.target(), worlds.observation(), (DONE,))} == {FIT}


@pytest.mark.parametrize(
    ("behind", "standing"),
    [
        (timedelta(minutes=5), FIT),
        (timedelta(minutes=5, seconds=1), UNFIT),
        (timedelta(hours=3), UNFIT),
        (timedelta(seconds=-30), FIT),
    ],
)
def test_the_lag_is_held_against_the_rpo(behind: timedelta, standing: Standing) -> None:
    """AWS is typically within five minutes, which is not a guarantee: the lag is what would be lost now."""
    assert found("rpo", with_window(behind=behind, reach=timedelta(days=30))).standing is standing


def test_a_clock_that_differs_loses_nothing() -> None:
    """AWS's clock may be ahead of ours; a negative loss on the page would make people distrust all of it."""
    told = found("rpo", with_window(behind=timedelta(minutes=-10), reach=timedelta(days=30))).found
    assert told.startswith("0 seconds (")


def test_backups_kept_too_short_are_unfit() -> None:
    """The default is one day; a cluster made by hand keeps it until somebody needs the second."""
    seen = worlds.observation(cluster=worlds.cluster(backup_retention=timedelta(days=7)))
    finding = found("retention", seen)
    assert (finding.standing, finding.expected, finding.found) == (UNFIT, "at least 30 days", "7 days")


@pytest.mark.parametrize(
    ("reach", "age", "standing"),
    [
        (timedelta(days=30), timedelta(days=400), FIT),
        (timedelta(days=29, hours=23, minutes=30), timedelta(days=400), FIT),
        (timedelta(days=7), timedelta(days=400), UNFIT),
        (timedelta(days=2, hours=23), timedelta(days=3), FIT),
        (timedelta(days=1), timedelta(days=3), UNFIT),
    ],
)
def test_how_far_back_one_can_go_is_seen_not_believed(reach: timedelta, age: timedelta, standing: Standing) -> None:
    """Raised retention fills up day by day: the setting says thirty days long before the window does."""
    assert found("reach", with_window(reach=reach, created=age)).standing is standing


def test_a_restore_nobody_did_has_no_known_duration() -> None:
    """A recovery time that was never measured is a wish."""
    assert found("rto", worlds.observation()).standing is UNKNOWN
    assert "no restore of this target has finished" in found("rto", worlds.observation()).why


def test_a_run_that_cannot_show_it_is_passed_over_and_named() -> None:
    """A small clone for staging took four minutes, and the board heard four minutes."""
    staging = PastRun(
        run="embi-aurora-pitr-3", kind="pitr", took=timedelta(minutes=4), why_not="its clone was scaled down"
    )
    finding = found("rto", worlds.observation(), staging)
    assert (finding.standing, finding.found) == (UNKNOWN, "never measured")
    assert finding.why == "embi-aurora-pitr-3 does not show it: its clone was scaled down: rehearse one"
    assert found("rto", worlds.observation(), staging, DONE).found == "41 minutes (embi-aurora-pitr-1)"


def test_the_newest_restore_is_what_counts() -> None:
    """Last year's quick one says little about today's size."""
    slow = PastRun(run="embi-aurora-pitr-2", kind="pitr", took=timedelta(hours=5))
    assert found("rto", worlds.observation(), slow, DONE).standing is UNFIT
    assert found("rto", worlds.observation(), DONE, slow).standing is FIT


def test_without_a_cluster_nothing_is_fit() -> None:
    """The cluster's absence must not read as four green lines."""
    gone = worlds.observation(cluster=None, instances=())
    standings = {each.check: each.standing for each in protection_of(worlds.target(), gone, ())}
    assert FIT not in standings.values()
    assert standings["protection.available"] is UNFIT


def test_a_cluster_that_is_not_there_is_one_cause_and_said_once() -> None:
    """Five lines with one reason look like five things to mend."""
    gone = worlds.observation(
        cluster=None, instances=(), names_taken=("embi-aurora-clusters", "payroll"), authorities=PROVEN
    )
    findings = protection_of(worlds.target(), gone, (DONE,))
    assert [each.check for each in findings if each.why] == ["protection.available"]
    assert findings[0].why == f'us-east-1 has no "{worlds.SOURCE}" (did you mean "embi-aurora-clusters"?)'
    assert {each.standing for each in findings if each.check in ("protection.proof", "protection.rpo")} == {UNKNOWN}


def test_another_clusters_backup_is_no_kept_one() -> None:
    """The list of a region holds the living ones' too, and somebody believes that it is theirs."""
    kept = AutomatedBackup(cluster="embi-aurora", resource_id="cluster-X", status="retained",
                           engine="aurora-postgresql", engine_version="16.6")  # fmt: skip
    living = kept.model_copy(update={"cluster": worlds.SOURCE, "status": "active"})
    told = found("available", worlds.observation(cluster=None, backups=(kept, living))).found
    assert told == "no such cluster, and no kept backup of it"


def test_what_is_asked_counts_where_region_and_configuration_differ() -> None:
    """With --region the network of the region in the file is of no use."""
    seen = worlds.observation(
        identity=worlds.identity(region="eu-west-1"),
        cluster=worlds.cluster(subnet_group=None, security_groups=(), is_express=True),
    )
    assert "eu-west-1" in found("kind", seen).found


def test_a_kept_backup_of_a_deleted_cluster_is_told() -> None:
    """It is the only way back, and nobody looks for it in a panic."""
    kept = AutomatedBackup(
        cluster=worlds.SOURCE,
        resource_id="cluster-X",
        status="retained",
        engine="aurora-postgresql",
        engine_version="16.6",
    )
    assert "1 kept backup" in found("available", worlds.observation(cluster=None, backups=(kept,))).found


def test_no_window_is_unknown() -> None:
    """AWS shows none until a restore is complete; that is no measurement of anything."""
    seen = worlds.observation(cluster=worlds.cluster(window=None, status="creating"))
    assert [found(check, seen).standing for check in ("rpo", "reach", "available")] == [UNKNOWN, UNKNOWN, UNFIT]


@pytest.mark.parametrize(
    ("key", "standing"),
    [(None, UNKNOWN), (Key(arn=worlds.KEY, is_enabled=False, state="PendingDeletion"), UNFIT)],
)
def test_a_backup_whose_key_is_gone_is_no_backup(key: Key | None, standing: Standing) -> None:
    """Everything else stays green while the key waits for its deletion."""
    assert found("key", worlds.observation(key=key)).standing is standing


def test_what_a_validation_lacks_is_advised_where_there_are_tables() -> None:
    """Without the server's own checker some indexes cannot be read; an empty database has none."""
    kept = baseline()
    assert advice_for(kept) == (
        "CREATE EXTENSION amcheck in embi: a validation then reads indexes faster, and all btrees",
    )
    [one] = kept.databases
    amcheck = Item(kind="extension", name="amcheck")
    equipped = one.model_copy(update={"inventory": one.inventory.model_copy(update={"items": (amcheck,)})})
    for databases in ((equipped,), (one.model_copy(update={"tables": ()}),)):
        assert advice_for(kept.model_copy(update={"databases": databases})) == ()


@pytest.mark.parametrize(
    ("changes", "standing", "told", "why"),
    [
        ({"engine": "postgres"}, UNFIT, "it is a Multi-AZ DB cluster", "--db-cluster-instance-class"),
        ({"engine": "aurora-mysql"}, UNFIT, "it runs aurora-mysql; only aurora-postgresql", "the console"),
        ({"engine_mode": "serverless"}, UNFIT, "it runs Aurora Serverless v1", "--allow-engine-mode-change"),
        ({"engine_version": "16.8-limitless"}, UNFIT, "it runs an Aurora Limitless database", "shard group"),
        ({"replicates_from": "arn:aws:rds:eu-west-1:1:cluster:x"}, UNKNOWN, "it replicates from arn:aws:rds", ""),
    ],
)
def test_what_cannot_be_restored_is_said_before_the_day(
    changes: dict[str, str], standing: Standing, told: str, why: str
) -> None:
    """A cluster whose promises all hold, and that no plan would ever bring back, is not protected."""
    finding = found("kind", worlds.observation(cluster=worlds.cluster(**changes)))
    assert finding.standing is standing
    assert finding.found.startswith(told)
    assert why in finding.why


def test_a_cluster_outside_any_vpc_needs_a_network_for_its_clone() -> None:
    """As long as daybreak.toml names none, a plan is refused."""
    seen = worlds.observation(cluster=worlds.cluster(subnet_group=None, security_groups=()))
    assert not [each for each in protection_of(worlds.target(), seen, ()) if each.check == "protection.kind"]
    (told,) = (each for each in protection_of(worlds.target(network={}), seen, ()) if each.check == "protection.kind")
    assert told.standing is UNFIT
    assert "set subnet_group and security_groups under network.us-east-1" in told.found


@pytest.mark.parametrize(("status", "standing"), [("backing-up", UNKNOWN), ("modifying", UNKNOWN), ("failed", UNFIT)])
def test_a_status_that_passes_is_not_unfit(status: str, standing: Standing) -> None:
    """Each night's backup window would raise an alarm that nobody can act upon."""
    finding = found("available", worlds.observation(cluster=worlds.cluster(status=status)))
    assert finding.standing is standing
    assert ("look again" in finding.why) == (standing is UNKNOWN)


@pytest.mark.parametrize(
    ("spelling", "standing", "told"),
    [
        (Spelling(named=3), FIT, "all there"),
        (Spelling(named=3, silences=("nobody answers",)), UNKNOWN, "not all could be asked"),
        (Spelling(named=3, mistakes=("no table x",), silences=("nobody answers",)), UNFIT, "1 of them wrong"),
    ],
)
def test_names_that_mean_nothing_are_found_before_a_clone_is_made(
    spelling: Spelling, standing: Standing, told: str
) -> None:
    """A table that is spelled wrongly was found by the validation, after hours; a silence is no mistake."""
    finding = found("names", worlds.observation(spelling=spelling))
    assert (finding.standing, finding.expected, finding.found) == (standing, "3 names", told)
    assert finding.why == "; ".join((*spelling.mistakes, *spelling.silences))


def test_what_could_not_be_asked_is_said_also_where_the_cluster_is_missing() -> None:
    """Only that there is no source to ask is said elsewhere; a secret that may not be read is a cause of its own."""
    secret = "the target's login: AccessDeniedException"
    spelling = Spelling(named=2, silences=(secret, NO_SOURCE))
    finding = found("names", worlds.observation(cluster=None, instances=(), spelling=spelling))
    assert (finding.standing, finding.found, finding.why) == (Standing.UNKNOWN, "not all could be asked", secret)
    assert found("names", worlds.observation(cluster=None, spelling=Spelling(named=1, silences=(NO_SOURCE,)))).why == ""


def test_of_many_wrong_names_a_screen_says_the_first() -> None:
    """A schema that was renamed makes all of them wrong."""
    many = Spelling(named=50, mistakes=tuple(f"no table t{number}" for number in range(50)))
    assert found("names", worlds.observation(spelling=many)).why.endswith("no table t7; and 42 more")


def region_finding(estate: Estate) -> Finding:
    """What the loss of the home region would cost."""
    findings = protection_of(worlds.target(), worlds.observation(), (DONE,), estate.catalogue())
    (finding,) = (each for each in findings if each.check == "protection.region")
    return finding


def test_the_loss_of_a_region_is_what_the_best_backup_outside_loses() -> None:
    """Whatever the configuration promises: a day is a day."""
    estate = Estate().lives()
    taken = worlds.NOW - timedelta(days=1)
    estate.copy("embi-copy", automated_name(taken), taken)
    finding = region_finding(estate)
    assert (finding.standing, finding.found) == (UNFIT, "1 day 10 seconds (embi-copy in us-west-2)")
    estate.secondary(timedelta(seconds=1))
    assert region_finding(estate).standing is FIT


def test_without_a_backup_outside_all_would_be_lost() -> None:
    """What cannot be used is none, and the reason is said."""
    estate = Estate().lives()
    finding = region_finding(estate)
    assert (finding.standing, finding.found) == (UNFIT, "all of it: no backup outside us-east-1 can be used")
    taken = worlds.NOW - timedelta(minutes=2)
    estate.copy("embi-copy", automated_name(taken), taken, Status="copying", PercentProgress=10)
    finding = region_finding(estate)
    assert finding.standing is UNFIT
    assert "embi-copy in us-west-2: it is copying: 10 percent" in finding.why


def test_a_region_that_is_silent_is_not_called_empty() -> None:
    """Three copies were there, and it was said that all would be lost."""
    estate = Estate().lives()
    estate.away.fails = {"*": Category.LOST}
    finding = region_finding(estate)
    assert (finding.standing, finding.found) == (UNKNOWN, "not known: us-west-2 did not answer")


def test_production_that_moved_elsewhere_is_named() -> None:
    """After a switch-over the promises about the old cluster were shown as those about production."""
    estate = Estate().lives()
    estate.secondary(timedelta(seconds=1))
    for member in estate.home.globals[0]["GlobalClusterMembers"]:
        member["IsWriter"] = not member["IsWriter"]
    catalogue = estate.catalogue()
    assert catalogue.writer is not None
    assert catalogue.writer.endswith(":us-west-2:123456789012:cluster:embi-dr")
    assert 'cluster = "embi-dr" and region = "us-west-2"' in catalogue.words_on_writer
    follows = worlds.cluster(replicates_from=catalogue.writer)
    findings = protection_of(worlds.target(), worlds.observation(cluster=follows), (DONE,), catalogue)
    known = {each.check.partition(".")[2]: each for each in findings}
    assert (known["production"].standing, known["production"].found) == (UNFIT, "no: embi-dr in us-west-2 is")
    assert (known["rpo"].standing, known["rpo"].found) == (UNKNOWN, "not known: it is a replica")
    estate.away.globals = []
    estate.home.globals = []
    assert estate.catalogue().writer is None


def test_a_home_that_is_silent_is_not_known_and_the_rest_is() -> None:
    """On the day on which the region is lost a status said nothing at all."""
    estate = Estate().lives()
    taken = worlds.NOW - timedelta(minutes=2)
    estate.copy("embi-copy", automated_name(taken), taken)
    seen = Observation(seen=worlds.NOW, identity=worlds.identity())
    findings = protection_of_silent(worlds.target(), seen, (DONE,), estate.catalogue())
    known = {each.check.partition(".")[2]: each for each in findings}
    for name in ("available", "rpo", "retention", "reach"):
        assert (known[name].standing, known[name].found) == (UNKNOWN, "not known: us-east-1 did not answer")
    assert known["region"].found == "2 minutes 10 seconds (embi-copy in us-west-2)"


@pytest.mark.parametrize(("fails", "standing"), [("*", UNKNOWN), ("DescribeDBClusterSnapshots", UNFIT)])
def test_what_another_region_did_not_show_is_said(fails: str, standing: Standing) -> None:
    """It may hold a better one, and nobody knows."""
    estate = Estate().lives()
    estate.away.fails = {fails: Category.LOST}
    finding = region_finding(estate)
    assert finding.standing is standing
    assert "us-west-2 did not show" in finding.why


def test_a_silent_region_hides_no_broken_promise() -> None:
    """Where the best that is seen breaks it, a region that does not answer (or that is misspelt) made `status` end well."""
    estate, other = Estate().lives(), Estate().lives()
    taken = worlds.NOW - timedelta(days=1)
    estate.copy("embi-copy", automated_name(taken), taken)
    other.away.fails = {"*": Category.LOST}
    (silent,) = (each for each in other.catalogue().regions if each.is_unseen)
    seen = estate.catalogue()
    both = seen.model_copy(update={"regions": (*seen.regions, silent.model_copy(update={"region": "eu-west-1"}))})
    findings = protection_of(worlds.target(), worlds.observation(), (DONE,), both)
    (finding,) = (each for each in findings if each.check == "protection.region")
    assert (finding.standing, finding.found) == (UNFIT, "1 day 10 seconds (embi-copy in us-west-2)")
    assert "eu-west-1 did not show its backups" in finding.why


def test_a_copy_of_which_the_moment_is_not_certain_keeps_no_promise() -> None:
    """AWS may show the copy's own time."""
    estate = Estate().lives()
    taken = worlds.NOW - timedelta(minutes=3)
    estate.copy("embi-copy", "gone", taken)
    finding = region_finding(estate)
    assert (finding.standing, finding.found) == (UNKNOWN, "at least 3 minutes (embi-copy in us-west-2)")
    assert "its source is not to be seen" in finding.why


def test_a_backup_outside_that_lacks_a_group_still_says_what_would_be_lost() -> None:
    """The data comes back; what it needs around it can be made on the day, and should be made before."""
    estate = Estate(has_capsule=False).lives()
    taken = worlds.NOW - timedelta(minutes=2)
    estate.copy("embi-copy", automated_name(taken), taken)
    finding = region_finding(estate)
    assert (finding.standing, finding.found) == (UNFIT, "2 minutes 10 seconds (embi-copy in us-west-2)")
    assert "no capsule holds its values" in finding.why
