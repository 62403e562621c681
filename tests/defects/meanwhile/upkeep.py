"""Stories of a database's upkeep around the moment: tables written anew, copies, labels, passwords, owners, locks, slots, numbers."""

from __future__ import annotations

from typing import Any

import psycopg

from daybreak.model.plan import Plan
from tests.defects.meanwhile.ways import baseline, by_owner, by_staff, made, next_moment, pitr, run, session, tag
from tests.defects.ward import Ward


def kept_up(ward: Ward) -> Plan:
    """Tables are written anew, clustered, indexed anew and analyzed between the baseline and the moment, and after it."""
    name = f"kept_{tag()}"
    for each in (name, f"{name}_log", f"{name}_unlogged", f"{name}_clustered"):
        made(ward, each, rows=3000)
    by_owner(
        ward,
        f"create index {name}_notes on {name} (note text_pattern_ops)",
        f"create index {name}_clustered_notes on {name}_clustered (note)",
        f"alter table {name}_unlogged set unlogged",
    )
    baseline(ward)
    by_owner(ward, *_upkeep(name))
    plan = pitr(ward, "full")
    by_owner(ward, *_upkeep(name), f"delete from {name} where id > 2500", f"vacuum full {name}")
    return plan


def _upkeep(name: str) -> tuple[str, ...]:
    return (
        f"update {name} set n = n + 1 where id % 7 = 0",
        f"vacuum (full, analyze) {name}",
        f"cluster {name}_clustered using {name}_clustered_notes",
        f"reindex table concurrently {name}",
        f"reindex index concurrently {name}_clustered_notes",
        f"reindex table {name}_log",
        f"alter table {name}_log set unlogged",
        f"alter table {name}_log set logged",
        f"alter table {name}_unlogged set logged",
        f"vacuum (freeze, index_cleanup on) {name}_log",
        "analyze",
    )


def upkeep_across(ward: Ward) -> Plan:
    """A table is written anew, and another made unlogged, in transactions that are open at the moment; one index is half built."""
    name = f"under_way_{tag()}"
    for each in (name, f"{name}_log", f"{name}_full"):
        made(ward, each)
    baseline(ward)
    with session(ward) as one, session(ward) as other, session(ward) as reader:
        for statement in (
            "begin",
            f"alter table {name} alter n type bigint",
            f"alter table {name}_log set unlogged",
            f"truncate {name}_full",
            f"insert into {name}_full (note) values ('the only one')",
            f"reindex table {name}_log",
        ):
            one.execute(statement.encode())
        reader.execute(b"begin isolation level repeatable read")
        reader.execute(b"select count(*) from employees")
        other.execute(b"begin")
        other.execute(b"analyze employees, departments, audit_log")
        moment = next_moment(ward)
        for person in (one, other, reader):
            person.execute(b"commit")
    return pitr(ward, "full", to=moment)


def copied(ward: Ward) -> Plan:
    """100,000 rows are copied in before the moment; as many are under way at it, and as many come after it."""
    name = f"copied_{tag()}"
    run(ward, f"create table {name} (id bigint primary key, note text, at timestamptz not null default now())")
    baseline(ward)
    with session(ward) as one:
        _copy(one, name, 0)
        one.execute(b"begin")
        _copy(one, name, 100_000)
        moment = next_moment(ward)
        one.execute(b"commit")
        _copy(one, name, 200_000)
    return pitr(ward, to=moment)


def _copy(connection: psycopg.Connection[Any], table: str, first: int) -> None:
    lines = "".join(f"{number}\tnote {number}\n" for number in range(first, first + 100_000))
    with connection.cursor().copy(f"copy {table} (id, note) from stdin".encode()) as copy:
        copy.write(lines)


