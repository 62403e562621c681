"""A cutover that dies anywhere: resumed it is whole, ended and taken back it has left nothing but what it names; no write is lost either way."""

from __future__ import annotations

import copy
import itertools
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any, Literal, get_args

import pytest

from daybreak.app.custody import abort
from daybreak.app.moving import plan_of_taking_back
from daybreak.errors import Refused
from daybreak.execute.probing import ENDED
from daybreak.journal.folder import FolderStore
from daybreak.model.actions import BeginProbe
from daybreak.model.destinations import TrafficDestination
from daybreak.model.run import Event, RunState, StepDone
from daybreak.model.tags import EXPIRES_TAG, PRODUCTION
from daybreak.model.value import Span
from daybreak.plan.gaps import ABOUT_GAP
from daybreak.report.traffic import sentences_on_traffic
from tests import fix_worlds
from tests.chaos.fix_cutover import (
    DESTINATIONS,
    ENDPOINT,
    ROLES,
    RULES,
    SimulatedApp,
    case,
    find_keyed,
    planned_rollback,
)
from tests.chaos.simulated_aws import SimulatedAws
from tests.chaos.simulated_servers import check_ledger
from tests.chaos.simulation import Case, Crash, Killed, Mode, Simulation, check_effects, scratch, survived

SETS: dict[str, tuple[TrafficDestination, ...]] = {
    **{each.kind: (each,) for each in (*DESTINATIONS, ENDPOINT)},
    "all": DESTINATIONS,
}
"""Each kind of destination alone, and all that go together."""


@dataclass(frozen=True)
class Made:
    """A cutover with its destinations, and how long it is."""

    case: Case
    events: int
    changes: int
    commits: int


@cache
def made(kind: str, way: str = "cutover") -> Made:
    """The case, made once, and lived through once."""
    found = case(way, SETS[kind])
    with scratch() as folder:
        simulation = found.simulation(FolderStore(folder))
        commits = simulation.aws.commits
        state = simulation.live()
        assert state.status == "finished"
        return Made(found, state.events, sum(simulation.aws.effects.values()), simulation.aws.commits - commits)


def crashes(kind: str) -> Iterator[Crash]:
    """Every point at which the cutover can die."""
    whole = made(kind)
    for mode in get_args(Mode):
        first, last = (1, whole.changes + 1) if mode == "sent" else (0, whole.events)
        yield from (Crash(number, mode) for number in range(first, last))


def sampled(kind: str, number: int) -> tuple[Crash, ...]:
    """Some of these points, always the same."""
    return tuple(Random(kind).sample([*crashes(kind)], number))


# -- what must hold


def sides(aws: SimulatedAws, kind: str) -> set[str | None]:
    """Where the destinations point."""
    hosts = {one.host: name for name, one in aws.servers.items()}
    return {hosts.get(aws.address_at(each) or "") for each in SETS[kind]}


def is_fenced(aws: SimulatedAws, cluster: str) -> bool:
    """Whether nobody but us can write there."""
    return aws.servers[cluster].is_closed and aws.inside(cluster) == {}


def is_protected(aws: SimulatedAws, cluster: str) -> bool:
    """Whether AWS refuses to delete it."""
    body = aws._cluster(aws.labelled(cluster).body["DBClusterIdentifier"])
    assert body is not None
    return bool(body["DeletionProtection"])


def check_whole(simulation: Simulation, kind: str) -> None:
    """Everything is at the clone, which nothing cleans up; the source is closed, and whoever asks for the address writes."""
    aws, clone = simulation.aws, simulation.plan.clone
    check_effects(simulation)
    aws.clock.elapsed += 3600
    assert sides(aws, kind) == {clone}
    assert is_fenced(aws, fix_worlds.SOURCE)
    assert aws.labelled(clone).tags[EXPIRES_TAG] == f"{PRODUCTION}{simulation.plan.run}"
    assert is_protected(aws, clone)
    # What goes by the source's name follows where the clone takes that.
    reported = {fix_worlds.SOURCE} if kind == ENDPOINT.kind else {fix_worlds.SOURCE, clone}
    assert find_keyed(aws) == {"roles": {*aws.clusters}, "data APIs": {*aws.clusters}, "reported": reported}
    before = len(aws.ledger)
    aws.serve()
    writers = {each.application for each in aws.ledger[before:]}
    if kind == "endpoint":  # the name is the same for whoever keeps it
        assert writers == {"app", "report", "keeper"}
        assert aws.clusters[fix_worlds.SOURCE] is aws.labelled(clone)
        assert aws.clusters.keys() == {fix_worlds.SOURCE, aws.labelled(fix_worlds.SOURCE).body["DBClusterIdentifier"]}
    else:
        assert writers == {"app", "report"}, "what keeps the old address for ever writes nowhere"
    check_pools(aws, clone)
    check_ledger(aws)


