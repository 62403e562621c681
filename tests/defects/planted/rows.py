"""Defects in rows: missing, invented, moved, or no longer what their source still has."""

from __future__ import annotations

from daybreak.model import checks
from tests.defects.planted.how import Planted, by_damage, by_sql

_ODD = '"Odd Schema"."Table ""of"" 100 % odd names"'

_GONE = (
    by_sql("newest row gone", checks.SOURCE_ROWS, "delete from audit_log where id = (select max(id) from audit_log)"),
    by_sql("newest row of a partition gone", checks.SOURCE_ROWS,
           "delete from time_entries_2025_06 where id = (select max(id) from time_entries_2025_06)"),
    by_sql("four percent of a table gone", checks.SOURCE_ROWS, "delete from payments where id % 25 = 0"),
    by_sql("four percent gone, without a key", checks.SOURCE_ROWS, "delete from specimens.readings where extract(second from at)::int % 25 = 3"),
    by_sql("one row gone, without a key", checks.SOURCE_ROWS,
           "delete from specimens.readings where ctid = (select min(ctid) from specimens.readings where sensor = 7)"),
    by_sql("one row gone, under row security", checks.SOURCE_ROWS, "delete from notes where id = 7"),
    by_sql("one row gone, under quoted names", checks.SOURCE_ROWS, f'delete from {_ODD} where "the Key" = 450'),
    by_sql("narrow range of keys gone", checks.SOURCE_ROWS, "delete from payments where id between 1000 and 1010"),
    by_sql("wide range of keys gone", checks.ROWS, "delete from payments where id between 1000 and 1999"),
    by_sql("rows of a partition gone", checks.ROWS, "delete from time_entries_2025_05"),
    by_sql("only row of the default partition gone", checks.ROWS, "delete from time_entries_other"),
    by_sql("one person gone, with cascades", checks.SOURCE_ROWS, "delete from employees where id = 2222"),
    by_sql("one department's people gone, with cascades", checks.ROWS, "delete from employees where department_id = 1"),
    by_sql("payments of one person gone", checks.SOURCE_ROWS, "delete from payments where employee_id = 40"),
    by_sql("table truncated", checks.ROWS, "truncate salaries"),
    by_sql("table truncated, with all that refer to it", checks.ROWS, "truncate employees cascade"),
    by_sql("partition truncated", checks.ROWS, "truncate time_entries_2025_04"),
    by_sql("one row of a static table gone, without a key", checks.ROWS,
           "delete from specimens.keyless where ctid = (select max(ctid) from specimens.keyless)"),
)  # fmt: skip

_INVENTED = (
    by_sql("emptied and filled with as many invented rows", checks.SOURCE_ROWS,
           "create temp table kept as select * from salaries; delete from salaries;"
           " insert into salaries (employee_id, amount, valid_from) select employee_id, 50000, valid_from from kept"),
    by_sql("truncated and filled with as many invented rows", checks.SOURCE_ROWS,
           "create temp table kept as select * from specimens.left_hand; truncate specimens.left_hand;"
           " insert into specimens.left_hand select id, 'nobody', 1 from kept"),
    by_sql("static table doubled under other keys", checks.ROWS, "insert into specimens.twin_one select id + 1000, name, amount from specimens.twin_one"),
    by_sql("table without a key doubled", checks.ROWS, "insert into specimens.keyless select * from specimens.keyless"),
    by_sql("payments doubled with times of today", checks.RECENT, "insert into payments (employee_id, amount, paid_on, reference) select employee_id, amount, paid_on, reference from payments"),
    by_sql("one row too many in a static table", checks.ROWS, "insert into currencies values ('XTS', 'None', 2)"),
    by_damage("second row under a unique index", checks.ROWS, lambda ward: ward.damage.forget_in_index(
        "specimens.texts_by_plain", "insert into specimens.texts (id, plain) values (2001, 'plain 7')")),
    by_damage("second row under a unique index of a table in use", checks.INDEX_CONTENTS, lambda ward: ward.damage.forget_in_index(
        "employees_email_key", "insert into employees (department_id, first_name, last_name, email, title, hired_on)"
        " select department_id, first_name, last_name, email, title, hired_on from employees where id = 9"), depth="full"),
    by_sql("rows moved into a twin", checks.SOURCE_ROWS,
           "with gone as (delete from specimens.left_hand where id > 700 returning *)"
           " insert into specimens.right_hand select id + 1000, name, amount from gone"),
    by_damage("reference to nothing", checks.ORPHANS, lambda ward: ward.damage.orphan("update payments set employee_id = 999999 where id = 11")),
    by_damage("parent gone without its children", checks.ORPHANS, lambda ward: ward.damage.orphan("delete from employees where id = 1234")),
)  # fmt: skip

