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
