"""Damage: each way leaves a server that runs and a defect that is really there, else a check that misses it is not wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from daybreak.errors import Refused
from daybreak.lab.company.company import Company
from daybreak.lab.company.names import CLUSTER
from daybreak.lab.servers.pages import Wound
from tests.fix_lab import LabUnderTest, private
from tests.lab.company.fix_damage import Damage
from tests.lab.volumes.fix_volumes import DATABASE, Yard, answer, login, run


@pytest.fixture(scope="module")
def harmed() -> Iterator[LabUnderTest]:
    """A lab whose source may be damaged."""
    with private(speed=6000) as lab:
        yield lab


@pytest.fixture
def damage(harmed: LabUnderTest) -> Damage:
    """Bad intentions towards its one cluster."""
    return Damage(harmed.remote, CLUSTER)


def _asked(lab: LabUnderTest, *statements: str) -> list[tuple[Any, ...]]:
    """What the last statement returns to the owner, in a session of its own."""
    with closing(Company(lab.remote).connect()) as session:
        for statement in statements:
            rows = session.execute(statement.encode())
        return rows.fetchall()


BY_INDEX = ("set enable_seqscan to off", "set enable_bitmapscan to off")


def test_an_index_can_be_made_invalid(harmed: LabUnderTest, damage: Damage) -> None:
    """As after an interrupted build."""
    damage.invalidate_index("employees_by_name")
    query = "select indexrelid::regclass::text from pg_index where not indisvalid"
    assert _asked(harmed, query) == [("employees_by_name",)]
    damage.sql("reindex index employees_by_name")


def test_an_index_can_lack_what_its_table_has(harmed: LabUnderTest, damage: Damage) -> None:
    """The catalog shows nothing; only a look into the index does."""
    change = (
        "update time_entries_2025_04 set worked_on = '2025-04-30' where worked_on = '2025-04-14' and employee_id = 3"
    )
    damage.forget_in_index("time_entries_2025_04_employee_id_worked_on_idx", change)
    question = "select count(*) from time_entries_2025_04 where employee_id = 3 and worked_on = '2025-04-30'"
    assert _asked(harmed, "set enable_indexscan to off", "set enable_bitmapscan to off", question) == [(1,)]
    assert _asked(harmed, *BY_INDEX, question) == [(0,)]
    assert _asked(harmed, "select count(*) from pg_index where not (indisvalid and indisready)") == [(0,)]


def test_an_index_can_be_out_of_order(harmed: LabUnderTest, damage: Damage) -> None:
    """As after a change of the collation's library: entries are there, and not found."""
    damage.disorder_index("audit_log_pkey")
    assert _asked(harmed, "set enable_indexscan to off", "set enable_bitmapscan to off", _FOURTH) == [(1,)]
    assert _asked(harmed, *BY_INDEX, _FOURTH) == [(0,)]


_FOURTH = "select count(*) from audit_log where id = 4"


def test_a_page_can_be_spoiled_and_the_rest_answers(harmed: LabUnderTest, damage: Damage) -> None:
    """The server is back, its table can be read, and whoever reads the index hears of it."""
    damage.spoil("payments_pkey")
    assert _asked(harmed, "select count(*) > 0 from payments where reference like 'PAY%'") == [(True,)]
    with pytest.raises(psycopg.Error, match=r"invalid page|corrupted"):
        _asked(harmed, *BY_INDEX, "select count(*) from payments where id between 1 and 100000")
    with pytest.raises(Refused, match="does not exist"):
        damage.spoil("nothing_of_that_name")
    with pytest.raises(Refused, match="no file"):
        damage.spoil("department_headcount")


def test_what_only_a_superuser_can_leave_behind_is_left_behind(harmed: LabUnderTest, damage: Damage) -> None:
    """A prepared transaction, an old collation, no statistics, a key never validated, a view never filled, an orphan."""
    damage.leave_prepared("left over", "insert into currencies values ('XAU', 'Gold', 2)")
    assert _asked(harmed, "select gid from pg_prepared_xacts") == [("left over",)]
    damage.age_collation()
    assert _asked(harmed, "select datcollversion from pg_database where datname = 'embi'") == [("0.1",)]
    damage.forget_statistics("departments")
    assert _asked(harmed, "select count(*) from pg_stats where tablename = 'departments'") == [(0,)]
    damage.invalidate_foreign_key("salaries_currency_fkey")
    assert _asked(harmed, "select count(*) from pg_constraint where not convalidated") == [(1,)]
    damage.unpopulate("monthly_payroll")
    assert _asked(harmed, "select relispopulated from pg_class where relname = 'monthly_payroll'") == [(False,)]
    damage.orphan("update notes set employee_id = -1 where id = 1")
    assert _asked(harmed, "select count(*) from notes where employee_id = -1") == [(1,)]


