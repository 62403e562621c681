"""Defects in rows: missing, invented, moved, or no longer what their source still has."""

from __future__ import annotations

from daybreak.model import checks
from tests.defects.planted.how import Planted, by_damage, by_sql
from tests.defects.rules import HIT_AT_THE_SOURCE, NO_WITNESS_OF_A_TIME, ONLY_THE_SOURCE_KNOWS, WRITTEN_IN_THE_CLONE

_ODD = '"Odd Schema"."Table ""of"" 100 % odd names"'

_GONE = (
    by_sql("newest row gone", checks.SOURCE_ROWS, "delete from specimens.wages_20 where id = (select max(id) from specimens.wages_20)", kind="heap: newest row deleted", line="specimens.wages_20", gone=ONLY_THE_SOURCE_KNOWS),
    by_sql("newest row of a partition gone", checks.SOURCE_ROWS,
           "delete from time_entries_2025_06 where id = (select max(id) from time_entries_2025_06)", kind="heap: newest row deleted", line="public.time_entries_2025_06", damaged=HIT_AT_THE_SOURCE, gone=ONLY_THE_SOURCE_KNOWS),
    by_sql("four percent of a table gone", checks.SOURCE_ROWS, "delete from specimens.wages_5 where id % 25 = 0", kind="heap: rows deleted", line="specimens.wages_5", gone=ONLY_THE_SOURCE_KNOWS),
    by_sql("four percent gone, without a key", checks.SOURCE_ROWS, "delete from specimens.readings where extract(second from at)::int % 25 = 3", kind="heap: rows deleted without a key", line="specimens.readings", gone=ONLY_THE_SOURCE_KNOWS),
    by_sql("one row gone, without a key", checks.SOURCE_ROWS,
           "delete from specimens.readings where ctid = (select min(ctid) from specimens.readings where sensor = 7)", kind="heap: rows deleted without a key", line="specimens.readings", gone=ONLY_THE_SOURCE_KNOWS),
    by_sql("one row gone, under row security", checks.SOURCE_ROWS, "delete from notes where id = 7", kind="heap: rows deleted under row security", line="public.notes", gone=ONLY_THE_SOURCE_KNOWS),
    by_sql("one row gone, under quoted names", checks.SOURCE_ROWS, f'delete from {_ODD} where "the Key" = 450', kind="heap: rows deleted", line="100 % odd names", gone=ONLY_THE_SOURCE_KNOWS),
    by_sql("narrow range of keys gone", checks.SOURCE_ROWS, "delete from specimens.wages_6 where id between 1000 and 1010", kind="heap: rows deleted", line="specimens.wages_6", gone=ONLY_THE_SOURCE_KNOWS),
    by_sql("wide range of keys gone", checks.ROWS, "delete from specimens.wages_7 where id between 700 and 1199", kind="heap: rows deleted", line="specimens.wages_7"),
    by_sql("rows of a partition gone", checks.ROWS, "delete from time_entries_2025_05", kind="heap: rows of a partition deleted", line="public.time_entries_2025_05"),
    by_sql("only row of the default partition gone", checks.ROWS, "delete from time_entries_other", kind="heap: rows of a partition deleted", line="public.time_entries_other"),
    by_sql("one person gone, with cascades", checks.SOURCE_ROWS, "delete from specimens.staff_1 where id = 222", kind="heap: rows deleted with cascades", line="specimens.staff_1", hits=("specimens.wages_1",), gone=ONLY_THE_SOURCE_KNOWS),
    by_sql("one department's people gone, with cascades", checks.ROWS, "delete from specimens.staff_2 where department_id = 1", kind="heap: rows deleted with cascades", line="specimens.staff_2", hits=("specimens.wages_2",)),
    by_sql("payments of one person gone", checks.SOURCE_ROWS, "delete from specimens.wages_8 where employee_id = 40", kind="heap: rows deleted", line="specimens.wages_8", gone=ONLY_THE_SOURCE_KNOWS),
    by_sql("table truncated", checks.ROWS, "truncate specimens.wages_21", kind="pg_class.relfilenode: emptied", line="specimens.wages_21"),
    by_sql("table truncated, with all that refer to it", checks.ROWS, "truncate specimens.staff_3 cascade", kind="pg_class.relfilenode: emptied", line="specimens.staff_3", hits=("specimens.wages_3",)),
    by_sql("partition truncated", checks.ROWS, "truncate time_entries_2025_04", kind="pg_class.relfilenode: emptied", line="public.time_entries_2025_04"),
    by_sql("one row of a static table gone, without a key", checks.ROWS,
           "delete from specimens.keyless where ctid = (select max(ctid) from specimens.keyless)", kind="heap: rows deleted without a key", line="specimens.keyless"),
)  # fmt: skip

