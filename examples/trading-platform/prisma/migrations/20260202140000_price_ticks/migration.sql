-- By hand: Prisma does not know partitioned tables. One partition a quarter; a missing one must not lose ticks.
CREATE TABLE "price_ticks" (
    "instrument_id" INTEGER NOT NULL,
    "ticked_at" TIMESTAMPTZ(3) NOT NULL,
    "bid" DECIMAL(20,8) NOT NULL,
    "ask" DECIMAL(20,8) NOT NULL,
    "source" VARCHAR(12) NOT NULL DEFAULT 'LIVE',

    CONSTRAINT "price_ticks_pkey" PRIMARY KEY ("instrument_id","ticked_at"),
    CONSTRAINT "price_ticks_spread_check" CHECK ("ask" >= "bid")
) PARTITION BY RANGE ("ticked_at");

CREATE TABLE "price_ticks_2026q1" PARTITION OF "price_ticks" FOR VALUES FROM ('2026-01-01 00:00:00+00') TO ('2026-04-01 00:00:00+00');
CREATE TABLE "price_ticks_2026q2" PARTITION OF "price_ticks" FOR VALUES FROM ('2026-04-01 00:00:00+00') TO ('2026-07-01 00:00:00+00');
CREATE TABLE "price_ticks_2026q3" PARTITION OF "price_ticks" FOR VALUES FROM ('2026-07-01 00:00:00+00') TO ('2026-10-01 00:00:00+00');
CREATE TABLE "price_ticks_2026q4" PARTITION OF "price_ticks" FOR VALUES FROM ('2026-10-01 00:00:00+00') TO ('2027-01-01 00:00:00+00');
CREATE TABLE "price_ticks_default" PARTITION OF "price_ticks" DEFAULT;

CREATE INDEX "price_ticks_ticked_at_idx" ON "price_ticks" USING brin ("ticked_at");

-- AddForeignKey
ALTER TABLE "price_ticks" ADD CONSTRAINT "price_ticks_instrument_id_fkey" FOREIGN KEY ("instrument_id") REFERENCES "instruments"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