def test_statements_are_refused_with_the_servers_own_words(harmed: LabUnderTest, damage: Damage) -> None:
    """A planted defect that was not planted would make a check look blind."""
    with pytest.raises(Refused, match="syntax error"):
        damage.sql("select from where")
    with pytest.raises(Refused, match="not found"):
        Damage(harmed.remote, "nobody").sql("select 1")
    assert damage.sql("select 1, 'a'", "select 2 where false") == [[[1, "a"]], []]


@pytest.mark.sweep
def test_a_spoiled_page_is_noticed_in_every_version(newest_yard: Yard) -> None:
    """With checksums or without, a page whose header is wrong is never read as if nothing were."""
    volume = newest_yard.started(newest_yard.create("spoiled"))
    run(
        volume,
        "create table t (id int primary key, n int)",
        "insert into t select n, n from generate_series(1, 5000) n",
    )
    volume.spoil(DATABASE, "public.t_pkey", Wound())
    assert answer(volume, "select sum(n) from t") == 12502500
    with login(volume) as session, pytest.raises(psycopg.Error, match=r"invalid page|corrupted"):
        session.execute("select n from t where id = 17")
    volume.spoil(DATABASE, "public.t", Wound(block=0))
    with login(volume) as session, pytest.raises(psycopg.Error, match=r"invalid page"):
        session.execute("select sum(n) from t")


def test_a_wound_that_looks_right_is_noticed_by_nobody(newest_yard: Yard) -> None:
    """Rows vanish, come twice or say something else, and the server reads on, checksums or not."""
    volume = newest_yard.started(newest_yard.create("wounded"))
    run(
        volume,
        "create table t (n int, word text)",
        "insert into t select n, 'word ' || n from generate_series(1, 5000) n",
        "create table u as select * from t",
    )
    told = "select word from t where n = 17"
    volume.spoil(DATABASE, "t", Wound("put", old=b"word 17".hex(), new=b"lord 17".hex()))
    assert answer(volume, told) == "lord 17"
    volume.spoil(DATABASE, "t", Wound("copy", block=0, origin="u"))
    assert answer(volume, told) == "word 17"
    volume.spoil(DATABASE, "t", Wound("copy", block=1, page=0))
    assert answer(volume, "select count(*) from t where n = 17") == 2
    volume.spoil(DATABASE, "u", Wound("zero", block=0))
    kept = answer(volume, "select count(*) from u")
    assert 4000 < kept < 5000
    volume.spoil(DATABASE, "u", Wound("cut", block=2))
    assert kept - 600 < answer(volume, "select count(*) from u") < kept
    with pytest.raises(Refused, match="no page holds"):
        volume.spoil(DATABASE, "t", Wound("put", old=b"no such word".hex(), new=b"no such lord".hex()))
    with pytest.raises(Refused, match="not as many"):
        volume.spoil(DATABASE, "t", Wound("put", old=b"word".hex(), new=b"words".hex()))
    assert answer(volume, "select count(*) from u") > 0


def test_aws_can_be_made_to_describe_what_no_call_could_make(harmed: LabUnderTest, damage: Damage) -> None:
    """An unencrypted clone of an encrypted source does not exist, until something goes wrong; only its looks are changed."""
    rds = harmed.client("rds")
    damage.pretend(StorageEncrypted=False)
    (cluster,) = rds.describe_db_clusters(DBClusterIdentifier=CLUSTER)["DBClusters"]
    assert cluster["StorageEncrypted"] is False
    damage.pretend(StorageEncrypted=True)
    with pytest.raises(Refused, match="no Encrypted"):
        damage.pretend(Encrypted=False)
    with pytest.raises(Refused, match="not found"):
        Damage(harmed.remote, "nobody").pretend(StorageEncrypted=False)
