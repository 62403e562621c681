"""The hand that points secrets, parameters and records elsewhere: what somebody else wrote stays, and no text is kept anywhere."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest

from daybreak.aws.faults import AwsFault
from daybreak.execute.hands.texts import discreet
from daybreak.journal.folder import FolderStore
from daybreak.model.actions import Action, AwaitRecord, ChangeRecord, MoveSecretStage, PointSecret
from daybreak.model.plan import AwsCall
from daybreak.model.replies import Category, Trouble
from daybreak.model.run import StepDone
from daybreak.model.things import Thing
from daybreak.model.undo import TakenBack
from daybreak.plan.calls import FILLED_WHEN_SENT, Owner
from daybreak.plan.touching import things_touched
from daybreak.plan.undoing import undo_of
from daybreak.report.iam_policy import policy_of
from tests.chaos import fix_destinations as fix
from tests.chaos.reply_faults import Fault
from tests.chaos.simulated_aws import Hearing, SimulatedAws
from tests.chaos.simulation import Simulation, scratch, survived


def simulation_of(folder: Path, *actions: Action, aws: SimulatedAws | None = None) -> Simulation:
    """A run of these actions in the world before them."""
    plan, store = fix.plan(*actions), FolderStore(folder)
    store.create(plan)
    return Simulation(aws=aws or fix.world(), plan=plan, store=store)


def everything_in(folder: Path) -> str:
    """All that a state folder holds."""
    return "\n".join(path.read_text() for path in folder.rglob("*") if path.is_file())


def ends(simulation: Simulation) -> tuple[str, str]:
    """How the run ended, and what it said of its failure."""
    state = simulation.live()
    return state.status, " ".join(getattr(event.body, "why", "") for event in simulation.told)


def test_what_applications_read_is_changed_and_nothing_beside_it() -> None:
    """One word is another; the password, the weight and the key are what they were."""
    with scratch() as folder:
        simulation = simulation_of(folder, *fix.FORWARD)
        before = copy.deepcopy(simulation.aws)
        assert simulation.live().status == "finished"
        after = simulation.aws
        assert after.addresses()["secrets"] == {fix.SECRET: fix.secret_text(fix.NEW)}
        assert after.secrets[fix.SECRET].versions[fix.VERSION] == fix.secret_text(fix.OLD)
        newest, was = after.parameters[fix.PARAMETER][-1], before.parameters[fix.PARAMETER][-1]
        assert newest == was | {"Version": 4, "Value": fix.parameter_text(fix.NEW)}
        assert [each for each in after.records[fix.ZONE] if each not in before.records[fix.ZONE]] == [fix.AFTER.body()]
        done = {event.body.step[3:]: event.body.result for event in simulation.told if isinstance(event.body, StepDone)}
        assert done["change-record"] == {"change": "/change/C0"}
        assert done["point-parameter"] == {"version": 4}


@pytest.mark.parametrize("fault", [None, Fault.REPLY_LOST, Fault.DROPPED, Fault.ERROR_AFTER, Fault.INVALID])
def test_no_text_is_anywhere_but_in_the_call(fault: Fault | None, capfd: pytest.CaptureFixture[str]) -> None:
    """Not in the plan, the journal, an event, or what is printed, also where AWS refuses."""
    with scratch() as folder:
        simulation = simulation_of(folder, *fix.FORWARD)
        if fault is not None:
            for operation in ("PutSecretValue", "PutParameter"):
                simulation.aws.faults[operation, 1] = fault
        simulation.live()
        assert fix.PASSWORD in str(simulation.aws.sent), "the search finds nothing any more"
        told = [everything_in(folder), repr(simulation.told), simulation.plan.canonical().decode(), *capfd.readouterr()]
        assert [fix.PASSWORD in each for each in told] == [False] * len(told)
        assert FILLED_WHEN_SENT in told[0]


def put_secret(aws: SimulatedAws) -> None:
    """Somebody rotates the password."""
    aws.secrets[fix.SECRET].versions["theirs"] = fix.secret_text(fix.OLD).replace(fix.PASSWORD, "new")
    aws.secrets[fix.SECRET].move("theirs")


def put_parameter(aws: SimulatedAws) -> None:
    """Somebody writes another text."""
    versions = aws.parameters[fix.PARAMETER]
    versions.append(versions[-1] | {"Version": versions[-1]["Version"] + 1, "Value": "theirs"})


def change_weight(aws: SimulatedAws) -> None:
    """Somebody moves a weight of the record."""
    aws.records[fix.ZONE] = [each | {"Weight": 99} for each in aws.records[fix.ZONE]]


OTHERS: list[tuple[Action, Callable[[SimulatedAws], None], str]] = [
    (fix.POINT_SECRET, put_secret, "was changed since: it is at theirs"),
    (fix.POINT_PARAMETER, put_parameter, "does not name embi-clone"),
    (fix.CHANGE_RECORD, change_weight, "was changed since: it is at CNAME TTL=60"),
]


@pytest.mark.parametrize(("action", "act", "says"), OTHERS)
@pytest.mark.parametrize("fault", [None, Fault.DROPPED])
def test_what_somebody_else_wrote_is_left(
    action: Action, act: Callable[[SimulatedAws], None], says: str, fault: Fault | None
) -> None:
    """Before our sending, or while we look after one that was lost: theirs stays, and the run says so."""
    with scratch() as folder:
        simulation = simulation_of(folder, action)
        if fault is None:
            act(simulation.aws)
        else:
            simulation.aws.faults[simulation_operation(action), 1] = fault
            simulation.before_append = once_sent(simulation, act)
        status, why = ends(simulation)
        assert (status, says in why) == ("failed", True), why
        theirs = fix.world()
        act(theirs)
        assert simulation.aws.addresses() == theirs.addresses()


def simulation_operation(action: Action) -> str:
    """The operation of a change."""
    return {"point-secret@1": "PutSecretValue", "point-parameter@1": "PutParameter"}.get(
        action.kind, "ChangeResourceRecordSets"
    )


def once_sent(simulation: Simulation, act: Callable[[SimulatedAws], None]) -> Callable[[], None]:
    """Act once, when the first change has been sent."""
    acted: list[int] = []

    def heed() -> None:
        if simulation.aws.sent and not acted:
            acted.append(1)
            act(simulation.aws)

    return heed


def test_a_parameter_that_somebody_else_changed_twice_is_left() -> None:
    """Its version says so, whatever it names."""
    with scratch() as folder:
        simulation = simulation_of(folder, fix.POINT_PARAMETER)
        put_parameter(simulation.aws)
        put_parameter(simulation.aws)
        status, why = ends(simulation)
        assert status == "failed"
        assert (
            'the parameter "/prod/embi/url" was changed since: it is at 5, by arn:aws:iam::123456789012:user/jo' in why
        )
        assert simulation.aws.sent == []


def test_a_secret_that_somebody_moved_back_is_not_taken_for_done() -> None:
    """AWS would take the same version again, answer success, and change nothing."""
    with scratch() as folder:
        simulation = simulation_of(folder, fix.POINT_SECRET)
        simulation.aws.faults["PutSecretValue", 1] = Fault.REPLY_LOST
        simulation.before_append = once_sent(simulation, lambda aws: aws.secrets[fix.SECRET].move(fix.VERSION))
        status, why = ends(simulation)
        assert (status, "moved the current stage back" in why) == ("failed", True), why


def test_sending_twice_leaves_one_version() -> None:
    """The version's id is the run's own, and another run's is another."""
    with scratch() as folder:
        simulation = simulation_of(folder, fix.POINT_SECRET)
        for number in (1, 2):
            simulation.aws.faults["PutSecretValue", number] = Fault.ERROR_AFTER
        assert simulation.live().status == "finished"
        assert len(simulation.aws.secrets[fix.SECRET].versions) == 2
    owners = [Owner(run="r", nonce=nonce).version_of(name) for nonce in ("1", "2") for name in ("a", "b")]
    assert len(set(owners)) == 4
    assert Owner(run="r", nonce=None).version_of("a") is None


