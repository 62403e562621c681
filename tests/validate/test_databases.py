"""A restore is of a cluster: every database is there, is entered, and is held to its own witnesses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from daybreak.judge.verdict import verdict_of
from daybreak.lab.servers.binaries import Install
from daybreak.lab.servers.pages import Wound
from daybreak.lab.volumes.volume import Volume
from daybreak.model.actions import Validate
from daybreak.model.baseline import Baseline
from daybreak.model.delta import Delta
from daybreak.model.findings import Detail, Finding, Standing
from daybreak.model.moment import At
from daybreak.model.targets import DatabaseTarget, Expectation, Objectives, SqlCheck, Target, Waiver
from daybreak.model.thoroughness import Thoroughness
from daybreak.validate.recording import Sitting, record
from daybreak.validate.run import Outcome, validate
from daybreak.validate.visit import Subject
from tests.fix_worlds import cluster, identity
from tests.lab.volumes.fix_volumes import DATABASE, OWNER, Yard, login, newest_yard, pg_installs, run, yards
from tests.validate.test_witnessing import birth_of, reach

__all__ = ["newest_yard", "pg_installs"]

FIT, UNFIT, UNKNOWN, LEFT_OUT = Standing.FIT, Standing.UNFIT, Standing.UNKNOWN, Standing.LEFT_OUT
OTHERS = ("billing", "Old Bills; --", "audit")
MAKING = (
    "CREATE TABLE invoices (id int PRIMARY KEY, note text)",
    "INSERT INTO invoices SELECT n, 'note' FROM generate_series(1, 500) n",
)
Story = tuple[Yard, Volume, Baseline, datetime]


def run_in(volume: Volume, database: str, *statements: str) -> None:
    """Run statements in another database than the first."""
    with login(volume, database=database) as session:
        session.autocommit = True
        for statement in statements:
            session.execute(statement)


def founded(yard: Yard) -> Story:
    """A source of four databases, its baseline, and a moment after that."""
    source = yard.started(yard.create("source"))
    run(source, *MAKING)
    for name in OTHERS:
        run(source, f'CREATE DATABASE "{name}"')
        run_in(source, name, *MAKING)
    hour = timedelta(hours=1)
    objectives = Objectives(rpo=hour, rto=hour, retention=hour)
    target = Target(name="embi", cluster="embi", region="us-east-1", objectives=objectives)
    kept = record(reach(source), Sitting(target, cluster(), identity(), datetime.now(UTC)), lambda _step: None)
    return yard, source, kept, source.tick()


@pytest.fixture(scope="module")
def story(pg_installs: tuple[Install, ...]) -> Iterator[Story]:
    """A source that no test changes; each restores a clone of its own."""
    for yard in yards(pg_installs[-1]):
        yield founded(yard)


@pytest.fixture
def own_story(newest_yard: Yard) -> Story:
    """A source that the test may change."""
    return founded(newest_yard)


def judge(source: Volume | None, clone: Volume, moment: datetime, **more: Any) -> Outcome:
    """The whole validation of a clone; what is not a field of the subject changes its action."""
    assert clone.listen is not None
    seen = cluster(endpoint=clone.listen.host, port=clone.listen.port, created=moment, tags={"daybreak:run": "r"})
    action = Validate(
        clone=seen.identifier,
        source="s",
        source_seen=None,
        instances_seen=(),
        moment=At(instant=moment),
        database=DATABASE,
        login="env:X",
        quarantine={},
        tables={},
        checks=(),
        thoroughness=Thoroughness(depth="quick"),
    )
    of_action = {name: more.pop(name) for name in list(more) if name in Validate.model_fields and name != "baseline"}
    subject = Subject(
        action=action.model_copy(update=of_action),
        clone=seen,
        instances=(),
        moment=moment,
        login=reach(clone).login,
        trust=reach(clone).address.trust,
        source=None if source is None or "source" in more else reach(source),
        birth=birth_of(clone),
    )
    return validate(replace(subject, **more), report=lambda _finding: None, progress=lambda _step: None)


def data(findings: Iterable[Finding]) -> dict[str, Finding]:
    """What is inside PostgreSQL; nothing is known here of AWS and the application."""
    inside = ("data.", "security.roles", "security.owners", "security.grants", "security.row-security")
    return {each.check: each for each in findings if each.check.startswith(inside)}


def against(found: dict[str, Finding]) -> dict[str, list[str]]:
    """The lines that are not fit, by check."""
    return {
        check: [line.full for line in each.details if line.standing in (UNFIT, UNKNOWN)]
        for check, each in found.items()
        if each.standing in (UNFIT, UNKNOWN)
    }


@pytest.mark.sample("full")
@pytest.mark.parametrize("depth", ["quick", pytest.param("standard", marks=pytest.mark.sweep), "full"])
def test_every_database_of_a_faithful_clone_is_fit_and_named(story: Story, depth: str) -> None:
    """Four databases of its own, and the one that every server has; full depth asks all that standard depth asks."""
    yard, source, kept, moment = story
    clone = yard.restored(source, f"clone-{depth}", moment)
    how = Thoroughness.model_validate({"depth": depth})
    tables = {"public.invoices": Expectation(min_rows=500)}
    outcome = judge(source, clone, moment, baseline=kept, thoroughness=how, tables=tables)
    found = data(outcome.findings)
    wanting = {check: each for check, each in against(found).items() if check != "data.recent"}
    assert wanting == {}
    assert f"5 databases: {DATABASE}, Old Bills; --, audit, billing, postgres" in found["data.databases"].found
    assert set(outcome.measured.deltas) in (set(), {DATABASE, *OTHERS, "postgres"})
    if depth != "quick":
        assert outcome.measured.rows == 2000


@pytest.mark.sweep
def test_a_database_that_is_gone_is_named_with_and_without_the_source(story: Story) -> None:
    """Two of nine databases dropped in the clone was fit."""
    yard, source, kept, moment = story
    clone = yard.restored(source, "clone-1", moment)
    run(clone, "DROP DATABASE billing", 'DROP DATABASE "Old Bills; --"')
    found = data(judge(source, clone, moment, baseline=kept).findings)
    assert found["data.databases"].standing is UNFIT
    assert against(found)["data.databases"] == ["Old Bills; --", "billing"]
    alone = data(judge(None, clone, moment, baseline=kept).findings)["data.databases"]
    assert (alone.standing, "billing" in alone.why) == (UNKNOWN, True)
    nobody = data(judge(None, clone, moment).findings)["data.databases"]
    assert nobody.standing is UNKNOWN


CHANGES = {
    "owner": (
        ('CREATE ROLE "other"', f'GRANT "other" TO "{OWNER.username}"', 'ALTER DATABASE audit OWNER TO "other"'),
        (f'ALTER DATABASE audit OWNER TO "{OWNER.username}"', 'DROP ROLE "other"'),
    ),
    "connections": (("ALTER DATABASE audit CONNECTION LIMIT 7",), ("ALTER DATABASE audit CONNECTION LIMIT -1",)),
    "privileges": (("REVOKE TEMP ON DATABASE audit FROM PUBLIC",), ("GRANT TEMP ON DATABASE audit TO PUBLIC",)),
    "name": (("ALTER DATABASE audit RENAME TO audited",), ("ALTER DATABASE audited RENAME TO audit",)),
    "extra": (("CREATE DATABASE more",), ("DROP DATABASE more",)),
}


@pytest.mark.sweep
def test_a_database_that_is_otherwise_is_found(story: Story) -> None:
    """By the transaction that wrote it, which is the clone's own; each change of one database, and none is excused by others."""
    yard, source, kept, moment = story
    clone = yard.restored(source, "otherwise", moment)
    for change, undo in CHANGES.values():
        run(clone, *change)
        found = data(judge(source, clone, moment, baseline=kept, only=(DATABASE,)).findings)["data.databases"]
        assert found.standing is UNFIT, (change, found)
        run(clone, *undo)
    assert (
        data(judge(source, clone, moment, baseline=kept, only=(DATABASE,)).findings)["data.databases"].standing is FIT
    )


