#!/usr/bin/env bash
# Accuracy by position or length: models that differ in the space only, three seeds each, two runs at a time.
# usage: [MODELS="transformer ada"] scripts/curves.sh CONFIG FOLDER [FLAGS...]; what a run prints is in FOLDER/MODEL-seedN.log
set -euo pipefail
config=$1 folder=$2
shift 2
one() {
    run="$folder/$1-seed$2"
    wavspa fit -c "$config" -c "configs/model/$1.yaml" --run "$run" --seed_everything "$2" --data.seed "$2" \
        --trainer.enable_progress_bar false "${@:3}" > "$run.log" 2>&1 &&
        wavspa test --ckpt_path "$run/checkpoints/last.ckpt" --trainer.enable_progress_bar false >> "$run.log" 2>&1 ||
        { tail -n 2 "$run.log" >&2; return 255; }  # xargs stops at 255
}
export -f one
export config folder OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
mkdir -p "$folder"
for seed in 0 1 2; do
    for model in ${MODELS:-transformer ada ortho lift}; do echo "$model $seed"; done
done | xargs -P "${JOBS:-2}" -L 1 bash -c 'one "$@" '"$*" one
wavspa report "$folder"/*-seed?