@pytest.mark.parametrize("action", [fix.POINT_SECRET, fix.POINT_PARAMETER, fix.CHANGE_RECORD])
def test_its_own_undo_brings_back_what_applications_read(action: Action) -> None:
    """In the same run, whose nonce says which version is its own."""
    undo = undo_of(action, "us-east-1")
    assert isinstance(undo, TakenBack)
    with scratch() as folder:
        simulation = simulation_of(folder, action, *undo.actions)
        before = fix.world().addresses()
        assert simulation.live().status == "finished"
        after = simulation.aws.addresses()
        assert {name: sorted(map(str, after[name])) for name in after} == {
            name: sorted(map(str, before[name])) for name in before
        }
        if isinstance(action, PointSecret):
            assert simulation.aws.secrets[fix.SECRET].labels["AWSCURRENT"] == fix.VERSION


def test_a_version_that_the_journal_alone_knows_cannot_be_made_current_again() -> None:
    """Where the plan names it, it can."""
    known = MoveSecretStage(secret="s", version="a", away_from="b")
    undo = undo_of(known, "us-east-1")
    assert isinstance(undo, TakenBack)
    assert undo.actions == (MoveSecretStage(secret="s", version="b", away_from="a"),)
    assert not isinstance(undo_of(MoveSecretStage(secret="s", version="a"), "us-east-1"), TakenBack)