def check_pools(aws: SimulatedAws, cluster: str) -> None:
    """Nobody is held any more, and who comes through a pool writes at that cluster; a pool that is silent leads nowhere."""
    assert all(each.is_silent or each.held_since is None for each in aws.pools.values())
    led = {each.inside for each in aws.applications if each.pool and not aws.pools[each.pool].is_silent}
    assert led <= {cluster}


def left_in(aws: SimulatedAws) -> dict[str, Any]:
    """All that must be as before; a version more of a secret and a parameter is a trace that the undo names."""
    passing = ("Version", "LastModifiedUser")
    return {
        "secrets": {
            name: (one.labels["AWSCURRENT"], one.versions[one.labels["AWSCURRENT"]])
            for name, one in aws.secrets.items()
        },
        "parameters": {
            name: {key: value for key, value in versions[-1].items() if key not in passing}
            for name, versions in aws.parameters.items()
        },
        "records": copy.deepcopy(aws.records),
        "names": {name: each.body["DbClusterResourceId"] for name, each in aws.clusters.items()},
        "inside": {name: each.body["DBClusterIdentifier"] for name, each in aws.instances.items()},
        "hosts": {name: each.host for name, each in aws.servers.items()},
        "roles": aws.servers[fix_worlds.SOURCE].entries,
    }


def check_taken_back(aws: SimulatedAws, before: SimulatedAws, clone: str) -> None:
    """Each place is as it was, each role at the source has what it had, and the source serves; the clone is closed, or as it was."""
    aws.clock.elapsed += 3600
    assert left_in(aws) == left_in(before)
    assert aws.servers[fix_worlds.SOURCE].entries == ROLES
    for name, secret in aws.secrets.items():
        assert len(secret.versions) <= len(before.secrets[name].versions) + 1
    for name, versions in aws.parameters.items():
        assert len(versions) <= len(before.parameters[name]) + 2
    written, tags = len(aws.ledger), aws.clusters[clone].tags
    aws.serve()
    assert {each.cluster for each in aws.ledger[written:]} == {fix_worlds.SOURCE}
    assert {each.application for each in aws.ledger[written:]} == {"app", "report", "keeper"}
    check_pools(aws, fix_worlds.SOURCE)
    has_served = any(each.cluster == clone for each in aws.ledger)
    if tags[EXPIRES_TAG] == before.clusters[clone].tags[EXPIRES_TAG]:
        assert not has_served, "a clone that holds writes of its own is no clone again"
        assert aws.servers[clone].entries == ROLES
        assert find_keyed(aws) == find_keyed(before)
        assert not is_protected(aws, clone)
    else:
        assert is_fenced(aws, clone)
    check_ledger(aws)


# -- it dies and is resumed


def resumed(kind: str, crash: Crash) -> None:
    """The cutover dies there, and is resumed to its end."""
    with scratch() as folder:
        simulation = made(kind).case.simulation(FolderStore(folder), asked=False)
        state = survived(simulation, [crash])
        assert isinstance(state, RunState), (crash, state)
        assert state.status == "finished", (crash, state.note)
        check_whole(simulation, kind)


@pytest.mark.parametrize("kind", SETS)
def test_a_cutover_that_died_is_whole_once_it_is_resumed(kind: str) -> None:
    """At some points of each kind."""
    for crash in sampled(kind, 3):
        resumed(kind, crash)