@pytest.mark.sweep
def test_what_the_source_did_to_its_databases_later_is_no_damage(own_story: Story) -> None:
    """The accident itself may be a dropped database; the clone has it, and nothing there is compared with another."""
    yard, source, kept, moment = own_story
    run(source, "DROP DATABASE billing", "ALTER DATABASE audit RENAME TO audited", "CREATE DATABASE later")
    clone = yard.restored(source, "clone-2", moment)
    outcome = judge(source, clone, moment, baseline=kept, thoroughness=Thoroughness())
    found = data(outcome.findings)
    assert {check: each for check, each in against(found).items() if check != "data.recent"} == {}
    lost = outcome.measured.deltas
    assert "the source has no database" in str(lost["billing"])
    assert isinstance(lost["audit"], Delta), "the same database under its new name"


@pytest.mark.sweep
def test_what_the_source_made_again_later_excuses_no_loss(own_story: Story) -> None:
    """A database or a table that the source made again has few rows, and says nothing of the one that the clone lost rows of."""
    yard, source, kept, moment = own_story
    few = (*MAKING, "DELETE FROM invoices WHERE id > 3")
    run_in(source, "billing", f'DROP DATABASE "{DATABASE}" WITH (FORCE)', f'CREATE DATABASE "{DATABASE}"')
    run(source, *few, "DROP DATABASE billing", "CREATE DATABASE billing")
    run_in(source, "billing", *few)
    run_in(source, "audit", "DROP TABLE invoices", *few)
    clone = yard.restored(source, "clone", moment)
    quiet = against(data(judge(source, clone, moment, baseline=kept, thoroughness=Thoroughness()).findings))
    assert quiet.keys() <= {"data.recent"}, "no table here has a column of times"
    for name in (DATABASE, "billing", "audit"):
        run_in(clone, name, "DELETE FROM invoices WHERE id > 7")
    outcome = judge(source, clone, moment, baseline=kept, thoroughness=Thoroughness())
    found = data(outcome.findings)["data.rows"]
    lost = {line.database for line in found.details if line.standing is UNFIT}
    assert lost == {DATABASE, "billing", "audit"}, found
    told = {name: str(each) for name, each in outcome.measured.deltas.items()}
    assert all("made its database" in told[name] for name in (DATABASE, "billing"))
    assert outcome.measured.costs, "what was asked of the source is told, also where it has no database to ask any more"


