"""What a restored server says of its first own numbers, on real copies of a real source."""

from __future__ import annotations

import pytest

from daybreak.lab.volumes.volume import Volume
from daybreak.model.birth import Birth
from daybreak.model.trust import Trust
from daybreak.postgres.address import Address
from daybreak.postgres.birth import read_birth, read_fates
from daybreak.postgres.login import Login
from daybreak.postgres.session import Limits, open_session
from tests.lab.volumes.fix_volumes import DATABASE, OWNER, Yard, each_yard, login, pg_installs, run

__all__ = ["each_yard", "pg_installs"]


def _address(volume: Volume) -> Address:
    assert volume.listen is not None
    trust = Trust(tls="verify-full", tls_ca=str(volume.listen.authority.certificate))
    return Address(volume.listen.host, volume.listen.port, DATABASE, trust)


def _birth(volume: Volume) -> Birth:
    with open_session(_address(volume), Login(OWNER.username, OWNER.password), Limits()) as session:
        return read_birth(session)


@pytest.mark.sweep
def test_the_first_answer_names_the_first_own_numbers(each_yard: Yard) -> None:
    """Exactly those: a number too high would take the clone's own work for the source's."""
    volume = each_yard.started(each_yard.create("source"), max_prepared_transactions="4")
    run(volume, "CREATE TABLE t (id int)", "INSERT INTO t VALUES (1)")
    with login(volume) as source:
        source.execute("BEGIN")
        source.execute("INSERT INTO t VALUES (2)")
        source.execute("PREPARE TRANSACTION 'half done'")
        following = source.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint").fetchone()
    moment = volume.tick()
    run(volume, "INSERT INTO t VALUES (3)")
    with login(volume) as source:
        after = source.execute("SELECT xmin::text::bigint FROM t WHERE id = 3").fetchone()
    clone = each_yard.restored(volume, "clone", moment, max_prepared_transactions="4")
    birth = _birth(clone)
    assert following is not None
    assert after is not None
    assert birth.is_exact
    assert birth.prepared == ("half done",)
    assert following[0] <= birth.next_xid <= after[0]
    run(clone, "CREATE TABLE own (id int)")
    with login(clone) as session:
        [(first, written)] = session.execute(
            "SELECT oid::bigint, xmin::text::bigint FROM pg_class WHERE relname = 'own'"
        )
    assert birth.next_oid is not None
    assert first >= birth.next_oid
    assert written >= birth.next_xid


@pytest.mark.sample("newest-on", "oldest-off")
@pytest.mark.parametrize("times", ["on", "off"])
def test_what_became_of_a_transaction_is_what_the_clone_says(each_yard: Yard, times: str) -> None:
    """Rolled back, in flight and prepared were not there; an id that nobody gave out is never asked about."""
    source = each_yard.started(each_yard.create("source"), max_prepared_transactions="4")
    run(source, "CREATE TABLE t (id int)")
    xids = {}
    with login(source) as flying:
        for end in ("COMMIT", "ROLLBACK", "PREPARE TRANSACTION 'half done'", ""):
            flying.execute("BEGIN")
            row = flying.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
            assert row is not None
            xids[end or "flying"] = row[0]
            flying.execute("INSERT INTO t VALUES (1)")
            if end:
                flying.execute(end.encode())
        moment = source.tick()
        flying.execute("COMMIT")
    clone = each_yard.restored(source, "clone", moment, max_prepared_transactions="4", track_commit_timestamp=times)
    birth = _birth(clone)
    run(clone, "INSERT INTO t VALUES (2)")
    with open_session(_address(clone), Login(OWNER.username, OWNER.password), Limits()) as session:
        asked = [*xids.values(), birth.short, birth.short + 1_000_000, 0, 2]
        fates = {fate.xid: fate for fate in read_fates(session, birth, asked, moment)}
    assert {end: fates[xid].status for end, xid in xids.items()} == {
        "COMMIT": "committed",
        "ROLLBACK": "aborted",
        "PREPARE TRANSACTION 'half done'": "in progress",
        "flying": "aborted",
    }
    assert [fates[xid].was_committed for xid in xids.values()] == [True, False, False, False]
    assert fates[2].was_committed
