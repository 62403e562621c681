"""A throw-away server: nobody else's, gone with us, and taken up again after a kill."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from psycopg import sql

from daybreak.errors import DaybreakError, Failed, Refused, Unproven, Unreachable
from daybreak.model.trust import Trust
from daybreak.postgres.accounts import account
from daybreak.postgres.address import Address
from daybreak.postgres.installs import ServerPrograms, find_server_programs
from daybreak.postgres.own_server import BOSS, OwnServer, ServerLimits
from daybreak.postgres.scratch_place import list_scratch, make_scratch, scratch_name
from daybreak.postgres.session import Limits, connect
from tests.fix_folders import new_folder

LIMITS = Limits(statement=timedelta(seconds=20), whole=timedelta(seconds=30))
ROOMY = ServerLimits(disk=2 << 30, spare=0)

OWNER = """
import sys, time
from pathlib import Path
from daybreak.postgres.address import Address
from daybreak.postgres.installs import find_server_programs
from daybreak.postgres.own_server import BOSS, OwnServer, ServerLimits
with OwnServer.open(Path(sys.argv[1]), find_server_programs(18), ServerLimits(disk=2 << 30, spare=0)):
    print("up", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for a server, and nothing of it afterwards."""
    made = new_folder("dbown-")
    yield made / "server"
    OwnServer.remove(made / "server")
    shutil.rmtree(made)


def postmaster(folder: Path) -> int:
    """The number of its process."""
    return int((folder / "data" / "postmaster.pid").read_text().split("\n")[0])


def is_alive(pid: int) -> bool:
    """Whether a process runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for_end(pid: int) -> None:
    """Wait until it has ended."""
    until = time.monotonic() + 30
    while is_alive(pid):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_it_is_private_and_ends_with_the_block(folder: Path) -> None:
    """No port, a socket behind a closed door, a password that no file but ours has."""
    with OwnServer.open(folder, find_server_programs(18), ROOMY) as server:
        pid = postmaster(folder)
        with server.reach().session(LIMITS) as session:
            [[addresses, fsync, wal]] = session.ask(
                sql.SQL(
                    "SELECT current_setting('listen_addresses'), current_setting('fsync'), current_setting('wal_level')"
                )
            )
        assert (addresses, fsync, wal) == ("", "off", "minimal")
        address = server.reach().address
        for each in (Path(address.socket), folder, folder / "data"):
            assert stat.S_IMODE(each.stat().st_mode) == 0o700
            assert each.stat().st_uid == account().uid
        assert stat.S_IMODE((folder / "secret").stat().st_mode) == 0o600
        with pytest.raises(Refused, match="another process works"), OwnServer.open(folder, server.programs, ROOMY):
            pass
        Path(address.socket).chmod(0o755)
        with pytest.raises(Unproven, match="folder that others can enter"):
            server.reach("template1").connect(LIMITS)
        Path(address.socket).chmod(0o700)
        tables = f"/proc/{pid}/net/tcp"
        assert Path(tables).exists()
        assert server.reach().login.password not in Path(f"/proc/{pid}/cmdline").read_text()
    assert not is_alive(pid)
    with pytest.raises(Unreachable):
        server.reach().connect(LIMITS)


def test_no_host_leads_to_a_socket(folder: Path) -> None:
    """Whatever AWS or a person names as a host: only an address that was made for a server of ours has a socket."""
    with OwnServer.open(folder, find_server_programs(18), ROOMY) as server:
        ours = server.reach()
        for host in (ours.address.socket, f"@{ours.address.socket}", ours.address.host):
            with pytest.raises(Unreachable):
                connect(Address(host, 5432, "postgres", Trust()), ours.login, LIMITS)


@pytest.mark.sweep
def test_a_role_comes_into_its_own_database_and_no_other(folder: Path) -> None:
    """Two walls: the server's rules of who comes where, and the right to connect."""
    with OwnServer.open(folder, find_server_programs(18), ROOMY) as server:
        place, other = (make_scratch(server.reach(), scratch_name(each * 16)) for each in "ab")
        assert place.open_doors == ()
        for database in ("postgres", "template1", other.name):
            with pytest.raises(DaybreakError):
                place.reach.within(database).connect(LIMITS)
        rules = (folder / "data" / "pg_hba.conf").read_text().splitlines()
        assert [each.split()[:3] for each in rules] == [
            ["local", "all", BOSS], ["local", "sameuser", "all"], ["local", "all", "all"]
        ]  # fmt: skip
        with place.reach.session(LIMITS) as session:
            assert session.ask(sql.SQL("SELECT current_user::text")) == [(place.name,)]
        assert list_scratch(server.reach()) == (place.name, other.name)


@pytest.mark.sweep
def test_after_a_kill_it_is_taken_up_with_what_it_had(folder: Path) -> None:
    """However we end the server ends too, and the next process goes on with its data."""
    programs = find_server_programs(18)
    with OwnServer.open(folder, programs, ROOMY) as server, server.reach().session(LIMITS) as session:
        session.order(sql.SQL("SET default_transaction_read_only = off"))
        session.carry_out("CREATE TABLE public.kept AS SELECT 7 AS a")
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(folder)], stdout=subprocess.PIPE)
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"up\n"
    pid = postmaster(folder)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    with OwnServer.open(folder, programs, ROOMY) as server, server.reach().session(LIMITS) as session:
        assert session.ask(sql.SQL("SELECT a FROM public.kept")) == [(7,)]
        assert postmaster(folder) != pid
    wait_for_end(pid)


