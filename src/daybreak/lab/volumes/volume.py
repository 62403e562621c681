"""One cluster's storage: a PostgreSQL data directory, its server, and backups that reach any moment of its window.

The law: nothing here knows AWS. Every call blocks until its work is done, and any thread may call it. A place is a volume when
it has a ``volume.json``, which is written last; without one, the next attempt wipes the place.

Where PostgreSQL cannot do what the provider's patched server does, we do the nearest honest thing: the master is no superuser,
but has the ``replication`` attribute; it creates subscriptions from PostgreSQL 16 on.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from daybreak.errors import Bug, Failed, Refused
from daybreak.lab.servers.binaries import Install, give, make_private_folder, refuse_out_of_reach
from daybreak.lab.servers.masters import Master, make_master, set_password
from daybreak.lab.servers.node import STAFF, Node
from daybreak.lab.servers.pages import Wound, wound
from daybreak.lab.servers.settings import carry_over, is_strict, names_given
from daybreak.lab.servers.template import settings_catalog, template
from daybreak.lab.servers.tree import copy_data, copy_whole, remove
from daybreak.lab.volumes import following
from daybreak.lab.volumes.archive import Archive
from daybreak.lab.volumes.bringing import (
    add_cold_base,
    adopt_copy,
    copy_ancestry,
    copy_at_rest,
    delete_data,
    recover,
    rests,
)
from daybreak.lab.volumes.deeds import Hands, carry_out
from daybreak.lab.volumes.heartbeat import Heartbeat
from daybreak.lab.volumes.serving import Listen, alone, close_gate, configuration, leave_gates, open_gate

DOCUMENT = "volume.json"
FORMAT = 1
LOOK_SECONDS = 2.0
"""Real seconds between two looks whether a follower's server still replays: each look is a session."""

_AT_WORK: set[Path] = set()
"""Places whose server this process runs."""


