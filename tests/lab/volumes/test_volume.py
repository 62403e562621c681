"""A volume lives, is restored, copied and retired like a cluster's storage, on every PostgreSQL of the machine."""

from __future__ import annotations

import os
import signal
import socket
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from daybreak.errors import Failed, Refused
from daybreak.lab.volumes.serving import Listen
from daybreak.lab.volumes.volume import Volume, copy_snapshot
from tests.lab.volumes.fix_volumes import OWNER, Yard, a_port, answer, authority, login, run

ROWS = "select count(*) from orders"


def with_orders(yard: Yard, name: str = "source", **parameters: str) -> Volume:
    """A running volume with ten orders."""
    volume = yard.started(yard.create(name), **parameters)
    run(
        volume,
        "create table orders (id serial primary key, note text)",
        "insert into orders (note) select generate_series(1, 10)",
    )
    return volume


def bytes_written(volume: Volume) -> tuple[int, int]:
    """How many files the archive holds, and where the log ends."""
    files = len(list((volume.place / "backups" / "wal").iterdir()))
    return files, (volume.place / "backups" / "reached").stat().st_size


@pytest.mark.sweep
def test_every_postgresql_of_the_machine_restores_and_copies(newest_yard: Yard) -> None:
    """The lab must answer for whatever PostgreSQL a machine has."""
    volume = with_orders(newest_yard)
    moment = volume.tick()
    run(volume, "delete from orders")
    volume.tick()
    assert answer(newest_yard.restored(volume, "clone", moment), ROWS) == 10
    hot = volume.snapshot(newest_yard.place("hot"))
    volume.stop()
    cold = volume.snapshot(newest_yard.place("cold"))
    for name, snapshot in (("from-hot", hot), ("from-cold", copy_snapshot(cold, newest_yard.place("other region")))):
        copy = newest_yard.started(Volume.from_snapshot(snapshot, newest_yard.place(name), newest_yard.install))
        assert answer(copy, ROWS) == 0
        assert answer(copy, "select version()").startswith(f"PostgreSQL {newest_yard.install.version}")


def test_the_master_is_nearly_everything_but_no_superuser(yard: Yard) -> None:
    """Software that works only for superusers must fail in the lab as it does on Aurora."""
    volume = with_orders(yard)
    query = "select rolsuper, rolcreatedb, rolcreaterole, rolreplication, pg_has_role('rds_superuser', 'member') from pg_roles"
    with login(volume) as session:
        facts = session.execute(f"{query} where rolname = current_user".encode()).fetchone()
    assert facts == (False, True, True, True, True)
    with pytest.raises(psycopg.OperationalError):
        login(volume, database="rdsadmin")
    run(volume, "set session_replication_role = replica", "create role app login", "create database other")


@pytest.mark.sweep
def test_restores_of_restores_keep_their_own_windows(yard: Yard) -> None:
    """A clone is restored again when the first moment was chosen badly."""
    source = with_orders(yard)
    first = source.tick()
    run(source, "insert into orders default values")
    source.tick()
    clone = yard.restored(source, "clone", first)
    run(clone, "delete from orders where id > 3")
    second = clone.tick()
    run(clone, "delete from orders")
    clone.tick()
    assert answer(yard.restored(clone, "clone of clone", second), ROWS) == 3
    assert clone.window[0] > source.window[0]


def test_a_moment_outside_the_window_is_refused_and_leaves_nothing(yard: Yard) -> None:
    """A restore to another moment than the one asked for is worse than none."""
    volume = with_orders(yard)
    latest = volume.tick()
    earliest, _ = volume.window
    for moment in (earliest - timedelta(microseconds=1), latest + timedelta(seconds=1), latest.replace(tzinfo=None)):
        with pytest.raises(Refused):
            volume.restore(yard.place("clone"), moment)
        assert not yard.place("clone").exists()


def test_idle_ticks_move_the_window_without_writing(yard: Yard) -> None:
    """A lab left alone over the weekend must not fill the disk, and its window must not fall behind."""
    volume = with_orders(yard)
    before = volume.tick()
    written = bytes_written(volume)
    for _ in range(100):
        latest = volume.tick()
    assert bytes_written(volume) == written
    assert latest > before
    assert answer(yard.restored(volume, "clone", latest), ROWS) == 10