_INVENTED = (
    by_sql("emptied and filled with as many invented rows", checks.SOURCE_ROWS,
           "create temp table kept as select * from salaries; delete from salaries;"
           " insert into salaries (employee_id, amount, valid_from) select employee_id, 50000, valid_from from kept", kind="heap: rows invented", line="public.salaries", gone=ONLY_THE_SOURCE_KNOWS),
    by_sql("truncated and filled with as many invented rows", checks.SOURCE_ROWS,
           "create temp table kept as select * from specimens.left_hand_2; truncate specimens.left_hand_2;"
           " insert into specimens.left_hand_2 select id, 'nobody', 1 from kept", kind="heap: rows invented", line="specimens.left_hand_2", gone=ONLY_THE_SOURCE_KNOWS),
    by_sql("static table doubled under other keys", checks.ROWS, "insert into specimens.twin_one_2 select id + 1000, name, amount from specimens.twin_one_2", kind="heap: rows invented", line="specimens.twin_one_2"),
    by_sql("table without a key doubled", checks.ROWS, "insert into specimens.keyless_2 select * from specimens.keyless_2", kind="heap: rows invented", line="specimens.keyless_2"),
    by_sql("payments doubled with times of today", checks.RECENT, "insert into payments (employee_id, amount, paid_on, reference) select employee_id, amount, paid_on, reference from payments", kind="heap: rows invented", line="public.payments", gone=NO_WITNESS_OF_A_TIME),
    by_sql("one row too many in a static table", checks.ROWS, "insert into specimens.keyless_2 values ('one too many', 2)", kind="heap: rows invented", line="specimens.keyless_2"),
    by_damage("second row under a unique index", checks.ROWS, lambda ward: ward.damage.forget_in_index(
        "specimens.texts_by_plain", "insert into specimens.texts (id, plain) values (2001, 'plain 7')"), kind="btree: entry missing", line="specimens.texts"),
    by_damage("second row under a unique index of a table in use", checks.INDEX_CONTENTS, lambda ward: ward.damage.forget_in_index(
        "specimens.staff_9_email_key", "insert into specimens.staff_9 (id, department_id, first_name, last_name, email, title, hired_on)"
        " select 9999, department_id, first_name, last_name, email, title, hired_on from specimens.staff_9 where id = 9"), depth="full", kind="btree: entry missing", line="staff_9_email_key", hits=("specimens.staff_9",)),
    by_sql("rows moved into a twin", checks.SOURCE_ROWS,
           "with gone as (delete from specimens.left_hand where id > 700 returning *)"
           " insert into specimens.right_hand select id + 1000, name, amount from gone", kind="heap: rows moved", line="specimens.left_hand", hits=("specimens.right_hand",), gone=ONLY_THE_SOURCE_KNOWS),
    by_damage("reference to nothing", checks.ORPHANS, lambda ward: ward.damage.orphan("update specimens.wages_12 set employee_id = 999999 where id = 11"), kind="heap: reference to nothing", line="wages_12_of_staff", hits=("specimens.wages_12",)),
    by_damage("parent gone without its children", checks.ORPHANS, lambda ward: ward.damage.orphan("delete from specimens.staff_4 where id = 123"), kind="heap: reference to nothing", line="wages_4_of_staff", hits=("specimens.staff_4", "specimens.wages_4")),
)  # fmt: skip

