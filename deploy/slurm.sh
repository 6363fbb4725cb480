#!/bin/bash
# Trains on the GPUs of one node:  sbatch deploy/slurm.sh my-data runs/first --train.steps 20000
# At the end of the time SLURM sends SIGTERM, the training writes a checkpoint, and the job is put into
# the queue again; it then resumes, with the result of an uninterrupted training.
#SBATCH --job-name=tfseg
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=32
#SBATCH --mem=64G
#SBATCH --time=08:00:00
#SBATCH --signal=TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log
set -uo pipefail

data=$1 run=$2
resume=()
[ -e "$run/config.yaml" ] && resume=(--resume)

srun tfseg train "$data" "$run" "${resume[@]}" "${@:3}"
code=$?

# 143: ended by SIGTERM, with a checkpoint.
[ "$code" -eq 143 ] && scontrol requeue "$SLURM_JOB_ID"
exit "$code"