@pytest.mark.sweep
def test_a_commit_between_idle_ticks_is_not_taken_for_idleness(yard: Yard) -> None:
    """The shortcut for idle clusters must never lose a row."""
    volume = with_orders(yard)
    with login(volume) as late:
        late.autocommit = False
        late.execute("insert into orders default values")
        volume.tick()
        volume.tick()
        late.commit()
    assert answer(yard.restored(volume, "before", volume.window[1]), ROWS) == 10
    assert answer(yard.restored(volume, "after", volume.tick()), ROWS) == 11
    volume.tick()
    run(volume, "insert into orders default values")
    assert answer(yard.restored(volume, "later", volume.tick()), ROWS) == 12


@pytest.mark.sweep
def test_a_stopped_and_a_retired_volume_can_still_be_restored(yard: Yard) -> None:
    """A deleted cluster whose backups were kept is one of the sources of a restore."""
    volume = with_orders(yard)
    volume.stop()
    assert answer(yard.restored(volume, "from stopped"), ROWS) == 10
    volume.retire(keep_backups=True)
    assert volume.retired
    assert answer(yard.restored(Volume.open(volume.place, yard.install), "from retired"), ROWS) == 10
    with pytest.raises(Refused):
        volume.start(a_port(), {})
    volume.retire(keep_backups=False)
    assert not volume.place.exists()


@pytest.mark.sweep
def test_a_lost_region_loses_what_was_not_published(yard: Yard) -> None:
    """The RPO of a lost region is real only when the last minutes are really gone."""
    volume = with_orders(yard)
    latest = volume.tick()
    run(volume, "insert into orders default values")
    volume.stop(abruptly=True)
    assert volume.window[1] == latest
    assert answer(yard.restored(volume, "clone"), ROWS) == 10
    yard.started(volume)
    assert answer(volume, ROWS) == 11, "the region came back with its data"


@pytest.mark.sweep
def test_purging_forgets_old_moments_and_keeps_the_rest(yard: Yard) -> None:
    """Retention frees the disk and never the base that the oldest kept moment needs."""
    volume = with_orders(yard)
    old = volume.tick()
    run(volume, "insert into orders default values")
    volume.back_up()
    kept = volume.tick()
    run(volume, "insert into orders default values")
    volume.back_up()
    volume.tick()
    bases = volume.place / "backups" / "base"
    assert len(list(bases.iterdir())) == 3
    volume.purge(kept)
    assert len(list(bases.iterdir())) == 2
    assert volume.window[0] == kept
    with pytest.raises(Refused):
        volume.restore(yard.place("too old"), old)
    assert answer(yard.restored(Volume.open(volume.place, yard.install), "oldest", kept), ROWS) == 11


@pytest.mark.sweep
def test_parameters_reach_the_server_and_static_ones_wait(yard: Yard) -> None:
    """A parameter group that changes nothing would make every check of it a lie."""
    volume = with_orders(yard, max_connections="60")
    assert answer(volume, "show max_connections") == "60"
    waiting = volume.apply({"max_connections": "70", "log_statement": "ddl", "rds.logical_replication": "1"})
    assert waiting == {"max_connections", "rds.logical_replication"}
    assert [answer(volume, f"show {name}") for name in ("log_statement", "max_connections", "wal_level")] == [
        *("ddl", "60", "replica")
    ]
    with pytest.raises(Failed, match="work_mem"):
        volume.apply({"work_mem": "a lot"})
    assert answer(volume, "show log_statement") == "ddl", "the old ones stay"
    volume.stop()
    volume.start(a_port(), {"max_logical_replication_workers": "0", "default_transaction_read_only": "on"})
    assert answer(volume, "show max_logical_replication_workers") == "0"
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        run(volume, "insert into orders default values")
    assert volume.tick() == volume.window[1], "the lab's own heartbeat is not held up"


def test_a_server_that_cannot_start_says_why(yard: Yard) -> None:
    """An impossible parameter makes Aurora answer 'incompatible-parameters'; the reason must not be lost."""
    volume = yard.create("source")
    with pytest.raises(Failed, match="max_connections"):
        volume.start(a_port(), {"max_connections": "many"})
    assert not volume.running
    yard.started(volume)


def test_a_closed_port_is_not_listened_on(yard: Yard) -> None:
    """A security group without ingress must look as it does on AWS, and opening it must not apply waiting parameters."""
    volume = with_orders(yard)
    volume.apply({"max_connections": "70"})
    assert volume.listen is not None
    volume.listen_at(replace(volume.listen, admitted=()))
    with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
        probe.connect((volume.listen.host, volume.listen.port))
    volume.listen_at(replace(volume.listen, admitted=("127.0.0.1/32",)))
    assert answer(volume, "show max_connections") == "100"
    assert volume.apply({"max_connections": "70"}) == {"max_connections"}


