#!/usr/bin/env bash
# A SLURM of one node on this computer, for tests/batch/test_real_slurm.py. Debian or Ubuntu, as root.
#   bash tests/batch/slurm_node.sh start [FOLDER]     installs slurm-wlm and munge where they are missing
#   bash tests/batch/slurm_node.sh stop [FOLDER]
# The test finds it by SLURM_CONF=FOLDER/slurm.conf; FOLDER is enicfer-slurm among the temporary files by default.
set -euo pipefail
folder=${2:-${TMPDIR:-/tmp}/enicfer-slurm}

stop() {
    for daemon in slurmd slurmctld munged; do
        if [ -s "$folder/$daemon.pid" ]; then kill "$(cat "$folder/$daemon.pid")" 2>/dev/null || true; fi
    done
}

start() {
    if ! command -v slurmctld slurmd munged sbatch >/dev/null; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurm-wlm munge >/dev/null
    fi
    stop
    mkdir -p "$folder/state" "$folder/spool"
    head -c 128 /dev/urandom > "$folder/munge.key"
    chmod 700 "$folder"
    chmod 600 "$folder/munge.key"
    cat > "$folder/slurm.conf" <<CONF
ClusterName=enicfer
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmUser=$(id -un)
SlurmctldPort=16817
SlurmdPort=16818
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
CredType=cred/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
KillWait=2
MinJobAge=300
NodeName=$(hostname -s) NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$(awk '/MemTotal/ {print int($2 / 1024)}' /proc/meminfo) State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
    export SLURM_CONF="$folder/slurm.conf"
    munged --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" --pid-file="$folder/munged.pid" \
        --log-file="$folder/munged.log" --seed-file="$folder/munge.seed"
    slurmctld -c
    slurmd
    for _ in $(seq 30); do
        if sinfo --noheader --format=%t 2>/dev/null | grep -q idle; then echo "SLURM_CONF=$SLURM_CONF"; exit 0; fi
        sleep 1
    done
    echo "The node did not become idle; see $folder/*.log." >&2
    exit 1
}

"$1"
