-- Alone in its file: CONCURRENTLY cannot run in a transaction.
-- CreateIndex
CREATE INDEX CONCURRENTLY "trades_executed_at_idx" ON "trades"("executed_at");