def test_it_ends_when_its_keeper_is_killed(folder: Path) -> None:
    """The kernel sees to that, and the next one begins as if nothing was."""
    if sys.platform != "linux":
        pytest.skip("only Linux ends a process with the one that started it")
    programs = find_server_programs(18)
    with OwnServer.open(folder, programs, ROOMY):
        pid = postmaster(folder)
        keeper = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(keeper, signal.SIGKILL)
        wait_for_end(pid)
    with OwnServer.open(folder, programs, ROOMY):
        assert is_alive(postmaster(folder))


@pytest.mark.sweep
def test_its_time_is_bounded(folder: Path) -> None:
    """Nothing is left running that somebody forgot."""
    limits = ServerLimits(disk=2 << 30, spare=0, time=timedelta(seconds=2))
    with (
        pytest.raises(Failed, match="its time is up"),
        OwnServer.open(folder, find_server_programs(18), limits) as server,
        server.reach().session(LIMITS) as session,
    ):
        session.ask(sql.SQL("SELECT pg_catalog.pg_sleep(20)"))


@pytest.mark.sweep
def test_a_disk_that_is_nearly_full_is_left_to_others(folder: Path) -> None:
    """What must stay free is free, or there is no server."""
    free = shutil.disk_usage(folder.parent).free
    limits = ServerLimits(disk=2 << 30, spare=2 * free, time=timedelta(seconds=60))
    with (
        pytest.raises(Failed, match=r"left less than [\d,]+ free"),
        OwnServer.open(folder, find_server_programs(18), limits) as server,
        server.reach().session(LIMITS) as session,
    ):
        session.ask(sql.SQL("SELECT pg_catalog.pg_sleep(20)"))


def test_what_is_not_its_folder_is_not_removed(tmp_path: Path) -> None:
    """A wrong path costs nothing."""
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(Refused, match="is not the folder of a throw-away server"):
        OwnServer.remove(tmp_path)
    assert (tmp_path / "thesis.txt").exists()
    OwnServer.remove(tmp_path / "never")


@pytest.mark.sweep
def test_a_half_made_cluster_is_made_again(folder: Path) -> None:
    """A kill while it was made leaves no trap."""
    with OwnServer.open(folder, find_server_programs(18), ROOMY):
        pass
    (folder / "made").unlink()
    (folder / "data" / "PG_VERSION").unlink()
    with OwnServer.open(folder, find_server_programs(18), ROOMY) as server, server.reach().session(LIMITS) as session:
        assert session.major == 18


def test_programs_are_found_by_what_they_say(tmp_path: Path) -> None:
    """The wanted version, else the next one up; what cannot serve is no find."""
    found = find_server_programs(15)
    assert found.major >= 15
    assert find_server_programs(found.major).major == found.major
    with pytest.raises(
        Refused, match=r"needs the programs of PostgreSQL 99 or later, and on this machine there are: 1"
    ):
        find_server_programs(99)
    with pytest.raises(Refused, match="there are: none"):
        find_server_programs(15, tmp_path)
    assert isinstance(found, ServerPrograms)
    assert found.client("psql").major == found.major
    with pytest.raises(Refused, match="cannot be run"):
        found.client("pg_nothing")
