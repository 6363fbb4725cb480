#!/usr/bin/env bash
# Trains in two processes that find each other by TF_CONFIG, as on two hosts; here on this machine.
#
#     bash examples/multi_worker.sh nuclei-workers [STEPS]
#
# DIR gets data/ and run/, the folder of the first process, the chief; the other writes nothing.
# Expect the lines of the chief ("train 20/20  loss ...") and a table at the end, as of a training
# in one process, and exit code 0. If you kill one of the two, expect the other to say so within a
# minute and to end with code 1; the same command goes on where the run was.
# 20 steps take about two minutes on two CPU cores, most of them to start and to compile.
#
# `tfseg train DATA RUN --launch 2` does all of this on one machine. On several, give `hosts` their
# names, copy the data to each of them and start the line with `tfseg train` there, with its own
# index. Recipes for Slurm and Kubernetes: docs/several-hosts.md.
set -euo pipefail
out=${1:?Usage: bash examples/multi_worker.sh DIR [STEPS]}
steps=${2:-20}
hosts='"localhost:12345", "localhost:12346"'
tfseg=(python -m tfseg)

sample=$(python -c "import tfseg; print(tfseg.sample.path())")
[ -d "$out/data" ] || "${tfseg[@]}" convert "$sample" "$out/data"
resume=()
[ ! -d "$out/run/checkpoints" ] || resume=(--resume)

processes=()
for index in 0 1; do
    TF_CONFIG="{\"cluster\": {\"worker\": [$hosts]}, \"task\": {\"type\": \"worker\", \"index\": $index}}" \
        "${tfseg[@]}" train "$out/data" "$out/run" --train.steps "$steps" --train.warmup_steps 2 "${resume[@]}" &
    processes+=($!)
done
code=0
for process in "${processes[@]}"; do
    wait "$process" || code=$?
done
exit "$code"
