#!/usr/bin/env bash
# Pretrains on a Slurm cluster: one process per node, each with all accelerators of its node.
#
#   scripts/slurm_pretrain.sh CONFIG CLIPS RUN [--fsdp N] [--init RUN0] [--KEY VALUE ...]
#
# CLIPS and RUN lie on a file system that all nodes see. A job that is preempted, or that nears its end, saves, ends and
# is put back into the queue, where the same command goes on. NODES, GPUS (of a node), CPUS and HOURS can be set in the
# environment.
set -euo pipefail
[ $# -ge 3 ] || { sed -n '2,8p' "$0" >&2; exit 2; }
config="$1" clips="$2" out="$3"
shift 3
nodes="${NODES:-1}" gpus="${GPUS:-8}" cpus="${CPUS:-16}" hours="${HOURS:-24}"
wince="$(cd "$(dirname "$0")/.." && pwd)/.venv/bin/wince"
command="$(printf ' %q' srun "$wince" pretrain "$config" --clips "$clips" --out "$out" "$@")"

# Two minutes before the end Slurm sends SIGTERM to the processes, which save and exit with 0. So it is the batch script
# that notes the signal and puts the job back.
sbatch --job-name wince-pretrain --nodes "$nodes" --ntasks-per-node 1 --gpus-per-node "$gpus" --cpus-per-task "$cpus" \
    --time "$hours:00:00" --requeue --open-mode append --output wince-pretrain-%j.log --signal "B:TERM@120" <<EOF
#!/usr/bin/env bash
stopped=
trap 'stopped=1; kill -TERM \$running' TERM
$command &
running=\$!
wait \$running || { code=\$?; [ "\$stopped" ] || exit \$code; }
[ -z "\$stopped" ] || { wait \$running || true; scontrol requeue "\$SLURM_JOB_ID"; }
EOF
