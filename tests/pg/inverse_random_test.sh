#!/usr/bin/env bash
# Random migrations of random schemas with rows, and those that went wrong once: applied, rolled back, compared. The same seeds
# each time; inverse_many.sh does thousands.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
"$here/inverse_many.sh" 0 --file "$here"/random/regressions/*.sql
exec "$here/inverse_many.sh" 8 --each 4 --stack 4 --workers 2