def test_the_password_changes_running_or_stopped_and_is_written_nowhere(yard: Yard) -> None:
    """A rotated secret must open the door, and the old one must not."""
    volume = with_orders(yard, log_statement="all")
    volume.set_master_password("second secret")
    assert answer(volume, ROWS, "second secret") == 10
    volume.stop()
    volume.set_master_password("third secret")
    yard.started(volume, log_statement="all")
    assert answer(volume, ROWS, "third secret") == 10
    with pytest.raises(psycopg.OperationalError):
        login(volume)
    written = [volume.log, volume.place / "volume.json", *volume.place.glob("data/*.conf")]
    assert not [file for file in written if "secret" in file.read_text()]


@pytest.mark.sweep
def test_half_a_restore_of_a_dead_process_is_started_over(yard: Yard) -> None:
    """A lab that was killed in the middle of a restore does it again, in the same place."""
    volume = with_orders(yard)
    volume.tick()
    place = yard.place("clone")
    (place / "data" / "base").mkdir(parents=True)
    (place / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n{place / 'data'}\n")
    (place / "data" / "base" / "junk").write_text("half")
    assert not Volume.exists(place)
    clone = yard.restored(volume, "clone")
    assert Volume.exists(place)
    assert answer(clone, ROWS) == 10
    with pytest.raises(Refused):
        volume.restore(place, None)
    assert answer(clone, ROWS) == 10, "a running clone is not wiped"


def test_nothing_is_left_when_a_volume_stops(yard: Yard) -> None:
    """A hundred tests must not leave a hundred folders of sockets."""
    volume = with_orders(yard)
    sockets = volume._node.sockets
    assert sockets.stat().st_mode & 0o077 == 0
    assert len(os.fsencode(sockets / ".s.PGSQL.65535.lock")) < 100
    volume.stop()
    assert not sockets.exists()
    volume.stop()
    volume.retire(keep_backups=True)
    assert sorted(file.name for file in volume.place.iterdir()) == ["backups", "volume.json"]


def test_a_killed_server_is_noticed_and_started_again(yard: Yard) -> None:
    """What an operating system's out-of-memory killer does to a server must not end its volume."""
    volume = with_orders(yard)
    assert volume._node._process is not None
    volume._node._process.send_signal(signal.SIGKILL)
    volume._node._process.wait()
    assert not volume.running
    yard.started(volume)
    assert answer(volume, ROWS) == 10
    assert volume.tick() > datetime.now(UTC) - timedelta(minutes=1)


@pytest.mark.sweep
def test_restores_run_side_by_side_while_the_window_moves(yard: Yard) -> None:
    """Several people restore at once, and nobody waits for the other."""
    volume = with_orders(yard)
    moment = volume.tick()
    done: list[Volume] = []
    threads = [
        threading.Thread(target=lambda n=n: done.append(volume.restore(yard.place(f"c{n}"), moment))) for n in range(4)
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        run(volume, "insert into orders default values")
        volume.tick()
    assert [answer(yard.started(clone), ROWS) for clone in done] == [10] * 4


def test_a_long_log_gets_a_new_base(yard: Yard) -> None:
    """A lab that ran all day must not take minutes to restore."""
    volume = with_orders(yard)
    volume.most_to_replay = 3
    for _ in range(6):
        run(volume, "insert into orders default values")
        volume.tick()
    assert len(list((volume.place / "backups" / "base").iterdir())) == 2


def test_a_place_the_servers_cannot_enter_is_refused(yard: Yard, tmp_path: Path) -> None:
    """PostgreSQL's own words about it are no help."""
    if os.geteuid() != 0:
        pytest.skip("only root lends its servers to another account")
    (tmp_path / "closed").mkdir(mode=0o700)
    with pytest.raises(Refused, match="cannot enter"):
        Volume.create(tmp_path / "closed" / "volume", yard.install, owner=OWNER)


def test_a_port_in_use_is_named(yard: Yard) -> None:
    """Two labs on one machine must not puzzle anybody."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        volume = yard.create("source")
        with pytest.raises(Failed, match="could not"):
            volume.start(Listen("127.0.0.1", taken.getsockname()[1], authority()), {})
