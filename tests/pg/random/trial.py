"""One migration with belay: applied, rolled back, compared."""
import json
import os
import re
import shutil
import subprocess

from server import State, compare, psql

TIMEOUT_S = 180
POLICY = """extends: development
lint:
  fail_on: never
inverse:
  least: column-order
  shadow_on_target: true
apply:
  lock_timeout: 2s
  lock_retries: 0
"""


class Outcome:
    """kind: exact, column-order, refused (before anything was touched), failed (the migration did, the database is as before),
    kept (applied, and the rollback refused), or WRONG."""

    def __init__(self, kind, reason="", detail=""):
        self.kind, self.reason, self.detail, self.prelude = kind, reason, detail, []


class Project:
    """A directory of plain SQL migrations and the database that they are for, a copy of `template`."""

    def __init__(self, directory, database, template):
        self.directory, self.database, self.template = directory, database, template
        self.number = 0
        self.state = self.verdicts_tried = None
        self.begin()

    def begin(self, made=()):
        """Everything from the start, and migrations that are there already."""
        self.drop()
        psql("postgres", f"CREATE DATABASE {self.database} TEMPLATE {self.template}")
        for statements in made:
            psql(self.database, "BEGIN;\n" + ";\n".join(statements) + ";\nCOMMIT;\n")
        shutil.rmtree(self.directory, ignore_errors=True)
        for sub in ("migrations", "policies"):
            os.makedirs(os.path.join(self.directory, sub))
        self.write("policies/random.yaml", POLICY)
        self.write("belay.yaml", "environment: random\nstore: file:store\nmigrations:\n  dir: migrations\n  format: plain\n")
        self.state = State(self.database)

    def drop(self):
        psql("postgres", f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)")

    def write(self, name, text):
        with open(os.path.join(self.directory, name), "w", encoding="utf-8") as f:
            f.write(text)

    def belay(self, *words):
        host, port = os.environ["PGHOST"], os.environ["PGPORT"]
        url = f"postgresql://{os.environ['PGUSER']}@/%s?host={host}&port={port}"
        extra = ["--shadow", os.environ["SHADOW_URL"]] if words[0] == "run" else []
        try:
            r = subprocess.run([os.environ["BELAY"], *words, *extra, "-d", url % self.database], cwd=self.directory, stdin=subprocess.DEVNULL,
                               capture_output=True, text=True, encoding="utf-8", errors="replace", check=False, timeout=TIMEOUT_S,
                               env={**os.environ, "NO_COLOR": "1"})
        except subprocess.TimeoutExpired:
            return -1, f"error: it did not end within {TIMEOUT_S} s\n"
        return r.returncode, r.stdout + r.stderr

    def verdicts(self):
        runs = os.path.join(self.directory, "store", self.database, "runs")
        newest = sorted(os.listdir(runs))[-1]
        with open(os.path.join(runs, newest, "plan.json"), encoding="utf-8") as f:
            return [x["verdict"] for x in json.load(f)["files"]]

    def unchanged(self, outcome, ordered=True):
        """The outcome, if the database is as before."""
        now = State(self.database)
        lines = compare(self.state, now, ordered, sequences=not re.search("^  apply +failed", outcome.detail, re.M))
        self.state = now
        return Outcome("WRONG", f"{outcome.kind}, and the database is not as before", "\n".join(lines) + "\n" + outcome.detail) if lines else outcome

    def try_out(self, migrations):
        """Applies migrations (lists of statements) in one run and rolls it back. An outcome for each; behind one that is refused or fails
        none was tried. After anything but these and a clean end the caller begins anew."""
        names = []
        for statements in migrations:
            self.number += 1
            names.append(f"migrations/{self.number:06}_random.sql")
            self.write(names[-1], ";\n".join(statements) + ";\n")
        at, outcome = self.apply_and_roll_back(names)
        for name in names:
            os.unlink(os.path.join(self.directory, name))
        if outcome.kind in ("exact", "column-order"):
            return [Outcome(v) for v in self.verdicts_tried]
        if outcome.kind in ("refused", "failed"):
            return (self.try_out(migrations[:at]) if at > 0 else []) + [outcome]
        if len(migrations) == 1:
            return [outcome]
        self.begin()
        return self.one_by_one(migrations, outcome)

    def keep(self, statements):
        """Applies a migration by belay for good."""
        self.number += 1
        self.write(f"migrations/{self.number:06}_random.sql", ";\n".join(statements) + ";\n")
        code, said = self.belay("run")
        self.state = State(self.database)
        return Outcome("exact") if code == 0 else Outcome("WRONG", f"applied again, belay run ended with {code}: {reason_of(said)}", said)

    def one_by_one(self, migrations, together):
        """Which of them is wrong: each alone, over a database where the earlier ones are made by psql."""
        outcomes = []
        for i, statements in enumerate(migrations):
            self.begin(migrations[:i])
            outcomes += self.try_out([statements])
            if outcomes[-1].kind not in ("exact", "column-order"):
                outcomes[-1].prelude = migrations[:i]
                return outcomes
        together.reason += " (only together)"
        together.prelude = migrations[:-1]
        return outcomes[:-1] + [together]

    def apply_and_roll_back(self, names):
        """(index of the migration that ended it, outcome)"""
        code, said = self.belay("run")
        named = re.search(r"(\d{6})_random", said[max(said.find("\nerror:"), 0):])
        at = next((i for i, n in enumerate(names) if named and named.group(1) in n), 0)
        if code in (3, 6):
            return at, self.unchanged(Outcome("refused" if code == 3 else "failed", reason_of(said), said))
        if code == 7:
            return at, self.unchanged(Outcome("failed", reason_of(said), said), ordered=False)
        if code != 0:
            return at, Outcome("WRONG", f"belay run ended with {code}: {reason_of(said)}", said)
        self.verdicts_tried = self.verdicts()
        code, back = self.belay("rollback", "--yes")
        if code == 3 and " rolled back" not in back:
            return 0, Outcome("kept", reason_of(back), said + back)
        if code != 0:
            return 0, Outcome("kept" if code == 8 and "cannot be captured" in back else "WRONG",
                              f"belay rollback ended with {code}: {reason_of(back)}", said + back)
        if re.search(r"\b[1-9]\d* conflicts", back):
            return 0, Outcome("WRONG", "conflicts where nobody else wrote", said + back)
        return 0, self.unchanged(Outcome("exact", detail=said + back), all(v == "exact" for v in self.verdicts_tried))


def reason_of(said):
    """The error in one line, without the names in it."""
    lines = said.split("\n")
    at = next((i for i, line in enumerate(lines) if re.match(r"(belay: )?error:", line)), None)
    if at is None:
        return lines[-2] if len(lines) > 1 else said
    text = " ".join(x.strip() for x in lines[at:at + 3])
    return re.sub(r"\d{6}_random: ?", "", text)[:400]
