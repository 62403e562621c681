"""Every change we make, with every reply that AWS or the network can give it: exactly one effect, or the truth about none."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

import pytest

from daybreak.aws.gateway import Access, Aws
from daybreak.aws.wire import Bounds
from daybreak.errors import DaybreakError, ExitCode, Paused, Uncertain
from daybreak.execute.doors import Patience
from daybreak.journal.folder import FolderStore
from daybreak.model.plan import AwsCall
from daybreak.model.run import Event, StepDone
from daybreak.model.tags import JOURNAL_TAG
from daybreak.plan.calls import call_of, stamp_of
from daybreak.plan.touching import things_touched
from tests import fix_worlds
from tests.chaos.reply_faults import Fault
from tests.chaos.simulated_aws import Hearing
from tests.chaos.simulated_parts import Resource
from tests.chaos.simulation import CASES, Simulation, case_of, check_effects, scratch, standing_of_world, survived
from tests.fix_liar import LIES, Liar, lying
from tests.fix_operations import CHANGES, READS, names_touched

PLACES = [
    ("copied-group", "CopyDBClusterParameterGroup"),
    ("created-group", "CreateDBClusterParameterGroup"),
    ("copied-group", "ModifyDBClusterParameterGroup"),
    ("copied-group", "RestoreDBClusterToPointInTime"),
    ("snapshot", "RestoreDBClusterFromSnapshot"),
    ("snapshot", "CreateDBClusterEndpoint"),
    ("copied-group", "ModifyDBCluster"),
    ("copied-group", "CreateDBInstance"),
    ("copied-group", "AddTagsToResource"),
    ("clean-protected", "ModifyDBCluster"),
    ("clean-unprotected", "DeleteDBClusterEndpoint"),
    ("clean-unprotected", "DeleteDBInstance"),
    ("clean-unprotected", "DeleteDBCluster"),
    ("clean-unprotected", "DeleteDBClusterParameterGroup"),
    ("copy", "CreateDBClusterSnapshot"),
    ("copy", "CopyDBClusterSnapshot"),
    ("copy-coming", "DeleteDBClusterSnapshot"),
    ("fail-over", "FailoverGlobalCluster"),
    ("switch-over", "SwitchoverGlobalCluster"),
    ("destinations", "PutSecretValue"),
    ("destinations", "PutParameter"),
    ("destinations", "ChangeResourceRecordSets"),
    ("destinations-back", "UpdateSecretVersionStage"),
    ("destinations", "DeregisterDBProxyTargets"),
    ("destinations-back", "RegisterDBProxyTargets"),
    ("rollback-of-start", "RebootDBInstance"),
    ("keyed", "AddRoleToDBCluster"),
    ("keyed", "EnableHttpEndpoint"),
    ("keyed", "AddSourceIdentifierToSubscription"),
    ("keyed-back", "RemoveRoleFromDBCluster"),
    ("keyed-back", "DisableHttpEndpoint"),
    ("keyed-back", "RemoveSourceIdentifierFromSubscription"),
    ("names-back", "ModifyDBCluster"),
    ("export", "StartExportTask"),
    ("export-end", "CancelExportTask"),
]
"""Each operation that changes something, in a plan that needs it."""

OWNED = [
    each
    for each in PLACES
    if not each[0].endswith("-over")
    and not each[0].startswith(("destinations", "names"))
    and "Subscription" not in each[1]
]
"""Those that make or change what a run owns, by its tags."""

SURVIVED = [
    Fault.REPLY_LOST,
    Fault.DROPPED,
    Fault.ERROR_AFTER,
    Fault.THROTTLED,
    Fault.TAKEN_BY_US,
    Fault.UNSENT,
    Fault.SETTLING,
]


@dataclass(frozen=True)
class Told:
    """What a run said in the end, what it did, and what the world then holds."""

    outcome: str
    effects: dict[tuple[str, str], int]
    world: dict[str, object]


def told(simulation: Simulation, *, resumed: bool = False) -> Told:
    """Live once, or until nothing moves any more."""
    try:
        state = survived(simulation) if resumed else simulation.live()
        outcome = str(state) if isinstance(state, DaybreakError) else state.status
    except (Paused, Uncertain) as error:
        outcome = "uncertain" if isinstance(error, Uncertain) else "paused"
    check_effects(simulation)
    return Told(outcome, dict(simulation.aws.effects), standing_of_world(simulation.aws, simulation.plan))


@cache
def undisturbed(kind: str) -> Told:
    """The run of that kind without any fault."""
    with scratch() as folder:
        return told(case_of(kind).simulation(FolderStore(folder)))


def test_every_change_has_its_place_in_the_table() -> None:
    """A change that nobody wrote a row for would be sent untested."""
    assert {operation for _, operation in PLACES} == set(CHANGES)


BAD = [(kind, operation, fault) for kind, operation in PLACES for fault in SURVIVED]
"""Every cell."""


@pytest.mark.sample(each=("kind", "operation", "fault"))
@pytest.mark.parametrize(("kind", "operation", "fault"), BAD)
def test_one_bad_reply_leaves_exactly_one_effect(kind: str, operation: str, fault: Fault) -> None:
    """A network that swallows one reply must not cost a second cluster, nor be taken for a failure."""
    with scratch() as folder:
        simulation = case_of(kind).simulation(FolderStore(folder))
        simulation.aws.faults[operation, 1] = fault
        assert told(simulation) == undisturbed(kind)


# -- answers that are none of AWS's: the effect is in the simulated world, the answer comes over a real socket and is read by
#    botocore, as in a real run


class Way:
    """A door to AWS on which somebody else answers, the same to everything until told otherwise."""

    def __init__(self, liar: Liar) -> None:
        self.liar = liar
        touched = [thing for kind in CASES for thing in things_touched(case_of(kind).plan)]
        access, bounds = Access(region="us-east-1", endpoint_url=liar.url), Bounds(whole=timedelta(seconds=0.5))
        self._aws = Aws(access, bounds, may_change=touched)

    def hear(self, what: str, call: AwsCall) -> None:
        """Make the call and hear that; what the door makes of it is raised."""
        self.liar.decide = lambda _asked: LIES[what]
        (self._aws.change if call.operation in CHANGES else self._aws.read)(call)
        pytest.fail(f"an answer that is none was believed: {what}")


@pytest.fixture(scope="module")
def a_way() -> Iterator[Way]:
    """One for all."""
    with pytest.MonkeyPatch.context() as environment, lying(Liar()) as liar:
        environment.setenv("AWS_ACCESS_KEY_ID", "testing")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        yield Way(liar)


MARKED: dict[tuple[str, str], str] = {}
"""Cells of changes and unreadable answers that end otherwise than by exactly one effect; there is none."""

WIRED = [(kind, operation, what) for kind, operation in PLACES for what in LIES]
"""Every cell."""


@pytest.mark.sample(each=("kind", "operation", "what", "is_done"))
@pytest.mark.parametrize("is_done", [True, False], ids=["done", "not done"])
@pytest.mark.parametrize(("kind", "operation", "what"), WIRED)
def test_one_unreadable_reply_leaves_exactly_one_effect(
    kind: str, operation: str, what: str, a_way: Way, *, is_done: bool
) -> None:
    """A hotel's page after a change says nothing about the change: we look, and end as if it had not come."""
    with scratch() as folder:
        simulation = case_of(kind).simulation(FolderStore(folder))
        simulation.aws.heard[operation, 1] = Hearing(lambda call: a_way.hear(what, call), is_done)
        ended = told(simulation)
        assert ended == undisturbed(kind), MARKED.get((operation, what))


