"""Random schemas, random migrations: applied by belay, rolled back, and everything compared with what was there before.

main.py [--count N] [--seed S] [--each K] [--stack M] [--keep DIR] [--workers W]
                                              N migrations, K on each schema, M in one run
main.py --seed S --sql FILE [--minimise]      statements of a file on the schema S
main.py --seed S --case K [--minimise]        migration K of the schema S, if it was first in its run
main.py --file FILE...                        a schema and a migration written by hand
main.py --history DIR...                      the migrations of a project, one after another; 1 unless all come back

Needs BELAY (the program), a server (tests/harness/with-postgres), and SHADOW_URL, another one for shadow databases. A file has the schema, a line "-- migration" and the migration
(or several, in one run), and may say "-- expect: OUTCOME" first (exact by default). Exit 1: something is wrong.
"""
import argparse
import collections
import os
import re
import sys
import tempfile
import time
import traceback
from concurrent.futures import ProcessPoolExecutor, as_completed

import generate
from server import Session, State, psql
from trial import Outcome, Project


CLEAN = ("exact", "column-order", "refused", "failed")  # the database is as it was


def fresh(name):
    psql("postgres", f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    psql("postgres", f"CREATE DATABASE {name}")


def minimise(project, statements):
    """Fewer statements with the same kind of outcome."""
    want = project.try_out([statements])[-1].kind
    i = 0
    while i < len(statements) and len(statements) > 1:
        fewer = statements[:i] + statements[i + 1:]
        project.begin()
        if project.try_out([fewer])[-1].kind == want:
            statements = fewer
        else:
            i += 1
    project.begin()
    return statements


def one_schema(seed, stacks, scratch, chosen=None, shrink=False):
    """A list of (case, statements, outcome). `stacks`: lists of the numbers of migrations that are applied in one run."""
    template, database = f"random_{seed}_template", f"random_{seed}"
    fresh(template)
    with Session(template) as session:
        generate.schema(session, seed)
    project = Project(os.path.join(scratch, str(seed)), database, template)
    results = []
    for stack in stacks:
        migrations = chosen
        if not migrations:
            with Session(template) as session:
                migrations = generate.migrations(session, seed, stack)
        if shrink:
            migrations = [minimise(project, migrations[-1])]
        results += zip(stack, migrations, project.try_out(migrations))
        if results[-1][2].kind not in CLEAN:
            project.begin()
    project.drop()
    psql("postgres", f"DROP DATABASE {template} WITH (FORCE)")
    return results


def guarded(seed, each, stack, scratch):
    try:
        return seed, one_schema(seed, [range(i, min(i + stack, each)) for i in range(0, each, stack)], scratch)
    except Exception:  # pylint: disable=broad-except # told as a result: the others go on
        return seed, [(-1, [], Outcome("WRONG", "the harness failed", traceback.format_exc()))]


def by_hand(path, scratch):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    schema, *changes = text.split("-- migration\n")
    expected = re.search(r"^-- expect: (.*)$", text, re.M)
    fresh("random_hand_template")
    psql("random_hand_template", schema)
    project = Project(os.path.join(scratch, "hand"), "random_hand", "random_hand_template")
    outcomes = project.try_out([[change.strip().rstrip(";")] for change in changes])
    outcome = next((o for o in outcomes if o.kind not in CLEAN[:2]), outcomes[-1])
    if outcome.kind != (expected.group(1) if expected else "exact"):
        outcome = Outcome("WRONG", f"{outcome.kind} {outcome.reason}", outcome.detail)
    project.drop()
    return os.path.basename(path), outcome


def history(directory, scratch):
    """The migrations of a project in order: each applied, rolled back, compared, and applied again. (file, outcome) of each."""
    fresh("random_history_template")
    project = Project(os.path.join(scratch, "history"), "random_history", "random_history_template")
    results = []
    for name in sorted(os.listdir(directory)):
        with open(os.path.join(directory, name), encoding="utf-8") as f:
            statements = [f.read().strip().rstrip(";")]
        outcome = project.try_out([statements])[-1]
        results.append((os.path.join(os.path.basename(directory.rstrip("/")), name), outcome))
        if outcome.kind == "WRONG":
            break
        if outcome.kind in CLEAN[:2]:
            again = project.keep(statements)
            if again.kind == "WRONG":
                results[-1] = (results[-1][0], again)
                break
        elif outcome.kind != "kept":
            psql(project.database, statements[0])
            project.state = State(project.database)
    project.drop()
    return results


def histories(directories, scratch):
    counts, reasons, began = collections.Counter(), collections.Counter(), time.time()
    for directory in directories:
        for name, outcome in history(directory, scratch):
            counts[outcome.kind] += 1
            if outcome.kind not in CLEAN[:2]:
                reasons[outcome.kind, f"{name}: {outcome.reason}"] += 1
            if outcome.kind == "WRONG":
                print(f"{name}: {outcome.reason}\n{outcome.detail}")
    table(counts, reasons, time.time() - began)
    return any(kind not in CLEAN[:2] for kind in counts)


def without_names(reason):
    reason = re.sub(r'"(""|[^"])*"', "X", reason)
    reason = re.sub(r"\b[\w.ï]+_\d+\b|\b\w+\.X|\b\d+\b", "X", reason)
    return re.sub(r"(X[., ]*)+", "X ", reason)[:230]


def tell(seed, case, statements, outcome, keep):
    head = f"seed {seed} case {case}: {outcome.kind}: {outcome.reason}"
    statements = [f"-- before: {s}" for made in outcome.prelude for s in made] + statements
    print(head + "\n" + ";\n".join("    " + s for s in statements), flush=True)
    if keep:
        os.makedirs(keep, exist_ok=True)
        with open(os.path.join(keep, f"{outcome.kind}-{seed}-{case}.txt"), "w", encoding="utf-8") as f:
            f.write(head + "\n" + ";\n".join(statements) + ";\n\n" + outcome.detail)
    elif outcome.kind == "WRONG":
        print(outcome.detail, flush=True)


def table(counts, reasons, seconds):
    total = sum(counts.values())
    print(f"\n{total} migrations in {seconds:.0f} s")
    for kind in ("exact", "column-order", "refused", "kept", "failed", "WRONG"):
        print(f"  {kind:13} {counts[kind]:6}  {100 * counts[kind] / max(total, 1):5.1f} %")
    for (kind, reason), n in reasons.most_common(60):
        print(f"  {n:5} {kind}: {reason}")


def many(args, scratch):
    counts, reasons, began = collections.Counter(), collections.Counter(), time.time()
    seeds = range(args.seed, args.seed + (args.count + args.each - 1) // args.each)
    with ProcessPoolExecutor(args.workers) as pool:
        for work in as_completed([pool.submit(guarded, s, args.each, args.stack, scratch) for s in seeds]):
            seed, results = work.result()
            for case, statements, outcome in results:
                counts[outcome.kind] += 1
                if outcome.kind not in ("exact", "column-order"):
                    reasons[outcome.kind, without_names(outcome.reason)] += 1
                if outcome.kind == "WRONG" or (args.keep and outcome.kind in ("refused", "kept", "failed")):
                    tell(seed, case, statements, outcome, args.keep)
    table(counts, reasons, time.time() - began)
    return counts["WRONG"]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--count", type=int, default=200)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--each", type=int, default=10)
    p.add_argument("--stack", type=int, default=5)
    p.add_argument("--workers", type=int, default=1)
    p.add_argument("--keep")
    p.add_argument("--case", type=int)
    p.add_argument("--sql")
    p.add_argument("--minimise", action="store_true")
    p.add_argument("--file", nargs="+")
    p.add_argument("--history", nargs="+")
    args = p.parse_args()
    for server in ("postgres", os.environ["SHADOW_URL"]):
        generate.roles(server)
    with tempfile.TemporaryDirectory(dir=os.environ.get("WITH_POSTGRES_DIR")) as scratch:
        if args.history:
            return histories(args.history, scratch)
        if args.file:
            bad = 0
            for path in args.file:
                name, outcome = by_hand(path, scratch)
                if outcome.kind == "WRONG":
                    bad += 1
                    print(f"{name}: {outcome.reason}\n{outcome.detail}")
            return bad > 0
        if args.case is not None or args.sql:
            chosen = None
            if args.sql:
                with open(args.sql, encoding="utf-8") as f:
                    chosen = [[s for s in f.read().strip().rstrip(";").split(";\n") if s]]
            for case, statements, outcome in one_schema(args.seed, [[args.case or 0]], scratch, chosen, args.minimise):
                tell(args.seed, case, statements, outcome, args.keep)
                print(outcome.detail)
            return 0
        return many(args, scratch) > 0


if __name__ == "__main__":
    sys.exit(main())
