#!/usr/bin/env bash
# Trains in two processes that find each other by TF_CONFIG, as on two hosts; here on this machine.
#
#     bash examples/multi_worker.sh nuclei-workers [STEPS]
#
# DIR gets data/ and run/, the folder of the first process, the chief; the other writes nothing.
# Expect the chief's progress ("train 20/20  loss ...") and a table at the end, as with one process,
# and exit code 0. If you kill one of the two, the other reports it within a minute and ends with
# code 1; the same command then resumes the run.
# 20 steps take about two minutes on two CPU cores, mostly to start and to compile.
#
# `tfseg train DATA RUN --launch 2` does all of this on one machine. On several machines, write their
# names into `hosts`, copy the data to each of them and start the line with `tfseg train` on each,
# with its index. Recipes for Slurm and Kubernetes: docs/several-hosts.md.
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
        "${tfseg[@]}" train "$out/data" "$out/run" --train.steps "$steps" --optimizer.warmup_steps 2 "${resume[@]}" &
    processes+=($!)
done
code=0
for process in "${processes[@]}"; do
    wait "$process" || code=$?
done
exit "$code"
