-- What a migration should not look like: every statement here has hurt somebody in production.
CREATE INDEX "trades_venue_idx" ON "trades"("venue");

ALTER TABLE "trades" ADD COLUMN "settlement_id" UUID NOT NULL;

UPDATE "accounts" SET "balance" = round("balance", 2);

ALTER TABLE "users" RENAME COLUMN "display_name" TO "name";

DROP TABLE "positions";