@pytest.mark.sweep
def test_the_witness_of_a_renamed_database_is_the_baseline_of_its_old_name(own_story: Story) -> None:
    """Its baseline was not found under the new name, so that nobody knew anything of it where the source was gone."""
    yard, source, kept, _ = own_story
    run(source, "ALTER DATABASE audit RENAME TO audited")
    moment = source.tick()
    clone = yard.restored(source, "clone", moment)
    found = data(judge(None, clone, moment, baseline=kept, thoroughness=Thoroughness()).findings)
    for check in ("data.columns", "data.catalog", "data.tables", "data.rows"):
        assert found[check].standing is FIT, found[check]


def test_damage_in_any_database_is_found_and_named_with_it(story: Story) -> None:
    """The second database of a cluster was never looked at."""
    yard, source, kept, moment = story
    clone = yard.restored(source, "clone-3", moment)
    run_in(clone, "billing", "TRUNCATE invoices")
    run_in(clone, "audit", "DROP TABLE invoices")
    run_in(clone, "Old Bills; --", "GRANT SELECT ON invoices TO PUBLIC")
    outcome = judge(source, clone, moment, baseline=kept, thoroughness=Thoroughness(depth="full"))
    found = data(outcome.findings)
    lines = against(found)
    assert lines["data.rows"] == ["billing: public.invoices"]
    assert lines["security.grants"][0].startswith("Old Bills; --: relation public.invoices")
    assert found["data.tables"].found.startswith("audit: missing: public.invoices")
    assert verdict_of(outcome.findings).standing is UNFIT


WOUNDS = {
    "table": ("billing", "invoices", Wound(block=0), "data.rows", UNFIT),
    "rows": (OTHERS[1], "invoices", Wound("zero", block=1), "data.rows", UNFIT),
    "index": ("audit", "invoices_pkey", Wound(block=1), "data.index-contents", UNFIT),
    "catalog": ("postgres", "pg_catalog.pg_description", Wound(block=0), "data.catalog", UNKNOWN),
    "catalog of relations": ("billing", "pg_catalog.pg_constraint", Wound(block=0), "data.constraints", UNKNOWN),
}
"""Pages that a failing disk or a lost write left in other databases than the first: the check that must say so, and how."""


@pytest.mark.sweep
@pytest.mark.parametrize("which", WOUNDS)
def test_a_damaged_page_in_any_database_is_named_with_it(story: Story, which: str) -> None:
    """What the first database shows says nothing of the others' files."""
    yard, source, kept, moment = story
    database, relation, wound, check, standing = WOUNDS[which]
    clone = yard.restored(source, f"clone-{which.replace(' ', '-')}", moment)
    clone.spoil(database, relation, wound)
    found = data(judge(source, clone, moment, baseline=kept, thoroughness=Thoroughness()).findings)
    assert found[check].standing is standing, found[check]
    lines = [line for line in found[check].details if line.standing is standing]
    if which == "catalog of relations":  # nothing can be listed there
        assert (lines, "billing said no: invalid page" in found[check].why) == ([], True)
    else:
        assert {line.database for line in lines} == {database}, found[check]
    others = {line.database for each in found.values() for line in each.details if line.standing in (UNFIT, UNKNOWN)}
    assert others <= {database, ""}, "the others are not accused"