@pytest.mark.sweep
@pytest.mark.parametrize("kind", SETS)
def test_a_cutover_that_died_anywhere_is_whole_once_it_is_resumed(
    kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Around every line of its journal, and after every change."""
    count = 0
    for crash in crashes(kind):
        resumed(kind, crash)
        count += 1
    with capsys.disabled():
        print(f" {kind}: {count} crashes, each resumed", end="")  # noqa: T201 - the count is evidence


@pytest.mark.parametrize("dies", [False, True])
def test_a_probe_measures_only_what_its_own_process_saw(dies: bool) -> None:  # noqa: FBT001 - a parameter
    """Whoever resumes in the gap has seen no write of the old side: the report says that the gap was not measured."""
    with scratch() as folder:
        simulation = made("parameter").case.simulation(FolderStore(folder), asked=False)
        begun = next(step.id for step in simulation.plan.steps if isinstance(step.action, BeginProbe))

        def die(event: Event) -> None:
            if dies and isinstance(event.body, StepDone) and event.body.step == begun:
                simulation.on_told = lambda _event: None
                raise Killed

        simulation.on_told = die
        state = survived(simulation)
        assert isinstance(state, RunState)
        found = [each for each in sentences_on_traffic(simulation.plan, state) if "probe" in each]
    assert len(found) == 1
    if dies:
        assert found == [f"the gap was not measured by the probe: {ENDED}"]
    else:
        assert found[0].startswith(
            'the gap, as the probe\'s writes found it that came by the parameter "/prod/embi/url"'
        )


@pytest.mark.parametrize("stride", [5, pytest.param(1, marks=pytest.mark.sweep)])
def test_a_verdict_that_is_old_by_then_closes_nothing_and_what_is_closed_goes_on(stride: int) -> None:
    """It dies after each of its changes, and is resumed on the next day: the fence is what the verdict is asked for."""
    for number in range(1, made("all").changes + 1, stride):
        with scratch() as folder:
            simulation = made("all").case.simulation(FolderStore(folder), asked=False)
            with pytest.raises(Killed):
                simulation.live(Crash(number, "sent"))
            was_closed = simulation.aws.servers[fix_worlds.SOURCE].is_closed
            simulation.aws.clock.elapsed += 24 * 3600
            state = simulation.live()
            if was_closed:
                assert state.status == "finished", (number, state.note)
                check_whole(simulation, "all")
            else:
                assert state.status == "failed"
                assert "is older than 1 hour" in state.note
                assert simulation.aws.servers[fix_worlds.SOURCE].entries == ROLES


# -- it dies, is ended, and is taken back


def done_in(store: FolderStore, run: str) -> bool:
    """Whether any step of the run was begun."""
    plan, state = store.plan(run), store.chain(run).state()
    return any(state.step(step.id).status != "waiting" for step in plan.steps)


def taken_back(kind: str, crash: Crash, again: Crash | None = None) -> None:
    """The cutover dies there and is ended; what is planned then to take it back, perhaps dying once too, leaves all as it was."""
    with scratch() as folder:
        store = FolderStore(folder)
        simulation = made(kind).case.simulation(store, asked=False)
        aws, plan, before = simulation.aws, simulation.plan, copy.deepcopy(simulation.aws)
        with suppress(Killed):
            simulation.live(crash)
        if not store.chain(plan.run).events:
            assert left_in(aws) == left_in(before), "it never began"
            return
        aws.after_effect, aws.before_change = (lambda _call: None), (lambda _call: None)
        app = SimulatedApp(aws, store._root, plan.target)
        if store.chain(plan.run).state().ended is None:
            assert abort(app, plan.run, "the application does not start")
        if not done_in(store, plan.run):
            with pytest.raises(Refused) as refusal:
                planned_rollback(aws, store, plan)
            assert "did nothing that could be taken back" in "; ".join(refusal.value.reasons)
            check_taken_back(aws, before, plan.clone)
            return
        back = planned_rollback(aws, store, plan)
        aws.effects.clear()
        aws.sent.clear()
        store.create(back)
        second = Simulation(aws=aws, plan=back, store=store, asked=False, nonces=itertools.count(100))
        state = survived(second, [again] if again else [])
        assert isinstance(state, RunState), (crash, again, state)
        assert state.status == "finished", (crash, again, state.note)
        check_effects(second)
        check_taken_back(aws, before, plan.clone)


@pytest.mark.parametrize("kind", SETS)
def test_a_cutover_that_died_is_taken_back_to_where_it_began(kind: str) -> None:
    """At some points of each kind, and the way back dies as well."""
    for number, crash in enumerate(sampled(kind, 4)):
        taken_back(kind, crash, Crash(number, "after") if number % 2 else None)


@pytest.mark.sweep
@pytest.mark.parametrize("kind", SETS)
def test_a_cutover_that_died_anywhere_is_taken_back_to_where_it_began(
    kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Around every line of its journal, and after every change."""
    count = 0
    for crash in crashes(kind):
        taken_back(kind, crash)
        count += 1
    with capsys.disabled():
        print(f" {kind}: {count} crashes, each taken back", end="")  # noqa: T201 - the count is evidence


@pytest.mark.sweep
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mode", get_args(Mode))
def test_the_way_back_dies_anywhere_too(mode: Mode) -> None:
    """Every point of a cutover, and after each every point of the rollback that it needs."""
    way_back = made("all", "rollback")
    points = range(1, way_back.changes + 1) if mode == "sent" else range(way_back.events)
    for crash in [Crash(number, "after") for number in range(made("all").events)]:
        for number in points:
            taken_back("all", crash, Crash(number, mode))


def test_what_somebody_changed_since_stays_and_only_the_address_goes_back() -> None:
    """A password is rotated at the clone, a pattern and a time to live are set: none of it is lost on the way back."""
    with scratch() as folder:
        store = FolderStore(folder)
        simulation = made("all").case.simulation(store)
        aws, before = simulation.aws, left_in(simulation.aws)
        assert simulation.live().status == "finished"
        (secret,), (versions,), (records,) = aws.secrets.values(), aws.parameters.values(), aws.records.values()
        secret.versions["rotated"] = secret.versions[secret.labels["AWSCURRENT"]].replace("only-here", "rotated")
        secret.move("rotated")
        versions.append(versions[-1] | {"Version": versions[-1]["Version"] + 1, "AllowedPattern": ".*"})
        records[0]["TTL"] = 5
        back = planned_rollback(aws, store, simulation.plan)
        store.create(back)
        ended = Simulation(aws=aws, plan=back, store=store, nonces=itertools.count(100)).live()
        assert ended.status == "finished", ended.note
        after = left_in(aws)
        [(_, text)], [parameter], [[record]] = (after[each].values() for each in ("secrets", "parameters", "records"))
        [(_, old_text)], [old], [[old_record]] = (
            before[each].values() for each in ("secrets", "parameters", "records")
        )
        assert text == old_text.replace("only-here", "rotated")
        assert parameter == old | {"AllowedPattern": ".*"}
        assert record == old_record | {"TTL": 5}
        check_ledger(aws)


# -- nobody resumes it in time


def late(kind: str, crash: Crash) -> str:
    """The cutover dies there, and is resumed after its budget: whole, or taken back by itself; what became of it."""
    whole = made(kind).case
    limit = Span(minutes=25 if kind == ENDPOINT.kind else 5)  # names alone take nine minutes
    hurried = whole.plan.target.model_copy(update={"cutover": RULES.model_copy(update={"budget": limit})})
    assert whole.plan.gap is not None
    plan = whole.plan.model_copy(update={"target": hurried, "gap": whole.plan.gap.model_copy(update={"budget": limit})})
    with scratch() as folder:
        store = FolderStore(folder)
        simulation = Case(whole.name, plan, whole.world).simulation(store, asked=False)
        aws, before = simulation.aws, copy.deepcopy(simulation.aws)
        with suppress(Killed):
            simulation.live(crash)
        aws.clock.elapsed += limit.total_seconds() + 600  # within the verdict's hour
        state = survived(simulation)
        app = SimulatedApp(aws, store._root, plan.target)
        aws.after_effect, aws.before_change = (lambda _call: None), (lambda _call: None)
        assert isinstance(state, RunState), state
        back = plan_of_taking_back(app, plan.run)
        if state.status == "finished":
            assert back is None
            check_whole(simulation, kind)
            return "asked" if ABOUT_GAP in state.warned else "whole"  # whoever was asked has resumed it
        assert back is not None, state.note
        aws.effects.clear()
        aws.sent.clear()
        store.create(back)
        second = Simulation(aws=aws, plan=back, store=store, asked=False, nonces=itertools.count(100))
        ended = survived(second)
        assert isinstance(ended, RunState), (crash, ended)
        if ended.status == "failed":
            return asked_after_all(simulation, before, ended, kind)
        assert ended.status == "finished", (crash, ended.note)
        check_effects(second)
        assert aws.clusters[plan.clone].tags[EXPIRES_TAG] == before.clusters[plan.clone].tags[EXPIRES_TAG]
        check_taken_back(aws, before, plan.clone)
        assert plan_of_taking_back(app, plan.run) is None, "it was taken back once"
        return "taken back"


def asked_after_all(simulation: Simulation, before: SimulatedAws, ended: RunState, kind: str) -> str:
    """The name came to lead to the clone right when the run went back: it stops with both sides closed, and a person goes back."""
    aws, plan = simulation.aws, simulation.plan
    assert kind == ENDPOINT.kind
    assert "somebody has written in the cluster" in ended.note
    assert is_fenced(aws, fix_worlds.SOURCE)
    assert is_fenced(aws, plan.clone)
    assert isinstance(simulation.store, FolderStore)
    back = planned_rollback(aws, simulation.store, plan)
    aws.effects.clear()
    aws.sent.clear()
    simulation.store.create(back)
    third = Simulation(aws=aws, plan=back, store=simulation.store, asked=False, nonces=itertools.count(200))
    state = survived(third)
    assert isinstance(state, RunState)
    assert state.status == "finished", state.note
    check_effects(third)
    check_taken_back(aws, before, plan.clone)
    return "asked"


@pytest.mark.parametrize("kind", SETS)
def test_a_cutover_that_nobody_resumes_in_time_takes_itself_back(kind: str) -> None:
    """At some points of each kind; once a client has written in the clone, a person is asked."""
    assert {late(kind, crash) for crash in sampled(kind, 3)} <= {"whole", "taken back", "asked"}


@pytest.mark.sweep
@pytest.mark.parametrize("kind", SETS)
def test_a_cutover_that_nobody_resumes_in_time_takes_itself_back_from_anywhere(
    kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Around every line of its journal, and after every change: each of the three ends is come to."""
    ends = Counter(late(kind, crash) for crash in crashes(kind))
    with capsys.disabled():
        print(f" {kind}: {dict(ends)}", end="")  # noqa: T201 - the count is evidence
    assert set(ends) == {"whole", "taken back", "asked"}


# -- the server's answer to a commit is lost


@pytest.mark.sample("cutover-before", "rollback-after")
@pytest.mark.parametrize("lost", ["before", "after"])
@pytest.mark.parametrize("way", ["cutover", "rollback", "rollback-of-part", "rollback-of-start"])
def test_a_commit_whose_answer_is_lost_is_looked_up(way: str, lost: Literal["before", "after"]) -> None:
    """Doors that were closed are not closed again, and doors that were not are."""
    whole = made("all", way)
    assert whole.commits
    for number in range(1, whole.commits + 1):
        with scratch() as folder:
            simulation = whole.case.simulation(FolderStore(folder))
            simulation.aws.lost_commits = {simulation.aws.commits + number: lost}
            state = survived(simulation)
            assert isinstance(state, RunState)
            assert state.status == "finished"
            check_effects(simulation)
            assert sum(simulation.aws.effects.values()) == whole.changes


def test_every_kind_of_destination_has_its_case() -> None:
    """A new kind of place is swept from its first day."""
    kinds = {each.model_fields["kind"].default for each in get_args(get_args(TrafficDestination)[0])}
    assert kinds == {each.kind for each in (*DESTINATIONS, ENDPOINT)}
    for way in ("cutover", "rollback"):
        assert {each.kind for each in made("all", way).case.plan.target.destinations} == kinds - {ENDPOINT.kind}
        assert made(ENDPOINT.kind, way).case.plan.target.destinations == (ENDPOINT,)
