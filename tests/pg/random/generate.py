"""Random schemas with rows, and random migrations of them."""
import random

from names import ROLES
from rows import Writer
from server import Failed, psql
from world import World

BUILD = {  # how often a schema gets what; tables first, so that the rest finds some
    "create_schema": 3, "create_enum": 4, "create_domain": 2, "create_composite": 1, "create_range": 1, "create_sequence": 2,
    "create_table": 14, "create_partitioned": 4, "create_partition": 8, "create_child": 2, "create_index": 10, "create_view": 7, "create_matview": 2,
    "create_function": 6, "create_trigger": 4, "create_audit_trigger": 1, "create_policy": 2, "create_statistics": 2, "create_rule": 1,
    "create_publication": 1, "create_other": 1, "add_foreign_key": 4, "add_column_and_foreign_key": 6, "add_check": 3, "add_unique": 3,
    "add_exclusion": 1, "add_generated": 2, "alter_column": 5, "alter_table": 4, "owner": 5, "grant": 9, "default_privileges": 2, "comment": 8,
    "sequence_change": 2, "view_change": 1, "domain_change": 1, "large_object": 4,
}
CHANGE = {
    "create_schema": 1, "create_enum": 1, "create_domain": 1, "create_composite": 1, "create_range": 1, "create_sequence": 1, "create_table": 3,
    "create_table_as": 2, "create_table_like": 1, "create_partitioned": 1, "create_partition": 3, "create_child": 1, "create_index": 4,
    "create_view": 3, "create_matview": 1, "replace_view": 2, "create_function": 2, "replace_function": 2, "create_trigger": 2,
    "create_audit_trigger": 1, "create_policy": 1, "create_statistics": 1, "create_rule": 1, "create_publication": 1, "create_other": 1,
    "add_foreign_key": 3, "add_column_and_foreign_key": 3, "add_check": 2, "add_unique": 2, "add_using_index": 2, "add_exclusion": 1,
    "add_primary_key": 2, "drop_constraint": 4, "rename_constraint": 2, "alter_constraint": 2, "validate": 1, "add_column": 6, "add_generated": 2,
    "drop_column": 8, "rename_column": 5, "alter_type": 8, "alter_column": 8, "alter_identity": 2, "alter_table": 5, "switch_trigger": 1,
    "attach_partition": 3, "create_and_attach": 2, "detach_partition": 3, "inherit": 1, "rename": 4, "set_schema": 3, "owner": 3,
    "rename_other": 5, "enum_change": 4, "enum_rebuild": 3, "domain_change": 2, "composite_change": 2, "sequence_change": 3,
    "publication_change": 1, "view_change": 2, "policy_change": 1, "routine_change": 2, "index_change": 2, "grant": 4, "default_privileges": 1,
    "comment": 3, "drop_relation": 6, "drop_other": 6, "insert_rows": 5, "insert_conflict": 1, "insert_select": 4, "update_rows": 8,
    "update_join": 2, "delete_rows": 5, "truncate": 2, "merge": 2, "move_rows": 2, "do_block": 6, "call_function": 2,
    "large_object": 4,
}
TRIES = 12


def roles(database):
    psql(database, "".join(f"DO $$ BEGIN CREATE ROLE {r}; EXCEPTION WHEN duplicate_object THEN NULL; END $$;\n" for r in ROLES))


def statement(maker, session, weights):
    """One statement that the server took, or None. It has run."""
    for _ in range(TRIES):
        maker.world = World(session)
        sql = getattr(maker, maker.rng.choices(list(weights), weights.values())[0])()
        if not sql:
            continue
        try:
            session.run(sql)
            return sql
        except Failed:
            continue
    return None


def schema(session, seed):
    maker = Writer(random.Random(f"schema {seed}"))
    early = {k: BUILD[k] for k in ("create_schema", "create_enum", "create_domain", "create_table", "create_partitioned", "create_function")}
    for i in range(maker.rng.randrange(25, 70)):
        statement(maker, session, early if i < 8 else BUILD)
    for _ in range(2):  # twice: the first time some refer to tables that are still empty
        for table in World(session).tables():
            maker.world = World(session)
            sql = maker.seed(table) if not table.part else None
            if sql:
                try:
                    session.run(sql)
                except Failed:
                    pass
    views = [v for v in World(session).kind("m") if maker.chance(0.5)]
    for view in views * 3:  # one may read another: none must be out of date, for it is filled anew where it is made again
        try:
            session.run(f"REFRESH MATERIALIZED VIEW {view.q}")
        except Failed:
            pass


def migrations(session, seed, numbers):
    """Lists of statements, each over what the earlier ones made. The database stays as it was, but for positions of sequences."""
    session.run("BEGIN")
    try:
        found = []
        for number in numbers:
            maker = Writer(random.Random(f"migration {seed} {number}"))
            statements = (statement(maker, session, CHANGE) for _ in range(maker.rng.choice([1, 1, 1, 2, 2, 3, 4, 6])))
            found.append([s for s in statements if s] or ["SELECT 1"])
        return found
    finally:
        session.run("ROLLBACK")
