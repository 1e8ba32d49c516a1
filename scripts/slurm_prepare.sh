#!/usr/bin/env bash
# Prepares footage on a Slurm cluster: one share of the files per task of an array, then one task that merges.
#
#   scripts/slurm_prepare.sh FOOTAGE CLIPS [--size 112 ...]
#
# FOOTAGE and CLIPS lie on a file system that all nodes see. Killed or preempted tasks may be submitted again with the
# same line: nothing that is finished is done twice. SHARES, CPUS and HOURS can be set in the environment. For bytes
# that do not depend on who did which file, let the array run on one kind of CPU (add --constraint below).
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,8p' "$0" >&2; exit 2; }
footage="$1" clips="$2"
shift 2
shares="${SHARES:-64}" cpus="${CPUS:-4}" hours="${HOURS:-24}"
wince="$(cd "$(dirname "$0")/.." && pwd)/.venv/bin/wince"
options="$(printf ' %q' prepare "$footage" --out "$clips" "$@")"

# --requeue: a preempted task starts again, and goes on where it was. Exit code 1 of a share says that some files are
# damaged (the manifest will say which), so the merge follows whatever the shares end with and checks for itself.
array="$(sbatch --parsable --job-name wince-prepare --array "1-$shares" --cpus-per-task "$cpus" --time "$hours:00:00" \
    --requeue --output wince-prepare-%A_%a.log --wrap "'$wince'$options --shard \$SLURM_ARRAY_TASK_ID/$shares")"
sbatch --job-name wince-merge --dependency "afterany:${array%%;*}" --cpus-per-task 1 --time "$hours:00:00" \
    --output wince-merge-%j.log --wrap "'$wince'$options --merge"