@pytest.mark.sample("page-clean-protected")
@pytest.mark.parametrize("kind", ["snapshot", "clean-protected"])
@pytest.mark.parametrize("what", LIES)
def test_reads_that_are_unreadable_are_asked_again(what: str, kind: str, a_way: Way) -> None:
    """Every third look finds a page in place of AWS: the run takes longer, and ends alike."""
    with scratch() as folder:
        simulation = case_of(kind).simulation(FolderStore(folder))
        for operation in READS:
            for number in range(1, 20, 3):
                simulation.aws.heard[operation, number] = Hearing(lambda call: a_way.hear(what, call))
        assert told(simulation) == undisturbed(kind)


def test_a_read_that_stays_unreadable_pauses_the_run(a_way: Way) -> None:
    """When patience is over a person is asked, with exit code 75, and the run can be resumed."""
    with scratch() as folder:
        simulation = case_of("copied-group").simulation(FolderStore(folder))
        simulation.patience = Patience(with_troubles=timedelta(minutes=5))  # each answer takes half a real second
        for number in range(1, 200):
            simulation.aws.heard["DescribeDBClusters", number] = Hearing(lambda call: a_way.hear("page", call))
        assert told(simulation).outcome == "paused"
        state = simulation.store.events(simulation.plan.run)[-1].body
        assert getattr(state, "exit_code", None) == ExitCode.UNREACHABLE
        simulation.aws.heard.clear()
        assert told(simulation, resumed=True) == undisturbed("copied-group")


