-- By hand: the key is an identity (Prisma would make a BIGSERIAL), the rows come from triggers.
CREATE TABLE "audit_log" (
    "id" BIGINT GENERATED ALWAYS AS IDENTITY,
    "table_name" VARCHAR(63) NOT NULL,
    "action" VARCHAR(6) NOT NULL,
    "row_key" TEXT NOT NULL,
    "before" JSONB,
    "after" JSONB,
    "changed_by" VARCHAR(63) NOT NULL DEFAULT CURRENT_USER,
    "changed_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "audit_log_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "audit_log_action_check" CHECK ("action" IN ('INSERT', 'UPDATE', 'DELETE'))
);

-- CreateIndex
CREATE INDEX "audit_log_table_name_row_key_idx" ON "audit_log"("table_name", "row_key");

CREATE FUNCTION "write_audit_log"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  old_row jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
  new_row jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
BEGIN
  INSERT INTO public.audit_log (table_name, action, row_key, before, after)
  VALUES (TG_TABLE_NAME, TG_OP, COALESCE(new_row, old_row) ->> 'id', old_row, new_row);
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION "write_audit_log"() IS 'row trigger: one line in audit_log for each change';

CREATE TRIGGER "orders_audit" AFTER UPDATE OF "status" OR DELETE ON "orders"
  FOR EACH ROW EXECUTE FUNCTION "write_audit_log"();
CREATE TRIGGER "accounts_audit" AFTER UPDATE OR DELETE ON "accounts"
  FOR EACH ROW EXECUTE FUNCTION "write_audit_log"();
