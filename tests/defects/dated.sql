-- Tables whose times are no clock of the last change: dated ahead, without an end, by the clock on a wall, or very old.
create schema dated;
create table dated.appointments (id integer generated always as identity primary key, what text, starts_at timestamptz not null);
insert into dated.appointments (what, starts_at) select 'visit ' || n, now() + (n - 20) * interval '1 day' from generate_series(1, 60) as n;
create table dated.contracts (id integer generated always as identity primary key, party text, valid_until timestamptz not null);
insert into dated.contracts (party, valid_until)
select 'party ' || n, case when n % 3 = 0 then 'infinity' else now() + n * interval '1 week' end from generate_series(1, 60) as n;
create table dated.shifts (id integer generated always as identity primary key, who text, created_at timestamp not null);
insert into dated.shifts (who, created_at)
select 'crew ' || n, (now() - n * interval '1 hour') at time zone 'Asia/Tokyo' from generate_series(1, 60) as n;
create table dated.bills (id integer generated always as identity primary key, amount numeric, due_on date not null);
insert into dated.bills (amount, due_on) select n * 1.10, current_date + n - 30 from generate_series(1, 60) as n;
create table dated.charters (id integer primary key, words text, updated_at timestamptz not null);
insert into dated.charters select n, 'article ' || n, '1999-12-31 23:59+00' from generate_series(1, 20) as n;
-- What ordinary databases have and a check may stumble over: equal indexes, a framework's patterns, a key that begins with its day.
create table dated.happenings (id bigserial, at date not null, what varchar(40) not null, primary key (at, id)) partition by range (at);
create table dated.happenings_now partition of dated.happenings default;
create index happenings_like on dated.happenings (what varchar_pattern_ops);
create index happenings_one on dated.happenings (what);
create index happenings_two on dated.happenings (what);
create index happenings_hashed on dated.happenings using hash (what);
insert into dated.happenings (at, what) select current_date - n, 'what ' || n from generate_series(1, 60) as n;
do $$
begin
    if current_setting('server_version_num')::int >= 180000 then
        execute 'create table dated.rooms (room int4range, valid daterange, primary key (room, valid without overlaps))';
        execute 'create table dated.stays (room int4range, valid daterange,
                 foreign key (room, period valid) references dated.rooms (room, period valid))';
        insert into dated.rooms values ('[1,2)', '[2024-01-01,2024-03-01)'), ('[1,2)', '[2024-03-01,2024-06-01)');
        insert into dated.stays values ('[1,2)', '[2024-02-01,2024-04-01)');
    end if;
end $$;