def test_a_change_that_is_never_readable_is_never_called_done(a_way: Way) -> None:
    """A page in place of every answer, and nothing ever done: uncertain, as after twenty lost replies."""
    with scratch() as folder:
        simulation = case_of("copied-group").simulation(FolderStore(folder))
        hearing = Hearing(lambda call: a_way.hear("page", call), is_done=False)
        for number in range(1, 21):
            simulation.aws.heard["RestoreDBClusterToPointInTime", number] = hearing
        assert told(simulation).outcome == "uncertain"
        assert told(simulation, resumed=True) == undisturbed("copied-group")


def test_a_defect_of_ours_ends_as_one() -> None:
    """What is not caught by anybody ends the process with exit code 70, and the journal shows where."""

    def broken(_event: Event) -> None:
        raise KeyError("a deliberate defect")

    with scratch() as folder:
        simulation = case_of("copied-group").simulation(FolderStore(folder))
        simulation.on_told = broken
        with pytest.raises(KeyError, match="a deliberate defect"):
            simulation.live()


@pytest.mark.parametrize(("kind", "operation"), PLACES)
def test_a_change_that_never_gets_through_is_never_called_done(kind: str, operation: str) -> None:
    """Twenty replies lost in a row, each before AWS heard of it: nobody can tell, and that is what we say."""
    with scratch() as folder:
        simulation = case_of(kind).simulation(FolderStore(folder))
        for number in range(1, 21):
            simulation.aws.faults[operation, number] = Fault.DROPPED
        if operation == "AddTagsToResource":
            assert_done_without(simulation, "its outcome is not known")
            return
        assert told(simulation).outcome == "uncertain"
        assert not any(done for done, _ in simulation.aws.effects if done == operation)
        state = simulation.store.events(simulation.plan.run)[-1].body
        assert getattr(state, "exit_code", None) == ExitCode.UNCERTAIN
        assert told(simulation, resumed=True) == undisturbed(kind)


@pytest.mark.parametrize(("kind", "operation"), PLACES)
def test_a_machine_without_a_network_pauses_and_goes_on_later(kind: str, operation: str) -> None:
    """Nothing left this machine, so nothing is uncertain: a person resumes when the network is back."""
    with scratch() as folder:
        simulation = case_of(kind).simulation(FolderStore(folder))
        # Several steps may ask for it side by side, so no number of calls says how often the network is missed.
        for number in range(1, 100):
            simulation.aws.faults[operation, number] = Fault.UNSENT
        assert told(simulation).outcome == "paused"
        assert told(simulation).outcome == "paused"
        simulation.aws.faults.clear()
        assert told(simulation, resumed=True) == undisturbed(kind)


def assert_done_without(simulation: Simulation, why: str) -> None:
    """The run is finished with its verdict and the same clone, and says that the tag is not there."""
    whole, got = undisturbed("copied-group"), told(simulation)
    assert (got.outcome, got.world | {"drawn": 0}) == ("finished", whole.world | {"drawn": 0})
    state = simulation.store.chain(simulation.plan.run).state()
    assert state.verdict is not None
    assert state.anchor is None
    assert (state.step("16-anchor-journal").status, why in state.step("16-anchor-journal").note) == ("forgone", True)
    clone = simulation.aws.clusters[simulation.plan.clone]
    assert JOURNAL_TAG not in clone.tags


@pytest.mark.parametrize("fault", [Fault.DENIED, Fault.INVALID])
def test_no_verdict_is_lost_to_a_tag(fault: Fault) -> None:
    """Hours of restoring, every check fit, and then a permission is missing, or AWS takes no tag more: the clone is usable."""
    with scratch() as folder:
        simulation = case_of("copied-group").simulation(FolderStore(folder))
        simulation.aws.faults["AddTagsToResource", 1] = fault
        assert_done_without(simulation, "16-anchor-journal: ")


