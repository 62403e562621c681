-- Tables that no key tells apart, that hold nothing, or nothing but NULL.
create schema bare;
create table bare.log (at timestamptz default now(), line text);
insert into bare.log (line) select 'line ' || n % 40 from generate_series(1, 3000) as n;
create table bare.twins (a integer, b text);
insert into bare.twins select 7, 'equal' from generate_series(1, 500);
create table bare.unique_only (a integer unique, b text);
insert into bare.unique_only select nullif(n, 0), 'b' from generate_series(0, 200) as n;
insert into bare.unique_only values (null, 'b'), (null, 'b');
create table bare.empty (id integer primary key, note text);
create table bare.emptied (id serial primary key, note text);
insert into bare.emptied (note) select 'gone' from generate_series(1, 300);
delete from bare.emptied;
create table bare.truncated (id serial, note text, updated_at timestamptz default now());
insert into bare.truncated (note) select 'gone' from generate_series(1, 300);
truncate bare.truncated;
create table bare.nothing (a integer, b text, c timestamptz, d jsonb, e integer[]);
insert into bare.nothing select from generate_series(1, 400);
create index nothing_a on bare.nothing (a);
create index nothing_b on bare.nothing using hash (b);
create index nothing_c on bare.nothing using brin (c);
create index nothing_d on bare.nothing using gin (d);
create table bare.no_columns ();
insert into bare.no_columns select from generate_series(1, 60);
create table bare.dropped (a integer, b text);
insert into bare.dropped select n, 'x' from generate_series(1, 50) as n;
alter table bare.dropped drop column a, drop column b;
create unlogged table bare.cache (key text primary key, value text);
insert into bare.cache select 'k' || n, 'v' from generate_series(1, 200) as n;
create table bare.half (id integer primary key, note text) partition by range (id);
create table bare.half_kept partition of bare.half for values from (0) to (100);
create unlogged table bare.half_unlogged partition of bare.half for values from (100) to (200);
insert into bare.half select n, 'half' from generate_series(1, 199) as n;
do $$
begin
    -- Before 18 a recovery that replays its creation leaves such a sequence unreadable, and the check says so rightly.
    if current_setting('server_version_num')::int >= 180000 then
        create unlogged sequence bare.tickets;
        alter table bare.cache add column n integer default nextval('bare.tickets'), add column id bigint generated always as identity;
    end if;
end $$;
create table bare.dated_nothing (id integer primary key, updated_at timestamptz, created_at date);
insert into bare.dated_nothing (id) select generate_series(1, 100);
do $$
begin
    execute (select 'create table bare.wide (' || string_agg(format('c%s integer default %s', n, n), ', ') || ')' from generate_series(1, 400) as n);
    execute (select 'create table bare.widest (' || string_agg(format('c%s boolean', n), ', ') || ')' from generate_series(1, 1600) as n);
end $$;
insert into bare.wide select from generate_series(1, 20);
insert into bare.widest select from generate_series(1, 20);
