-- A value of each type, and of the types that people make themselves; long values, large objects, columns that are computed.
create schema kinds;
create type kinds.mood as enum ('sad', 'ok', 'it''s 100 % "fine"');
create type kinds.address as (street text, number integer, since date);
create type kinds.house as (place kinds.address, rooms kinds.mood[]);
create type kinds.floats as range (subtype = float8, subtype_diff = float8mi);
create type kinds.words as range (subtype = text, collation = "C");
create domain kinds.email as text collate "C" check (value ~ '@') not null default 'nobody@example.com';
create domain kinds.short_email as kinds.email check (length(value) < 60);
create domain kinds.moods as kinds.mood[] check (cardinality(value) < 5);
create domain kinds.home as kinds.house;

create table kinds.numbers (
    id integer primary key, small smallint, whole integer, big bigint, exact numeric, scaled numeric(30, 10), rough real, double double precision,
    cash money, oid oid, xid xid, lsn pg_lsn, yes boolean, bits bit(7), varbits bit varying, char1 "char"
);
insert into kinds.numbers
select n, n % 300, -n, n * 10000000007::bigint, n / 7.0, n / 3.0, n / 3.0, n / 3.0, n::text::money, n, n::text::xid, '0/1'::pg_lsn + n, n % 2 = 0,
       n::bit(7), n::bit(12)::varbit, chr(33 + n % 90)::"char"
from generate_series(1, 300) as n;
insert into kinds.numbers (id, exact, rough, double)
values (1001, 'NaN', '-0', 'NaN'), (1002, '1e-900', 'infinity', '-infinity'), (1003, '1.500', '1e-40', 5e-324);

create table kinds.texts (
    id uuid primary key default gen_random_uuid(), plain text, varying varchar(20), blank char(9), name name, bytes bytea, json json, jsonb jsonb,
    vector tsvector, query tsquery, path jsonpath, mail kinds.email, short kinds.short_email
);
insert into kinds.texts (plain, varying, blank, name, bytes, json, jsonb, vector, query, path)
select E'line\n' || n || E'\t\\ "quoted" ''too'' Ünïcödé ☃ ' || chr(128512), n, 'b' || n, 'n' || n, decode(md5(n::text), 'hex'),
       json_build_object('a', n, 'b', null), jsonb_build_object('z', array[n, null], 'a', 1.50), to_tsvector('simple', 'the fox ' || n),
       plainto_tsquery('simple', 'fox ' || n), '$.a[*] ? (@ > 1)'
from generate_series(1, 300) as n;

create table kinds.times (
    at timestamptz not null, local timestamp, day date, clock time, zoned timetz, exact timestamptz(0), span interval, months interval year to month,
    primary key (at, day)
);
insert into kinds.times
select timestamptz '2024-03-31 00:00:00.000001+00' + n * interval '1 hour', timestamp '2024-03-31 02:30' + n * interval '1 minute', date '0001-01-01' + n,
       time '00:00' + n * interval '1 minute', timetz '23:59:59-12', now(), n * interval '1 day -1 hour', n * interval '1 month'
from generate_series(1, 300) as n;
insert into kinds.times (at, day, local, span)
values ('infinity', '-infinity', 'infinity', '-178000000 years'), ('4713-01-01 00:00+00 BC', '4713-01-01 BC', '294276-12-31', '1 mon -30 days');

create table kinds.shapes (
    id integer generated always as identity primary key, ints integer[], grid integer[][], empty text[] default '{}', lows integer[], mood kinds.mood default 'ok',
    moods kinds.moods, home kinds.home, homes kinds.house[], span int8range, spans nummultirange, floats kinds.floats, words kinds.words, many kinds.words_multirange,
    point point, line line, box box, path path, polygon polygon, circle circle, inet inet, cidr cidr, mac macaddr, mac8 macaddr8,
    relation regclass, type regtype, snapshot pg_snapshot
);
insert into kinds.shapes (ints, grid, lows, moods, home, homes, span, spans, floats, words, many, point, line, box, path, polygon, circle, inet, cidr, mac, mac8, relation, type)
select array[n, null], array[[n, 1], [2, n]], '[0:1]={1,2}', '{sad,ok}', row(row('Way ' || n, n, '2020-01-01')::kinds.address, '{ok}')::kinds.house, array[row(row('a,b', null, null)::kinds.address, '{}')::kinds.house],
       int8range(n, null), nummultirange(numrange(n, n + 1), numrange(n + 2, null)), kinds.floats(n, n + 0.5), kinds.words('a', 'b' || n), '{[a,b),[c,d]}',
       point(n, -0.0), '{1,2,3}', box(point(0, 0), point(n, n)), '[(0,0),(1,1)]', '((0,0),(1,1),(1,0))', circle(point(n, n), 2), '::1', '10.0.0.0/8',
       '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', 'kinds.numbers', 'kinds.mood'
from generate_series(1, 200) as n;
insert into kinds.shapes default values;
create index shapes_by_mood on kinds.shapes (mood, moods);
create index shapes_by_home on kinds.shapes (home);
create index shapes_by_ints on kinds.shapes (ints, span);
create unique index texts_by_mail on kinds.texts (id, mail);

create table kinds.computed (
    id bigint generated always as identity (start with 10 increment by 5) primary key, net numeric not null, tax numeric not null default 0.2,
    gross numeric generated always as (net * (1 + tax)) stored, label text generated always as (upper('no. ' || net::text)) stored unique
);
insert into kinds.computed (net) select n + 0.25 from generate_series(1, 300) as n;
create index computed_by_gross on kinds.computed (gross desc) include (label);
do $$
begin
    if current_setting('server_version_num')::int >= 180000 then
        execute 'alter table kinds.computed add column half numeric generated always as (net / 2) virtual';
        execute 'alter table kinds.computed add column same numeric generated always as (net) virtual not null check (same > 0)';
        execute 'create table kinds.all_virtual (id integer primary key, twice integer generated always as (id * 2) virtual)';
        execute 'insert into kinds.all_virtual (id) select generate_series(1, 50)';
    end if;
end $$;

-- Long values in each way of storing them, one of 2 MB; equal ones, and some that compress well.
create table kinds.long (id integer primary key, extended text, external text, main text, packed text compression pglz, document jsonb, bytes bytea);
alter table kinds.long alter external set storage external, alter main set storage main;
insert into kinds.long
select n, repeat('extended ' || n, 900), repeat('external ' || n, 500), repeat('main ' || n, 700), repeat('packed ', 2000),
       jsonb_build_object('text', repeat('d' || n, 3000)), decode(repeat(md5(n::text), 300), 'hex')
from generate_series(1, 40) as n;
insert into kinds.long (id, external, bytes) select 1001, string_agg(md5(g::text), ''), decode(string_agg(md5(g::text), ''), 'hex') from generate_series(1, 65536) as g;

do $$
begin
    perform lo_from_bytea(0, decode(repeat(md5(n::text), 200), 'hex')) from generate_series(1, 8) as n;
    perform lo_from_bytea(7000001, ''), lo_create(7000002);
    perform lo_put(7000002, 100000, 'behind a hole');
end $$;
grant select on large object 7000001 to embi_reporting;
comment on large object 7000002 is 'has a hole';
create table kinds.scans (id integer primary key, page oid);
insert into kinds.scans select row_number() over (), oid from pg_largeobject_metadata;
analyze kinds.numbers, kinds.texts, kinds.times, kinds.shapes, kinds.computed, kinds.long, kinds.scans;