class Volume:
    """A cluster's storage in the folder ``place``: running, stopped, or retired with only its backups left."""

    def __init__(self, place: Path, install: Install, archive: Archive, document: Mapping[str, Any]) -> None:
        self.place = place
        self.install = install
        self._archive = archive
        self._document = dict(document)
        self._node = Node(install, place)
        self._heartbeat = Heartbeat(self._node, archive)
        self._lock = threading.RLock()
        self.most_to_replay = 256  # megabytes of log after which a tick takes a new base backup
        self._listen: Listen | None = None
        self._parameters: dict[str, str] = {}
        self._booted: dict[str, str] = {}
        self._word: str | None = None
        self._next_look = 0.0

    # -- how a volume comes to be --

    @classmethod
    def create(cls, place: Path, install: Install, *, owner: Master, database: str | None = None) -> Volume:
        """Make an empty cluster, stopped. Wipes what a dead attempt left in ``place``; raises `Refused` if it runs now."""
        node = _clear(place, install)
        copied = template(install)
        adopt_copy(copied / "data", node.data)
        archive = Archive.create(place / "backups")
        with alone(node, archive):
            make_master(node, owner, database)
        add_cold_base(node, archive)
        return cls._finish(place, install, archive, {"master": owner.username})

    @classmethod
    def open(cls, place: Path, install: Install) -> Volume:
        """Open the volume that a former process left in ``place`` (running or not), and stop it."""
        if not cls.exists(place):
            raise Refused(f"there is no volume in '{place}'", "create or restore it again")
        document = json.loads((place / DOCUMENT).read_text())
        if document["format"] != FORMAT or document["major"] != install.major:
            raise Refused(f"the volume in '{place}' is of PostgreSQL {document['major']}, not {install.major}")
        volume = cls(place, install, Archive.open(place / "backups"), document)
        if place not in _AT_WORK:
            volume._node.end_leftover()
        return volume

    @classmethod
    def from_snapshot(cls, snapshot: Path, place: Path, install: Install) -> Volume:
        """Make a new volume, stopped, with the content of a snapshot; ``place`` as in `create`."""
        document = json.loads((snapshot / DOCUMENT).read_text())
        if document["major"] != install.major:
            raise Refused(f"the snapshot is of PostgreSQL {document['major']}, not {install.major}")
        node = _clear(place, install)
        adopt_copy(snapshot / "data", node.data)
        recover(node, None)
        archive = Archive.create(place / "backups")
        add_cold_base(node, archive)
        return cls._finish(place, install, archive, document)

    @classmethod
    def follow(cls, leader: Volume, place: Path) -> Volume:
        """Make a new volume, stopped, that follows another one; ``place`` as in `create`. `send` brings it what comes later."""
        node = _clear(place, leader.install)
        archive = Archive.create(place / "backups")
        copy_whole(leader._archive.begin(archive), node.data)
        return cls._finish(place, leader.install, archive, leader._document, follows=True)

    @staticmethod
    def exists(place: Path) -> bool:
        """Whether ``place`` holds a finished volume (also a retired one), so that `open` works."""
        return (place / DOCUMENT).is_file()

    # -- what it is --

    @property
    def running(self) -> bool:
        """Whether the server's process lives; false after it was killed from outside."""
        return self._node.alive

    @property
    def retired(self) -> bool:
        """Whether only the backups are left."""
        return not self._node.data.is_dir()

    @property
    def follows(self) -> bool:
        """Whether it follows another volume, so that nobody writes to it."""
        return bool(self._document.get("follows"))

    @property
    def window(self) -> tuple[datetime, datetime]:
        """The earliest and latest moment that `restore` can reach, both inclusive, in UTC."""
        return self._archive.earliest, self._archive.latest

    @property
    def listen(self) -> Listen | None:
        """Where it last answered; ``None`` when it never did."""
        return self._listen

    @property
    def socket(self) -> Path:
        """The server's own socket."""
        return self._node.socket

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self._node.log

    # -- its server --

    def start(self, listen: Listen, parameters: Mapping[str, str]) -> None:
        """Start the server and wait until it answers; raises `Failed` with the server's last words when it does not."""
        with self._lock:
            if self.retired:
                raise Refused(f"the volume '{self.place.name}' is retired", "restore it to another place")
            if self.running:
                raise Refused(f"the volume '{self.place.name}' runs already", "stop it first")
            self._heartbeat.close()
            self._parameters = dict(parameters)
            self._boot(listen, self._carry_over(parameters))

    def stop(self, *, abruptly: bool = False) -> None:
        """Stop the server, if it runs; ``abruptly`` means as a lost region would: nothing more reaches the backups."""
        with self._lock:
            if self.running and not abruptly and not self.follows:
                self._publish_if_possible()
            self._heartbeat.close()
            self._node.stop(
                abruptly=abruptly
            )  # the gate stays until the server has sent its last bytes to every client
            if self._listen is not None:
                close_gate(self._node, self._listen)
            _AT_WORK.discard(self.place)

    def apply(self, parameters: Mapping[str, str]) -> frozenset[str]:
        """Make these the parameters (all of them, not a difference); return the names of those that wait for a restart.

        Raises `Failed` when the server cannot take a value; then the old ones stay.
        """
        with self._lock:
            listen = self._require_running()
            before = self._carry_over(self._parameters)
            self._write(self._carry_over(parameters))
            wrong = self._ask(
                "select f.name from pg_file_settings f left join pg_settings s on lower(s.name) = lower(f.name)"
                " where f.error is not null and s.context is distinct from 'postmaster'"
            )
            if wrong:
                self._write(before)
                raise Failed(f"the server does not take {', '.join(str(row[0]) for row in wrong)}")
            self._node.reload()
            self._parameters = dict(parameters)
            self._open_gate(listen)
            return names_given(self._pending_parameters(), parameters)

    def listen_at(self, listen: Listen) -> None:
        """Answer new clients at these addresses only, and from the admitted ranges only. Sessions go on, and the server does not notice."""
        with self._lock:
            before, self._listen = self._require_running(), listen
            leave_gates(self._node, before, listen)
            self._open_gate(listen)

    def set_master_password(self, password: str) -> None:
        """Change the master's password; works on a stopped volume as well."""
        with self._lock:
            self._refuse_follower()
            if self.running:
                set_password(self._node, self._document["master"], password)
                return
            if self.retired:
                raise Refused(f"the volume '{self.place.name}' is retired")
            with alone(self._node, self._archive):
                set_password(self._node, self._document["master"], password)

    def administer(self, database: str, statement: str) -> list[tuple[object, ...]]:
        """Run one statement as the provider's staff, who may do nearly everything but run no program; return its rows, if any."""
        with self._staff(database) as session:
            answer = session.execute(statement.encode())
            return list(answer.fetchall()) if answer.description else []

    def do(self, database: str, deed: str, names: Mapping[str, str]) -> None:
        """Do one of `daybreak.lab.volumes.deeds` as the superuser ``rdsadmin``."""
        self._require_running()
        carry_out(deed, Hands(database, self._staff, self._node.connect), names)

    def spoil(self, database: str, relation: str, harm: Wound) -> None:
        """Change a relation's file on disk, as a failing disk might; restarts the server.

        The file's length bounds the page. What ``flip`` does the server notices when it reads the page, in every version, with
        checksums or without.
        """
        with self._lock:
            listen, booted = self._require_running(), dict(self._booted)
            path, origin = (self._file_of(database, name) for name in (relation, harm.origin or relation))
            self.stop()
            try:
                wound(path, harm, origin)
            finally:
                self._boot(listen, booted)

    def _file_of(self, database: str, relation: str) -> Path:
        with self._staff(database) as session:
            row = session.execute("select pg_relation_filepath(%s::text::regclass)", (relation,)).fetchone()
        if row is None or row[0] is None:
            raise Refused(f"'{relation}' has no file of its own")
        return self._node.data / str(row[0])

    # -- its backups --

    def tick(self) -> datetime:
        """Publish a new latest restorable moment and return it; costs one query while no client writes.

        Takes a new base backup now and then, so that no restore replays for long.
        """
        with self._lock:
            if not self.running or self.follows:
                return self._archive.latest
            if self._archive.megabytes_to_replay > self.most_to_replay:
                self.back_up()
            return self._heartbeat.tick()

    def back_up(self) -> datetime:
        """Take a new base backup (running or stopped), so that later restores replay less; return its first moment."""
        with self._lock:
            self._refuse_follower()
            if not self.running:
                return add_cold_base(self._node, self._archive)
            draft = self._archive.draft()
            moment, first, _ = self._copy_at_work(draft)
            self._heartbeat.tick(insist=True)  # only now the log reaches beyond the copy
            self._archive.add(draft, moment, first)
            return moment

    def restore(self, place: Path, moment: datetime | None) -> Volume:
        """Make a new volume, stopped, exact to the commit as of ``moment`` (``None``: the latest); raises `Refused` outside the window."""
        if moment is not None and moment.tzinfo is None:
            raise Refused(f"'{moment.isoformat()}' has no time zone", "say which zone it is in")
        node = _clear(place, self.install)
        try:
            target = self._archive.copy_for(moment, node.data)
        except Refused:
            remove(place)
            raise
        recover(node, target)
        archive = Archive.create(place / "backups")
        add_cold_base(node, archive)
        return self._finish(place, self.install, archive, self._document)

    def snapshot(self, place: Path) -> Path:
        """Copy the present content into ``place`` (running or stopped); wipes half a snapshot found there."""
        with self._lock:
            if self.retired:
                raise Refused(f"the volume '{self.place.name}' is retired", "restore it first")
            self._refuse_follower()
            _start_over(place)
            if self.running:
                _, first, last = self._copy_at_work(place / "data")
                self._heartbeat.wait_for(last)
                self._archive.copy_log(first, last, place / "data" / "pg_wal")
            else:
                if not rests(self._node):
                    with alone(self._node, self._archive):
                        pass  # it replays its own log
                copy_at_rest(self._node, place / "data")
            _write_document(place, self._document)
            return place

    def retire(self, *, keep_backups: bool) -> None:
        """Stop the server and delete the data; with ``keep_backups`` restores still work, without it ``place`` is gone."""
        with self._lock:
            self.stop()
            delete_data(self._node)
            if not keep_backups:
                remove(self.place)

    def purge(self, before: datetime) -> None:
        """Forget the backups that only moments earlier than ``before`` need."""
        self._archive.purge(before)

    # -- its followers --

    def send(self, follower: Volume, until: datetime) -> None:
        """Send a follower the log of every published moment up to ``until``."""
        self._archive.send(follower._archive, until)

    def keep_up(self) -> None:
        """Restart a follower whose server does not replay any more, because its leader's settings have become larger."""
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + LOOK_SECONDS
        with self._lock:
            if self.running and self.follows and self._ask("select pg_get_wal_replay_pause_state()") == [("paused",)]:
                listen, booted = self._require_running(), dict(self._booted)
                self.stop()
                self._boot(listen, booted)

    def hand_over(self, follower: Volume) -> None:
        """Stop, and send a follower all that was ever committed here."""
        with self._lock:
            self.stop()
            if not follower.follows:
                return
            self._archive.send(follower._archive, self._archive.latest)
            following.send_rest(self._node, self._archive, follower._archive)

    def promote(self) -> None:
        """Stop, replay all that has arrived, and follow nobody any more; the window begins anew."""
        with self._lock:
            self.stop()
            if not self.follows:
                return
            following.unmark(self._node)
            recover(self._node, None, self._archive)
            remove(self.place / "backups")
            self._archive = Archive.create(self.place / "backups")
            self._heartbeat = Heartbeat(self._node, self._archive)
            add_cold_base(self._node, self._archive)
            self._document.pop("follows", None)
            _write_document(self.place, self._document)

    # -- how --

    @classmethod
    def _finish(
        cls, place: Path, install: Install, archive: Archive, document: Mapping[str, Any], *, follows: bool = False
    ) -> Volume:
        document = {"format": FORMAT, "major": install.major, "master": document["master"]}
        document |= {"follows": True} if follows else {}
        _write_document(place, document)
        return cls(place, install, archive, document)

    def _refuse_follower(self) -> None:
        if self.follows:
            raise Refused(f"the volume '{self.place.name}' follows another one", "promote it first")

    def _configuration(self, reaching: Mapping[str, str]) -> dict[str, str]:
        usual = configuration(self._archive, reaching)
        return following.settings(self._node, self._archive, usual) if self.follows else usual

    def _carry_over(self, parameters: Mapping[str, str]) -> dict[str, str]:
        """The parameters that reach this server."""
        return carry_over(parameters, settings_catalog(self.install), self.install.libraries)

    def _boot(self, listen: Listen, reaching: Mapping[str, str]) -> None:
        if self._listen is not None:  # a killed server has left its gate open
            close_gate(self._node, self._listen)
        if self.follows:
            following.mark(self._node)
        self._node.start(self._configuration(reaching), port=listen.port)
        try:
            self._open_gate(listen)
        except Failed:
            self._node.stop()
            raise
        _AT_WORK.add(self.place)
        self._listen, self._booted = listen, dict(reaching)

    def _open_gate(self, listen: Listen) -> None:
        open_gate(self._node, listen, strict=is_strict(self._parameters, self.install.major))

    def _write(self, reaching: Mapping[str, str]) -> None:
        self._node.write_settings(self._configuration(reaching))

    def _require_running(self) -> Listen:
        if self._listen is None or not self.running:
            raise Refused(f"the volume '{self.place.name}' does not run", "start it first")
        return self._listen

    def _ask(self, query: str) -> list[tuple[object, ...]]:
        with self._node.connect() as session:
            return list(session.execute(query.encode()).fetchall())

    def _staff(self, database: str) -> psycopg.Connection[tuple[Any, ...]]:
        """A session of the staff, with a password that only this process knows."""
        self._require_running()
        if self._word is None:
            with self._lock:
                word = secrets.token_urlsafe(24)
                set_password(self._node, STAFF, word)
                self._word = word
        return self._node.connect_staff(database, self._word)

    def _pending_parameters(self) -> frozenset[str]:
        return frozenset(str(row[0]) for row in self._ask("select name from pg_settings where pending_restart"))

    def _publish_if_possible(self) -> None:
        try:
            self._heartbeat.tick()
        except (psycopg.Error, Failed):  # stop also a server that cannot commit any more
            self._heartbeat.close()

    def _copy_at_work(self, target: Path) -> tuple[datetime, str, str]:
        """Copy the running server's data; return its first moment, and the first and last piece of log that it needs."""
        with self._node.connect() as session:
            start = session.execute("select pg_walfile_name(pg_backup_start('daybreak', fast => true))").fetchone()
            copy_data(self._node.data, target)
            copy_ancestry(self._node.data, target)
            row = session.execute(
                "select pg_walfile_name(lsn), labelfile, clock_timestamp() from pg_backup_stop(wait_for_archive => false)"
            ).fetchone()
        if start is None or row is None:
            raise Bug("a backup ended without a label")
        last, label, moment = row
        label_file = target / "backup_label"
        label_file.write_text(label)
        label_file.chmod(0o600)
        give(label_file)
        return moment.astimezone(UTC), start[0], last


def copy_snapshot(snapshot: Path, place: Path) -> Path:
    """Copy a snapshot, as between regions; wipes half a copy found in ``place``."""
    _start_over(place)
    copy_whole(snapshot / "data", place / "data")
    _write_document(place, json.loads((snapshot / DOCUMENT).read_text()))
    return place


def _clear(place: Path, install: Install) -> Node:
    """Empty the place. It first ends a dead process's server there, but not one of ours."""
    if place in _AT_WORK:
        raise Refused(f"a server of ours runs in '{place}'", "stop it first")
    refuse_out_of_reach(place)
    node = Node(install, place)
    node.end_leftover()
    _start_over(place)
    return node


def _start_over(place: Path) -> None:
    (place / DOCUMENT).unlink(missing_ok=True)
    remove(place)
    make_private_folder(place)


def _write_document(place: Path, document: Mapping[str, Any]) -> None:
    """Say that a place is finished."""
    draft = place / f"{DOCUMENT}.draft"
    draft.write_text(json.dumps(document))
    draft.replace(place / DOCUMENT)