def usurped(simulation: Simulation, operation: str) -> Resource:
    """What the operation would change belongs to somebody else, as soon as it is there and before we look at it."""
    aws, plan = simulation.aws, simulation.plan
    stamp = stamp_of(plan)
    calls = [(step, call_of(step.action, stamp, aws.region)) for step in plan.steps]
    place = next(number for number, (_, call) in enumerate(calls) if call and call.operation == operation)
    call = calls[place][1]
    assert call is not None
    name = names_touched(call)[0]

    def theirs() -> Resource:
        thing = next(shelf[name] for shelf in aws.shelves() if name in shelf)
        thing.tags = fix_worlds.another_runs(thing.tags)
        return copy.deepcopy(thing)

    if plan.kind in ("clean", "copy"):
        return theirs()
    left: list[Resource] = []
    before = plan.steps[place - 1].id

    def on_told(event: Event) -> None:
        if isinstance(event.body, StepDone) and event.body.step == before:
            left.append(theirs())

    simulation.on_told = on_told
    simulation.live()
    return left[0]


# A global database is never ours, so nothing of it becomes another's: who writes is what its guard asks.
@pytest.mark.parametrize(("kind", "operation"), OWNED)
def test_what_belongs_to_somebody_else_stops_the_run_untouched(kind: str, operation: str) -> None:
    """A name proves nothing: without our tag a cluster is a colleague's, whatever it is called."""
    with scratch() as folder:
        simulation = case_of(kind).simulation(FolderStore(folder))
        if operation.startswith(("Modify", "Delete", "AddTags", "Cancel")):
            left = usurped(simulation, operation)
        else:
            simulation.aws.faults[operation, 1] = Fault.TAKEN_BY_OTHERS
            left = Resource({}, {})
        # With the storage restored a person may still make room for the rest; before, nothing is lost by failing.
        refused = {
            call.operation: step.when_refused
            for step in reversed(simulation.plan.steps)  # the first one that makes the call is met first
            if (call := call_of(step.action, stamp_of(simulation.plan), simulation.aws.region))
        }
        # Where the cluster itself is another's, the waits for it fail.
        is_over = refused[operation] == "fail" or operation == "ModifyDBCluster"
        assert told(simulation).outcome == ("failed" if is_over else "paused")
        name, found = next(
            (name, thing)
            for shelf in simulation.aws.shelves()
            for name, thing in shelf.items()
            if fix_worlds.is_another_runs(thing.tags)
        )
        made = [what for done, what in simulation.aws.effects if done == operation]
        assert [what for what in made if what.split(" ")[0] == name] == []
        assert found.gone_at is None
        assert left.body in ({}, found.body)


@pytest.mark.parametrize("lag", [4.0, 12.0])
@pytest.mark.parametrize("kind", ["copied-group", "several-readers", "deleted-source"])
def test_a_listing_that_lags_does_not_fail_the_run(kind: str, lag: float) -> None:
    """AWS may take some seconds to list what it has just created."""
    with scratch() as folder:
        simulation = case_of(kind).simulation(FolderStore(folder))
        simulation.aws.listing_lags = lag
        simulation.aws.faults["RestoreDBClusterToPointInTime", 1] = Fault.REPLY_LOST
        assert told(simulation) == undisturbed(kind)


def test_a_name_that_is_taken_and_never_shown_is_uncertain() -> None:
    """AWS says *exists* and lists nothing: whose it is, only a person can find out. Then the run goes on."""
    with scratch() as folder:
        simulation = case_of("copied-group").simulation(FolderStore(folder))
        simulation.aws.faults["RestoreDBClusterToPointInTime", 1] = Fault.REPLY_LOST
        quarantined = simulation.plan.steps[1].id

        def on_told(event: Event) -> None:
            if isinstance(event.body, StepDone) and event.body.step == quarantined:
                simulation.aws.listing_lags = 300.0

        simulation.on_told = on_told
        assert told(simulation).outcome == "uncertain"
        simulation.aws.listing_lags = 0.0
        assert told(simulation, resumed=True) == undisturbed("copied-group")


def test_the_table_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """The number of cells, for whoever asks how many there are."""
    cells = len(PLACES) * (len(SURVIVED) + 3 + 2 * len(LIES))
    with capsys.disabled():
        print(f" {len(PLACES)} changes x {cells // len(PLACES)} replies = {cells} cases", end="")  # noqa: T201
    assert cells == 1540