@pytest.mark.sweep
def test_a_database_that_cannot_be_entered_is_unknown_by_name(own_story: Story) -> None:
    """And no other check claims anything of it."""
    yard, source, _, moment = own_story
    run(source, "CREATE ROLE gatekeeper", f'GRANT gatekeeper TO "{OWNER.username}"')
    run(source, "REVOKE CONNECT ON DATABASE audit FROM PUBLIC", "ALTER DATABASE audit OWNER TO gatekeeper")
    run(source, f'REVOKE gatekeeper FROM "{OWNER.username}"')
    clone = yard.restored(source, "clone-4", source.tick())
    found = data(judge(source, clone, moment).findings)
    assert against(found)["data.databases"] == ["audit"]
    assert "permission denied" in found["data.databases"].why
    assert [line for line in found["data.indexes"].details if line.name == "audit"] == [
        Detail(name="audit", standing=LEFT_OUT, found="not entered", why=found["data.indexes"].details[-1].why)
    ]


@pytest.mark.sweep
def test_what_is_limited_says_so(story: Story) -> None:
    """``only`` limits; a database that the configuration names and nobody has is missing."""
    yard, source, kept, moment = story
    clone = yard.restored(source, "clone-5", moment)
    run_in(clone, "audit", "TRUNCATE invoices")
    narrow = data(judge(source, clone, moment, baseline=kept, only=("billing",)).findings)
    assert against(narrow) == {}
    names = {line.name for line in narrow["data.databases"].details if line.standing is LEFT_OUT}
    assert names == {DATABASE, "audit", "Old Bills; --", "postgres"}
    out = {"audit": DatabaseTarget(is_left_out=True), "gone": DatabaseTarget()}
    wide = data(judge(source, clone, moment, baseline=kept, databases=out).findings)
    assert against(wide) == {"data.databases": ["gone"]}


@pytest.mark.sweep
def test_expectations_checks_and_waivers_are_of_their_database(story: Story) -> None:
    """What stands at the top speaks of the database that is entered first."""
    yard, source, _, moment = story
    clone = yard.restored(source, "clone-6", moment)
    asked = SqlCheck(name="all billed", sql="select count(*) from invoices", expect="= 500")
    billing = DatabaseTarget(tables={"public.invoices": Expectation(min_rows=501)}, checks=(asked,))
    waiver = Waiver(check="data.rows", table="public.invoices", by="jo", why="it is being filled")
    how, only = Thoroughness(), (DATABASE, "billing")
    found = judge(source, clone, moment, databases={"billing": billing}, thoroughness=how, only=only).findings
    by_check = {each.check: each for each in found}
    assert by_check["data.rows"].standing is UNFIT
    assert by_check["data.rows"].found.startswith("billing: ")
    assert by_check["owner.billing: all billed"].standing is FIT
    first = judge(source, clone, moment, databases={"billing": billing}, thoroughness=how, only=only, waivers=(waiver,))
    assert data(first.findings)["data.rows"].standing is UNFIT, "a waiver of another database"
    for waived in (
        {
            "databases": {
                "billing": billing.model_copy(update={"waivers": (waiver.model_copy(update={"table": None}),)})
            }
        },
        {
            "databases": {"billing": billing},
            "waivers": (waiver.model_copy(update={"table": None, "is_for_all": True}),),
        },
    ):
        done = data(judge(source, clone, moment, thoroughness=how, only=only, **waived).findings)["data.rows"]
        assert done.standing is Standing.WAIVED
        assert done.why.startswith("jo: it is being filled")


def test_a_baseline_holds_every_database_and_names_those_that_it_could_not_enter(story: Story) -> None:
    """Each at an instant of its own; the whole stands for the last."""
    _, source, kept, _ = story
    assert [each.database for each in kept.databases] == [DATABASE, *sorted(OTHERS), "postgres"]
    assert kept.stands_for == max(each.stands_for for each in kept.databases)
    assert kept.is_whole
    assert Baseline.model_validate_json(kept.canonical()) == kept
    assert source is not None


@pytest.mark.sweep
def test_what_does_not_fit_into_the_time_is_named_beforehand_and_left_out(story: Story) -> None:
    """Nothing of it is fit, and nothing of it is unknown either: a person chose the time."""
    yard, source, kept, moment = story
    clone = yard.restored(source, "clone-9", moment)
    said: list[str] = []
    how = Thoroughness(within=timedelta(milliseconds=1))
    found = data(judge(source, clone, moment, baseline=kept, thoroughness=how, announce=said.append).findings)
    assert len(said) == 1
    assert said[0].startswith("4 tables of ")
    assert "do not fit into --within 1 ms and are left out: " in said[0]
    assert "Old Bills; --: public.invoices" in said[0]
    for check in ("data.rows", "data.recent", "data.orphans", "data.index-contents"):
        assert found[check].standing is LEFT_OUT, found[check]
    enough = Thoroughness(within=timedelta(hours=2))
    said.clear()
    whole = judge(source, clone, moment, baseline=kept, thoroughness=enough, announce=said.append)
    assert (said, whole.measured.rows) == ([], 2000)
