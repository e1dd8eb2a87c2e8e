-- Orders whose day has passed were never closed: the job that does it had been off since spring.
UPDATE "orders" SET "status" = 'EXPIRED', "updated_at" = '2026-11-16 10:00:00+00'
 WHERE "status" IN ('NEW', 'PARTIALLY_FILLED') AND "expires_at" < '2026-10-01 00:00:00+00';

-- Replayed ticks of the first half year are in the archive of the exchange.
DELETE FROM "price_ticks" WHERE "source" = 'REPLAY' AND "ticked_at" < '2026-07-01 00:00:00+00';

INSERT INTO "instruments" ("symbol", "name", "currency", "tick_size", "attributes") VALUES
  ('BTC-USD', 'Bitcoin', 'USD', 0.00000001, '{"sector": "crypto"}'),
  ('ETH-USD', 'Ether', 'USD', 0.00000001, '{"sector": "crypto"}'),
  ('SOL-USD', 'Solana', 'USD', 0.00000001, '{"sector": "crypto"}');
