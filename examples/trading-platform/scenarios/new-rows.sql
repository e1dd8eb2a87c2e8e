-- What the new release writes after the deploy: an order with the new column, its trade, a tick.
WITH placed AS (
  INSERT INTO orders (account_id, instrument_id, side, status, quantity, filled_quantity, limit_price, placed_at, time_in_force)
  SELECT account_id, instrument_id, 'BUY', 'FILLED', 10, 10, 42, '2026-12-01 09:00+00', 'IOC'
    FROM positions ORDER BY account_id, instrument_id LIMIT 1
  RETURNING id, instrument_id
), traded AS (
  INSERT INTO trades (order_id, venue, price, quantity, fee, executed_at)
  SELECT id, 'XNAS', 41.5, 10, 1.25, '2026-12-01 09:00:01+00' FROM placed
)
INSERT INTO price_ticks (instrument_id, ticked_at, bid, ask)
SELECT instrument_id, '2026-12-01 09:00:01+00', 41.48, 41.5 FROM placed;