def test_a_change_whose_id_was_lost_is_waited_for_by_the_clock() -> None:
    """AWS says within which time, and the run says that it only waited."""
    waiting = AwaitRecord(zone=fix.ZONE, record=fix.AFTER)
    for fault, least, says in (
        (None, 30.0, "PENDING"),
        (Fault.REPLY_LOST, 60.0, "the id of the change was lost with its reply, so 1 minute are waited out"),
    ):
        with scratch() as folder:
            simulation = simulation_of(folder, fix.CHANGE_RECORD, waiting)
            if fault:
                simulation.aws.faults["ChangeResourceRecordSets", 1] = fault
            assert simulation.live().status == "finished"
            sent, over = (event.at for event in simulation.told if isinstance(event.body, StepDone))
            assert (over - sent).total_seconds() >= least
            assert says in " ".join(getattr(event.body, "seen", "") for event in simulation.told)


def test_a_record_is_changed_from_the_one_region_where_route_53_is_steered() -> None:
    """Of a plan elsewhere the door there is opened, and the policy names the one record."""
    action = fix.CHANGE_RECORD.model_copy(update={"region": "us-east-1"})
    plan = fix.plan(action).model_copy(
        update={"identity": fix.plan().identity.model_copy(update={"region": "eu-west-1"})}
    )
    name = f"{fix.ZONE}/db.example.com./CNAME/blue"
    assert things_touched(plan) == {Thing(kind="record", name=name, region="us-east-1")}
    rules = [each for each in policy_of(plan)["Statement"] if "route53:ChangeResourceRecordSets" in each["Action"]]
    assert [(rule["Resource"], rule["Condition"]) for rule in rules] == [
        (
            [f"arn:aws:route53:::hostedzone/{fix.ZONE}"],
            {"ForAllValues:StringEquals": {"route53:ChangeResourceRecordSetsNormalizedRecordNames": "db.example.com"}},
        )
    ]


def test_a_secret_of_the_sources_name_is_no_part_of_it() -> None:
    """The guard of the source is of databases; a parameter may be called as the cluster is."""
    source = fix.plan().source
    named = fix.POINT_PARAMETER.model_copy(update={"parameter": source})
    aws = fix.world()
    aws.parameters[source] = [each | {"Name": source} for each in aws.parameters[fix.PARAMETER]]
    with scratch() as folder:
        simulation = simulation_of(folder, named, aws=aws)
        assert things_touched(simulation.plan) == {Thing(kind="parameter", name=source, region="us-east-1")}
        assert simulation.live().status == "finished"


@pytest.mark.parametrize("words", [f"Value '{fix.PASSWORD}' failed", f"…{fix.PASSWORD[3:12]}…"])
def test_a_refusal_that_quotes_the_text_loses_its_words(words: str) -> None:
    """AWS's words go into the journal, and so must not hold what was refused."""
    fault = AwsFault(Trouble(category=Category.INVALID, code="ValidationException", message=words))
    kept = discreet(fault, fix.secret_text(fix.NEW))
    assert kept.message == "ValidationException: AWS's words are left out, because they quote what was sent"
    assert discreet(fault, "another text") is fault
    assert discreet(fault, None) is fault


def test_a_record_is_named_whole_in_the_call() -> None:
    """One batch, which AWS refuses where the old set is not there any more."""
    with scratch() as folder:
        simulation = simulation_of(folder, fix.CHANGE_RECORD)
        simulation.live()
        (call,) = simulation.aws.sent
        assert isinstance(call, AwsCall)
        assert isinstance(simulation.plan.steps[0].action, ChangeRecord)
        changes = call.params["ChangeBatch"]["Changes"]
        assert [(each["Action"], each["ResourceRecordSet"]) for each in changes] == [
            ("DELETE", fix.BEFORE.body()),
            ("CREATE", fix.AFTER.body()),
        ]


def test_the_run_goes_on_where_it_was_killed_with_one_effect() -> None:
    """Also where a refused or lost reply met each of the changes."""
    with scratch() as folder:
        simulation = simulation_of(folder, *fix.FORWARD)
        for operation in ("PutSecretValue", "PutParameter", "ChangeResourceRecordSets"):
            simulation.aws.faults[operation, 1] = Fault.REPLY_LOST
        state = survived(simulation)
        assert getattr(state, "status", "") == "finished"
        assert set(simulation.aws.effects.values()) == {1}


def test_a_refusal_that_quotes_the_secret_leaves_no_word_of_it() -> None:
    """What AWS says of a refused change goes into the journal and to the screen."""

    def quote(call: AwsCall) -> None:
        words = f"Value '{call.params['SecretString']}' failed to satisfy a constraint"
        raise AwsFault(Trouble(category=Category.INVALID, code="ValidationException", message=words))

    with scratch() as folder:
        simulation = simulation_of(folder, fix.POINT_SECRET)
        simulation.aws.heard["PutSecretValue", 1] = Hearing(quote, is_done=False)
        status, why = ends(simulation)
        assert (status, "AWS's words are left out" in why) == ("failed", True)
        assert fix.PASSWORD not in everything_in(folder) + why
