-- By hand: a view, and a partial index for it.
CREATE INDEX "orders_open_idx" ON "orders"("account_id", "placed_at") WHERE "status" IN ('NEW', 'PARTIALLY_FILLED');

CREATE VIEW "open_orders" AS
SELECT o."id", o."account_id", u."email", i."symbol", o."side", o."status",
       o."quantity" - o."filled_quantity" AS "open_quantity", o."limit_price", o."placed_at", o."expires_at"
  FROM "orders" o
  JOIN "accounts" a ON a."id" = o."account_id"
  JOIN "users" u ON u."id" = a."user_id"
  JOIN "instruments" i ON i."id" = o."instrument_id"
 WHERE o."status" IN ('NEW', 'PARTIALLY_FILLED');

COMMENT ON VIEW "open_orders" IS 'orders that can still trade, with their owner';