_CHANGED = (
    by_sql("rows exchanged between twins", checks.SOURCE_ROWS,
           "create temp table l as select * from specimens.left_hand where id < 50;"
           " update specimens.left_hand a set name = b.name, amount = b.amount from specimens.right_hand b where a.id = b.id and a.id < 50;"
           " update specimens.right_hand a set name = l.name, amount = l.amount from l where a.id = l.id", kind="heap: rows moved", line="specimens.left_hand", hits=("specimens.right_hand",), gone=ONLY_THE_SOURCE_KNOWS),
    by_sql("rows rolled back to an older version", checks.SOURCE_ROWS,
           "update employees set title = substr(title, 8), updated_at = updated_at - interval '1 hour' where id % 100 = 0 and title like 'Senior %'", kind="heap: older version of rows", line="public.employees", gone=ONLY_THE_SOURCE_KNOWS),
    by_sql("flags flipped", checks.SOURCE_ROWS, "update specimens.staff_5 set is_active = not is_active where id in (17, 18)", kind="value: boolean", line="specimens.staff_5", gone=ONLY_THE_SOURCE_KNOWS),
    by_sql("budgets nulled", checks.SOURCE_ROWS, "update notes set budget = null where id % 2 = 0", kind="value: domain", line="public.notes", gone=ONLY_THE_SOURCE_KNOWS),
    by_sql("keys moved", checks.SOURCE_ROWS, "update specimens.wages_9 set id = id + 1000000 where id between 50 and 60", kind="value: bigint", line="specimens.wages_9", gone=ONLY_THE_SOURCE_KNOWS),
    by_sql("payments given to somebody else", checks.SOURCE_ROWS, "update specimens.wages_10 set employee_id = 41 where employee_id = 40", kind="value: bigint", line="specimens.wages_10", gone=ONLY_THE_SOURCE_KNOWS),
    by_sql("kinds of work changed", checks.SOURCE_ROWS, "update time_entries_2025_06 set kind = 'leave' where employee_id = 12", kind="value: enum", line="public.time_entries_2025_06", gone=ONLY_THE_SOURCE_KNOWS),
    by_sql("hours scaled in a partition", checks.SOURCE_ROWS, "update time_entries_2025_04 set hours = hours / 2 where employee_id < 100", kind="value: numeric", line="public.time_entries_2025_04", gone=ONLY_THE_SOURCE_KNOWS),
    by_sql("one member of a document changed", checks.SOURCE_ROWS, "update audit_log set detail = jsonb_set(detail, '{rows}', '0') where id = 77", kind="value: jsonb", line="public.audit_log", gone=ONLY_THE_SOURCE_KNOWS),
    by_sql("days shifted", checks.SOURCE_ROWS, "update specimens.wages_11 set paid_on = paid_on - 1 where id % 300 = 0", kind="value: date", line="specimens.wages_11", gone=ONLY_THE_SOURCE_KNOWS),
    by_sql("newest time of a static table shifted", checks.RECENT, "update specimens.times_4 set updated_at = updated_at - interval '1 day'", kind="value: timestamptz", line="specimens.times_4"),
)  # fmt: skip

_ON_DISK = (
    by_damage("page zeroed", checks.SOURCE_ROWS, lambda ward: ward.damage.spoil("specimens.wages_13", 3, kind="zero"), kind="heap page: zeroed", line="specimens.wages_13", gone=ONLY_THE_SOURCE_KNOWS),
    by_damage("page of people zeroed", checks.ORPHANS,
              lambda ward: ward.damage.spoil("specimens.staff_11", ward.damage.fullest_page("specimens.staff_11"), kind="zero"), kind="heap page: zeroed", line="wages_18_of_staff", hits=("specimens.staff_11", "specimens.wages_18")),
    by_damage("only page of a static table zeroed", checks.ROWS, lambda ward: ward.damage.spoil("currencies", 0, kind="zero"), kind="heap page: zeroed", line="public.currencies"),
    by_damage("end of a file cut off", checks.SOURCE_ROWS, lambda ward: ward.damage.spoil("specimens.readings_2", 2, kind="cut"), kind="heap page: cut off", line="specimens.readings_2", gone=ONLY_THE_SOURCE_KNOWS),
    by_damage("end of a partition's file cut off", checks.SOURCE_ROWS, lambda ward: ward.damage.spoil("time_entries_2025_05", 1, kind="cut"), kind="heap page: cut off", line="public.time_entries_2025_05", gone=ONLY_THE_SOURCE_KNOWS),
    by_damage("page twice, in an indexed table", checks.INDEX_CONTENTS,
              lambda ward: ward.damage.spoil("specimens.wages_14", 1, kind="copy", page=2), depth="full", kind="heap page: another page", line="specimens.wages_14"),
)  # fmt: skip

