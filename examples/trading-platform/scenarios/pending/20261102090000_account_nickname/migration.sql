-- AlterTable
ALTER TABLE "accounts" ADD COLUMN "nickname" VARCHAR(40);
