-- CreateEnum
CREATE TYPE "order_side" AS ENUM ('BUY', 'SELL');

-- CreateEnum
CREATE TYPE "order_status" AS ENUM ('NEW', 'PARTIALLY_FILLED', 'FILLED', 'CANCELLED', 'EXPIRED');

-- CreateTable
CREATE TABLE "orders" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "account_id" UUID NOT NULL,
    "instrument_id" INTEGER NOT NULL,
    "side" "order_side" NOT NULL,
    "status" "order_status" NOT NULL DEFAULT 'NEW',
    "client_ref" VARCHAR(64),
    "quantity" DECIMAL(20,8) NOT NULL,
    "filled_quantity" DECIMAL(20,8) NOT NULL DEFAULT 0,
    "limit_price" DECIMAL(20,8),
    "placed_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3),
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "orders_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "trades" (
    "id" BIGSERIAL NOT NULL,
    "order_id" UUID NOT NULL,
    "venue" VARCHAR(12) NOT NULL,
    "price" DECIMAL(20,8) NOT NULL,
    "quantity" DECIMAL(20,8) NOT NULL,
    "fee" DECIMAL(20,8) NOT NULL DEFAULT 0,
    "executed_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "trades_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "positions" (
    "account_id" UUID NOT NULL,
    "instrument_id" INTEGER NOT NULL,
    "quantity" DECIMAL(20,8) NOT NULL,
    "average_price" DECIMAL(20,8) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "positions_pkey" PRIMARY KEY ("account_id","instrument_id")
);

-- CreateIndex
CREATE INDEX "orders_instrument_id_placed_at_idx" ON "orders"("instrument_id", "placed_at" DESC);

-- CreateIndex
CREATE UNIQUE INDEX "orders_account_id_client_ref_key" ON "orders"("account_id", "client_ref");

-- CreateIndex
CREATE INDEX "trades_order_id_idx" ON "trades"("order_id");

-- AddForeignKey
ALTER TABLE "orders" ADD CONSTRAINT "orders_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "accounts"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "orders" ADD CONSTRAINT "orders_instrument_id_fkey" FOREIGN KEY ("instrument_id") REFERENCES "instruments"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "trades" ADD CONSTRAINT "trades_order_id_fkey" FOREIGN KEY ("order_id") REFERENCES "orders"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "positions" ADD CONSTRAINT "positions_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "accounts"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "positions" ADD CONSTRAINT "positions_instrument_id_fkey" FOREIGN KEY ("instrument_id") REFERENCES "instruments"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- By hand: Prisma has no checks and no comments.
ALTER TABLE "orders" ADD CONSTRAINT "orders_quantity_check" CHECK ("quantity" > 0 AND "filled_quantity" BETWEEN 0 AND "quantity");
ALTER TABLE "orders" ADD CONSTRAINT "orders_limit_price_check" CHECK ("limit_price" > 0);
ALTER TABLE "trades" ADD CONSTRAINT "trades_price_check" CHECK ("price" > 0 AND "quantity" > 0);

COMMENT ON TABLE "orders" IS 'what a customer asked for; never deleted';
COMMENT ON COLUMN "orders"."client_ref" IS 'reference chosen by the customer, unique within the account';
COMMENT ON COLUMN "trades"."fee" IS 'in the currency of the account; rebates are 0';