IN_ROWS: tuple[Planted, ...] = (
    by_sql("missing table", checks.TABLES, "drop table specimens.wages_16", kind="pg_class: table", line="specimens.wages_16"),
    by_sql("row count low", checks.ROWS, "delete from specimens.staff_10 where id > 80", kind="heap: rows deleted with cascades", line="specimens.staff_10", hits=("specimens.wages_17",)),
    by_sql("rows lost since the baseline", checks.ROWS, "delete from specimens.wages_15 where id % 3 = 0", kind="heap: rows deleted", line="specimens.wages_15"),
    by_sql("row of a static table lost", checks.ROWS, "delete from currencies where code = 'BRL'", kind="heap: rows deleted", line="public.currencies"),
    by_sql("one row lost", checks.SOURCE_ROWS, "delete from payments where id = (select max(id) from payments)", kind="heap: newest row deleted", line="public.payments", damaged=HIT_AT_THE_SOURCE, gone=ONLY_THE_SOURCE_KNOWS),
    by_sql("values of two rows swapped", checks.SOURCE_ROWS,
         "update specimens.staff_8 e set email = o.email || ' ' from specimens.staff_8 o where (e.id, o.id) in ((3, 4), (4, 3))", kind="value: text", line="specimens.staff_8", gone=ONLY_THE_SOURCE_KNOWS),
    by_sql("amounts scaled", checks.SOURCE_ROWS, "update salaries set amount = amount * 100 where id % 7 = 0", kind="value: numeric", line="public.salaries", gone=ONLY_THE_SOURCE_KNOWS),
    by_sql("times shifted", checks.SOURCE_ROWS, "update audit_log set at = at - interval '1 hour' where id between 3 and 9", kind="value: timestamptz", line="public.audit_log", gone=ONLY_THE_SOURCE_KNOWS),
    by_sql("one byte of a text", checks.SOURCE_ROWS, "update departments set name = overlay(name placing '_' from 1 for 1) where id = 3", kind="value: text", line="public.departments", gone=ONLY_THE_SOURCE_KNOWS),
    by_sql("newest row too old", checks.RECENT, "update specimens.staff_12 set updated_at = updated_at - interval '9 days'", kind="value: timestamptz", line="specimens.staff_12", gone=WRITTEN_IN_THE_CLONE),
    by_sql("newest row after the moment", checks.RECENT, "update employees set updated_at = now() + interval '1 day' where id = 1", kind="value: timestamptz", line="public.employees", gone=NO_WITNESS_OF_A_TIME),
    by_damage("orphan row", checks.ORPHANS, lambda ward: ward.damage.orphan("delete from departments where id = 3"), kind="heap: reference to nothing", line="employees_department_id_fkey", hits=("public.employees", "public.departments")),
    by_damage("page of a table spoiled", checks.ROWS, lambda ward: ward.damage.spoil("specimens.wages_19"), kind="heap page: header", line="specimens.wages_19"),
    by_damage("long values lost", checks.ROWS, lambda ward: ward.damage.spoil(ward.damage.toast_of("specimens.texts_2"), 3, kind="zero"), depth="full", kind="TOAST page: zeroed", line="specimens.texts_2"),
    *_GONE, *_INVENTED, *_CHANGED, *_ON_DISK,
)  # fmt: skip
"""Rows that are missing, that nobody wrote, or that are not the ones that the source still has."""