def people_and_settings(ward: Ward) -> Plan:
    """Labels are added, settings of database and roles and passwords changed, a role renamed, owned things given to another."""
    name = f"people_{tag()}"
    made(ward, name)
    run(
        ward,
        f"create type {name}_mood as enum ('good', 'bad')",
        f"alter table {name} add mood {name}_mood default 'good'",
    )
    by_owner(
        ward,
        *(f"create role {name}_{each} login password 'first'" for each in ("clerk", "boss", "heir")),
        f"grant {name}_boss, {name}_heir to embi_admin",
        f"grant create on schema public to {name}_boss, {name}_heir",
        f"alter table {name} owner to {name}_boss",
        f"grant select on employees to {name}_clerk",
        f"create function {name}() returns integer language sql as 'select 1'",
        f"alter function {name} owner to {name}_boss",
    )
    baseline(ward)
    by_owner(ward, *_changes(name, "second", "64MB"), f"insert into {name} (note, mood) values ('new', 'second')")
    plan = pitr(ward, "full")
    by_owner(
        ward,
        *_changes(name, "third", "32MB"),
        f"alter role {name}_clerk rename to {name}_scribe",
        f"reassign owned by {name}_boss to {name}_heir",
        f"drop owned by {name}_boss",
        f"drop role {name}_boss",
    )
    return plan


def _changes(name: str, word: str, memory: str) -> tuple[str, ...]:
    return (
        f"alter type {name}_mood add value '{word}' before 'bad'",
        f"alter database embi set maintenance_work_mem to '{memory}'",
        f"alter role {name}_boss in database embi set work_mem to '{memory}'",
        f"alter role {name}_clerk set statement_timeout to '{memory[:2]}s'",
        "set password_encryption to 'md5'" if word == "third" else "set password_encryption to 'scram-sha-256'",
        f"alter role {name}_clerk password '{word}' valid until '2099-01-01'",
    )


def locks_and_slots(ward: Ward) -> Plan:
    """Advisory locks and rows' locks are held at the moment, and a subscriber reads a publication through a slot."""
    name = f"locked_{tag()}"
    made(ward, name)
    run(ward, f"create publication {name} for table {name}, departments (id, name) where (id > 2)")
    by_staff(ward, f"select pg_create_logical_replication_slot('{name}', 'pgoutput')")
    baseline(ward)
    with session(ward) as holder, session(ward) as other:
        holder.execute(b"select pg_advisory_lock(4711), pg_advisory_lock_shared(7, 8)")
        holder.execute(b"begin")
        holder.execute(b"select pg_advisory_xact_lock(12)")
        holder.execute(f"lock table {name} in share row exclusive mode".encode())
        holder.execute(b"select from employees where id < 300 for update")
        other.execute(b"begin")
        other.execute(b"select from departments for key share")
        other.execute(b"select from departments where id < 5 for share")
        work_by_others = f"select count(*) from pg_logical_slot_get_binary_changes('{name}', null, null, 'proto_version', '1', 'publication_names', '{name}')"
        by_staff(ward, work_by_others)
        run(ward, f"alter publication {name} add table currencies", "insert into audit_log (what) values ('locked')")
        plan = pitr(ward, "full")
        other.execute(b"commit")
        holder.execute(b"commit")
    by_staff(ward, work_by_others, f"select pg_drop_replication_slot('{name}')")
    run(ward, f"drop publication {name}")
    return plan


def sequences_apart(ward: Ward) -> Plan:
    """Sequences that feed no column, were never called, were set without being called, or end; they go on before and after."""
    name = f"apart_{tag()}"
    run(
        ward,
        *(f"create sequence {name}_{each}" for each in ("never", "set", "alone", "later", "restarted", "typed")),
        f"create sequence {name}_ring minvalue 1 maxvalue 7 cycle",
        f"create sequence {name}_end maxvalue 40",
        f"create sequence {name}_down increment -3 cache 10",
        f"create table {name} (id bigint primary key, other bigint)",
        f"alter sequence {name}_typed owned by {name}.other",
        f"insert into {name} values (900000, 900000)",
        f"select setval('{name}_set', 500, false)",
        f"select setval('{name}_end', 40)",
        *_draw(name),
    )
    baseline(ward)
    run(ward, *_draw(name), f"select setval('{name}_set', 700, false)", f"alter sequence {name}_typed as integer")
    plan = pitr(ward)
    run(
        ward,
        *_draw(name),
        f"select nextval('{name}_never'), nextval('{name}_set')",
        f"alter sequence {name}_restarted restart",
        f"alter sequence {name}_alone increment 100",
        f"alter sequence {name}_later rename to {name}_latest",
    )
    return plan


def _draw(name: str) -> tuple[str, ...]:
    drawn = ", ".join(f"nextval('{name}_{each}')" for each in ("alone", "restarted", "ring", "down"))
    return (f"select {drawn} from generate_series(1, 45)",)
