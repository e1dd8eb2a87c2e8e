-- About 230,000 consistent rows in a few seconds, the same ones every time:
--   psql -v ON_ERROR_STOP=1 -f load.sql
-- for a database that has the migrations of prisma/migrations and no rows yet.
\set QUIET on
BEGIN;
SET LOCAL max_parallel_workers_per_gather = 0;
SET LOCAL timezone = 'UTC';
SELECT setseed(0.20260112) \g /dev/null

-- Keys that are the same on every machine.
CREATE FUNCTION pg_temp.key(text, bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS 'SELECT md5($1 || $2)::uuid';

INSERT INTO users (id, email, display_name, preferences, created_at)
SELECT pg_temp.key('user', n), format('user%s@example.com', n), format('Customer %s', n),
       jsonb_build_object('locale', (ARRAY['en', 'de', 'fr', 'ja'])[n % 4 + 1], 'newsletter', n % 3 = 0),
       timestamptz '2026-01-12' + n * interval '1 minute'
  FROM generate_series(1, 2000) n;

-- 2,000 cash accounts, and a second one for every other customer.
INSERT INTO accounts (id, user_id, kind, currency, balance, opened_at)
SELECT pg_temp.key('account', n), pg_temp.key('user', CASE WHEN n <= 2000 THEN n ELSE (n - 2000) * 2 END),
       CASE WHEN n <= 2000 THEN 'CASH' WHEN n % 4 = 0 THEN 'RETIREMENT' ELSE 'MARGIN' END::account_kind,
       (ARRAY['USD', 'EUR', 'GBP'])[n % 3 + 1], round((random() * 250000)::numeric, 8),
       timestamptz '2026-01-13' + n * interval '1 minute'
  FROM generate_series(1, 3000) n;

INSERT INTO instruments (symbol, name, currency, tick_size, attributes)
SELECT format('SYM%s', lpad(n::text, 3, '0')), format('Instrument No. %s', n), (ARRAY['USD', 'EUR', 'GBP'])[n % 3 + 1], 0.01,
       jsonb_build_object('sector', (ARRAY['energy', 'health', 'metals', 'software'])[n % 4 + 1], 'lot', 10 ^ (n % 3))
  FROM generate_series(1, 200) n;

-- Every account trades four instruments. Of 20 orders 9 are filled, 3 partially, 6 new, 2 cancelled.
INSERT INTO orders (id, account_id, instrument_id, side, status, client_ref, quantity, filled_quantity, limit_price, placed_at,
                    expires_at, updated_at)
SELECT pg_temp.key('order', n), pg_temp.key('account', account), (account * 7 + n / 3000 % 4 * 50) % 200 + 1,
       CASE WHEN n % 5 < 3 THEN 'BUY' ELSE 'SELL' END::order_side, status::order_status,
       CASE WHEN n % 10 <> 7 THEN format('web-%s-%s', account, n) END, quantity,
       CASE status WHEN 'FILLED' THEN quantity WHEN 'PARTIALLY_FILLED' THEN quantity / 4 ELSE 0 END,
       CASE WHEN n % 6 <> 0 THEN round((5 + random() * 495)::numeric, 2) END,
       placed_at, placed_at + interval '45 days', placed_at + interval '1 hour'
  FROM (SELECT n, n % 3000 + 1 AS account, (1 + n % 97) * 4 AS quantity,
               timestamptz '2026-01-20' + n * interval '6 minutes' AS placed_at,
               (ARRAY['FILLED', 'FILLED', 'FILLED', 'NEW', 'NEW', 'FILLED', 'FILLED', 'PARTIALLY_FILLED', 'NEW', 'CANCELLED',
                      'FILLED', 'FILLED', 'NEW', 'NEW', 'PARTIALLY_FILLED', 'FILLED', 'FILLED', 'PARTIALLY_FILLED', 'NEW',
                      'CANCELLED'])[n / 7 % 20 + 1] AS status
          FROM generate_series(1, 60000) n) o;

-- A filled order traded twice, a partially filled one once, at fees with all their decimals; every 50th earned a rebate.
INSERT INTO trades (order_id, venue, price, quantity, fee, executed_at)
SELECT o.id, (ARRAY['NYSE', 'XNAS', 'XETR'])[(row_number() OVER w) % 3 + 1], coalesce(o.limit_price, 100) + part * 0.01,
       o.filled_quantity / parts,
       CASE WHEN (row_number() OVER w) % 50 <> 0 THEN round((0.01 + random() * 9.99)::numeric, 8) ELSE 0 END,
       o.placed_at + part * interval '10 minutes'
  FROM (SELECT *, CASE status WHEN 'FILLED' THEN 2 ELSE 1 END AS parts FROM orders WHERE filled_quantity > 0) o
 CROSS JOIN LATERAL generate_series(1, o.parts) part
WINDOW w AS (ORDER BY o.placed_at, part)
 ORDER BY o.placed_at, part;

INSERT INTO positions (account_id, instrument_id, quantity, average_price, updated_at)
SELECT o.account_id, o.instrument_id, sum(CASE o.side WHEN 'BUY' THEN t.quantity ELSE -t.quantity END),
       round(sum(t.price * t.quantity) / sum(t.quantity), 8), max(t.executed_at)
  FROM orders o JOIN trades t ON t.order_id = o.id
 GROUP BY o.account_id, o.instrument_id;

-- 400 ticks an instrument over ten months; every tenth comes from a replay of the exchange's tape.
INSERT INTO price_ticks (instrument_id, ticked_at, bid, ask, source)
SELECT i, timestamptz '2026-01-20' + n * interval '18 hours', price, price + 0.02, CASE WHEN n % 10 = 0 THEN 'REPLAY' ELSE 'LIVE' END
  FROM generate_series(1, 200) i, generate_series(1, 400) n, LATERAL (SELECT round((20 + i + random() * 10)::numeric, 2)) p (price);

INSERT INTO audit_log (table_name, action, row_key, before, after, changed_by, changed_at)
SELECT 'orders', 'UPDATE', id::text, jsonb_build_object('status', 'NEW'), jsonb_build_object('status', status), 'matching',
       updated_at
  FROM orders WHERE status IN ('FILLED', 'CANCELLED') AND placed_at >= timestamptz '2026-07-01'
 ORDER BY placed_at;
COMMIT;
ANALYZE users, accounts, instruments, orders, trades, positions, price_ticks, audit_log;
