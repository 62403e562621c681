-- Tables beside the company's own: a value of each type that a mistake may change, and shapes that a loss may take.
create schema specimens;
create schema "Odd Schema";
do $$
begin
    if exists (select from pg_available_extensions where name = 'citext') then
        create extension if not exists citext schema specimens;
    else
        create domain specimens.citext as text;
    end if;
end $$;
create type specimens.pair as (low integer, high numeric);
create domain specimens.percentage as numeric check (value between 0 and 100);

-- Nobody writes to these: their rows and their content are the baseline's, always.
create table specimens.numbers (
    id integer primary key,
    small smallint,
    whole integer,
    large bigint,
    exact numeric,
    rough real,
    precise double precision
);
insert into specimens.numbers
select n, n % 7, n * 3, n * 1000000007::bigint, n + 0.5, n / 3.0, n / 7.0 from generate_series(1, 400) as n;
insert into specimens.numbers values (1001, 0, 0, -1, 1.50, 0.0, 0.0), (1002, 5, -6, 4294967295, 'NaN', 'infinity', 1e300);

create table specimens.times (
    id integer primary key,
    instant timestamptz,
    local timestamp,
    day date,
    clock time,
    clock_zone timetz,
    span interval,
    updated_at timestamptz not null
);
insert into specimens.times
select n, timestamptz '2024-03-01 12:00+00' + n * interval '7 minutes', timestamp '2024-03-01 09:00' + n * interval '1 hour',
       date '2024-01-01' + n, time '00:00' + n * interval '3 minutes', timetz '06:00+00' + n * interval '1 minute',
       n * interval '90 minutes', timestamptz '2024-03-02 00:00+00' + n * interval '1 minute'
from generate_series(1, 400) as n;
insert into specimens.times values
    (1001, 'infinity', '-infinity', 'infinity', '24:00', '13:00+01', '1 mon', '2024-01-01 00:00+00'),
    (1002, null, null, null, null, null, '24:00:00', '2024-01-01 00:00+00');

create table specimens.texts (
    id integer primary key,
    plain text,
    varying varchar(80),
    blank bpchar,
    fixed char(12),
    folded specimens.citext,
    long text,
    secret bytea,
    token uuid,
    code name
);
alter table specimens.texts alter long set storage external;
insert into specimens.texts
select n, 'plain ' || n, 'varying ' || n, ('blank ' || n)::bpchar, 'fixed ' || n, 'Folded ' || n,
       case when n % 20 = 0 then repeat('long ' || n || ' ', 1200) end, decode(md5(n::text), 'hex'),
       md5('token ' || n)::uuid, 'code_' || n
from generate_series(1, 400) as n;
insert into specimens.texts (id, plain, varying, blank, folded)
values (1001, '', 'ends in blanks  ', 'ends in blanks  ', 'STRASSE'), (1002, 'Zoë', null, null, 'é');
create unique index texts_by_plain on specimens.texts (plain);

create table specimens.documents (id integer primary key, raw json, parsed jsonb, words tsvector, page text);
do $$
begin
    perform '<a/>'::xml;
    alter table specimens.documents alter page type xml using page::xml;
exception when feature_not_supported then
    null;
end $$;
insert into specimens.documents
select n, json_build_object('n', n, 'half', n / 2.0), jsonb_build_object('n', n, 'list', jsonb_build_array(n, n + 1)),
       to_tsvector('english', 'the ' || n || ' quick foxes'), '<page n="1"/>'
from generate_series(1, 300) as n;
insert into specimens.documents values
    (1001, '{"a": 1, "b": 2}', '{"a": 1.0, "b": null}', 'fat:2A cat:3B', '<page><line/></page>'),
    (1002, 'null', 'null', '', null);

create table specimens.shapes (
    id integer primary key,
    numbers integer[],
    words text[],
    span int4range,
    days daterange,
    holidays datemultirange,
    kind work_kind,
    is_open boolean,
    host inet,
    network cidr,
    card macaddr,
    flags varbit,
    place point,
    pair specimens.pair,
    part specimens.percentage
);
insert into specimens.shapes
select n, array[n, n + 1, n + 2], array['a' || n, 'b' || n], int4range(n, n + 10), daterange('2024-01-01', date '2024-01-02' + n),
       datemultirange(daterange('2024-01-01', '2024-01-03'), daterange('2024-05-01', date '2024-05-02' + n)),
       (enum_range(null::work_kind))[1 + n % 4], n % 3 = 0, inet '10.0.0.0' + n, '10.1.0.0/16', '08:00:2b:01:02:03',
       n::bit(12)::varbit, point(n, n / 2.0), row(n, n * 1.50)::specimens.pair, n % 100