_CHANGED = (
    by_sql("rows exchanged between twins", checks.SOURCE_ROWS,
           "create temp table l as select * from specimens.left_hand where id < 50;"
           " update specimens.left_hand a set name = b.name, amount = b.amount from specimens.right_hand b where a.id = b.id and a.id < 50;"
           " update specimens.right_hand a set name = l.name, amount = l.amount from l where a.id = l.id"),
    by_sql("rows rolled back to an older version", checks.SOURCE_ROWS,
           "update employees set title = substr(title, 8), updated_at = updated_at - interval '1 hour' where id % 100 = 0 and title like 'Senior %'"),
    by_sql("flags flipped", checks.SOURCE_ROWS, "update employees set is_active = not is_active where id in (17, 18)"),
    by_sql("budgets nulled", checks.SOURCE_ROWS, "update notes set budget = null where id % 2 = 0"),
    by_sql("keys moved", checks.SOURCE_ROWS, "update payments set id = id + 1000000 where id between 50 and 60"),
    by_sql("payments given to somebody else", checks.SOURCE_ROWS, "update payments set employee_id = 41 where employee_id = 40"),
    by_sql("kinds of work changed", checks.SOURCE_ROWS, "update time_entries set kind = 'leave' where employee_id = 12"),
    by_sql("hours scaled in a partition", checks.SOURCE_ROWS, "update time_entries_2025_04 set hours = hours / 2 where employee_id < 100"),
    by_sql("one member of a document changed", checks.SOURCE_ROWS, "update audit_log set detail = jsonb_set(detail, '{rows}', '0') where id = 77"),
    by_sql("days shifted", checks.SOURCE_ROWS, "update payments set paid_on = paid_on - 1 where id % 500 = 0"),
    by_sql("newest time of a static table shifted", checks.RECENT, "update specimens.times set updated_at = updated_at - interval '1 day'"),
)  # fmt: skip

_ON_DISK = (
    by_damage("page zeroed", checks.SOURCE_ROWS, lambda ward: ward.damage.spoil("payments", 3, kind="zero")),
    by_damage("page of people zeroed", checks.ORPHANS,
              lambda ward: ward.damage.spoil("employees", ward.damage.fullest_page("employees"), kind="zero")),
    by_damage("only page of a static table zeroed", checks.ROWS, lambda ward: ward.damage.spoil("currencies", 0, kind="zero")),
    by_damage("end of a file cut off", checks.SOURCE_ROWS, lambda ward: ward.damage.spoil("specimens.readings", 2, kind="cut")),
    by_damage("end of a partition's file cut off", checks.SOURCE_ROWS, lambda ward: ward.damage.spoil("time_entries_2025_05", 1, kind="cut")),
    by_damage("page twice, in an indexed table", checks.INDEX_CONTENTS,
              lambda ward: ward.damage.spoil("payments", 1, kind="copy", page=2), depth="full"),
)  # fmt: skip

IN_ROWS: tuple[Planted, ...] = (
    by_sql("missing table", checks.TABLES, "drop table payments cascade"),
    by_sql("row count low", checks.ROWS, "delete from employees where id > 500"),
    by_sql("rows lost since the baseline", checks.ROWS, "delete from payments where id % 3 = 0"),
    by_sql("row of a static table lost", checks.ROWS, "delete from currencies where code = 'BRL'"),
    by_sql("one row lost", checks.SOURCE_ROWS, "delete from payments where id = (select max(id) from payments)"),
    by_sql("values of two rows swapped", checks.SOURCE_ROWS,
         "update employees e set email = o.email || ' ' from employees o where (e.id, o.id) in ((3, 4), (4, 3))"),
    by_sql("amounts scaled", checks.SOURCE_ROWS, "update salaries set amount = amount * 100 where id % 7 = 0"),
    by_sql("times shifted", checks.SOURCE_ROWS, "update audit_log set at = at - interval '1 hour' where id between 3 and 9"),
    by_sql("one byte of a text", checks.SOURCE_ROWS, "update departments set name = overlay(name placing '_' from 1 for 1) where id = 3"),
    by_sql("newest row too old", checks.RECENT, "update employees set updated_at = updated_at - interval '9 days'"),
    by_sql("newest row after the moment", checks.RECENT, "update employees set updated_at = now() + interval '1 day' where id = 1"),
    by_damage("orphan row", checks.ORPHANS, lambda ward: ward.damage.orphan("delete from departments where id = 3")),
    by_damage("page of a table spoiled", checks.ROWS, lambda ward: ward.damage.spoil("payments")),
    by_damage("long values lost", checks.ROWS, lambda ward: ward.damage.spoil(ward.damage.toast_of("specimens.texts"), 3, kind="zero"), depth="full"),
    *_GONE, *_INVENTED, *_CHANGED, *_ON_DISK,
)  # fmt: skip
"""Rows that are missing, that nobody wrote, or that are not the ones that the source still has."""
