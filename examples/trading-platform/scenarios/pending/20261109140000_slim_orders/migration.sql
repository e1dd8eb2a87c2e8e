-- CreateEnum
CREATE TYPE "time_in_force" AS ENUM ('DAY', 'GTC', 'IOC');

-- Release 41 stopped reading and writing client_ref two weeks ago. Its unique index goes with it.
-- belay:ignore drop-column no release since 41 uses it, backup is kept for a year
ALTER TABLE "orders" DROP COLUMN "client_ref";

-- AlterTable
ALTER TABLE "orders" ADD COLUMN "time_in_force" "time_in_force" NOT NULL DEFAULT 'DAY';

-- Fees are invoiced in cents. This rounds what is stored, and rewrites the table.
-- belay:ignore type-change-rewrite 65,000 rows take half a second, accounting has signed off on cents
ALTER TABLE "trades" ALTER COLUMN "fee" SET DATA TYPE DECIMAL(12,2);