from generate_series(1, 300) as n;
insert into specimens.shapes (id, numbers, words, span, place, host, pair, part)
values (1001, '{7,8}', '{x,NULL}', '[1,)', '(0,0)', '10.0.0.1/24', row(1, 1.0), 1.0);

create table specimens.twin_one (id integer primary key, name text not null, amount numeric(12, 2) not null);
create table specimens.twin_two (like specimens.twin_one including all);
insert into specimens.twin_one select n, 'one of ' || n, n * 1.25 from generate_series(1, 600) as n;
insert into specimens.twin_two select n, 'two of ' || n, n * 2.50 from generate_series(1, 600) as n;

create table specimens.keyless (what text not null, how_many integer not null);
insert into specimens.keyless select 'thing ' || n % 50, n % 9 from generate_series(1, 700) as n;

-- Anybody may write to these; since the baseline nobody did.
create table specimens.left_hand (id integer primary key, name text not null, amount numeric(12, 2) not null);
create table specimens.right_hand (like specimens.left_hand including all);
insert into specimens.left_hand select n, 'left ' || n, n * 1.25 from generate_series(1, 800) as n;
insert into specimens.right_hand select n, 'right ' || n, n * 2.50 from generate_series(1, 800) as n;

create table specimens.readings (sensor integer not null, at timestamptz not null, value double precision);
insert into specimens.readings
select n % 40, timestamptz '2024-06-01 00:00+00' + n * interval '1 second', n / 10.0 from generate_series(1, 4000) as n;

create table specimens.letters (sender integer not null, body text not null, scan bytea, long text);
alter table specimens.letters alter long set storage external;
insert into specimens.letters
select n, 'Dear Sir, number ' || to_char(n, 'FM00000'), sha256(n::text::bytea),
       case when n % 100 = 0 then repeat('letter ' || n || ' ', 1000) end
from generate_series(1, 3000) as n;

create table "Odd Schema"."Table ""of"" 100 % odd names" ("the Key" integer primary key, "a Value" text);
insert into "Odd Schema"."Table ""of"" 100 % odd names" select n, 'odd ' || n from generate_series(1, 900) as n;

-- Of each kind of index, among them two that are equal and one in another order than the type's own.
create index texts_hashed on specimens.texts using hash (plain);
create index texts_like on specimens.texts (varying text_pattern_ops);
create index texts_like_too on specimens.texts (varying text_pattern_ops);
create index texts_long on specimens.texts (left(long, 40));
create index documents_parsed on specimens.documents using gin (parsed);
create index documents_words on specimens.documents using gin (words);
create index shapes_span on specimens.shapes using gist (span);
create index shapes_place on specimens.shapes using spgist (place);
create index readings_by_time on specimens.readings using brin (at) with (pages_per_range = 4);

-- A key that no index answers for begins with its day; constraints speak of each row.
create table specimens.happenings (id bigserial, at date not null, what text not null check (what in ('door open', 'door shut')), primary key (at, id))
partition by range (at);
create table specimens.happenings_2024 partition of specimens.happenings for values from ('2024-01-01') to ('2025-01-01');
create table specimens.happenings_rest partition of specimens.happenings default;
insert into specimens.happenings (at, what)
select date '2024-06-01' + n, case when n % 3 = 0 then 'door open' else 'door shut' end from generate_series(1, 400) as n;
-- What no table shows: only a walk of every catalog sees that it is gone.
create aggregate specimens.total (integer) (sfunc = int4pl, stype = integer, initcond = '0');
create operator specimens.=== (function = int4eq, leftarg = integer, rightarg = integer);
create type specimens.tint as enum ('red', 'blue');
create cast (specimens.tint as integer) with inout;
create conversion specimens.to_latin for 'UTF8' to 'LATIN1' from utf8_to_iso8859_1;
create text search configuration specimens.plain_words (copy = simple);
create text search configuration specimens.own_words (copy = simple);
create text search dictionary specimens.own_dictionary (template = simple);
create statistics specimens.together on name, amount from specimens.twin_one;
comment on table specimens.keyless is 'things without a key';
comment on column specimens.keyless.what is 'what it is';
create table specimens.ordered (id integer primary key, a text, b text);
select lo_create(900001), lo_create(900002);
create sequence specimens.invoice_no;
select setval('specimens.invoice_no', 90000);
create table specimens.fed (number integer);
create sequence specimens.fed_numbers owned by specimens.fed.number;
