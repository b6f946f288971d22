#!/usr/bin/env bash
# Trains AdaWavSpA and the matched Transformer (only the space differs), resumes, tests, compares. `make demo` calls this.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/${BIN:-.venv/bin}:$PATH"
export OMP_NUM_THREADS=1 # the two models train side by side, one core each
demo=runs/demo
rm -rf "$demo"
mkdir -p "$demo"

half=$(python -c "import yaml; print(yaml.safe_load(open('configs/demo.yaml'))['trainer']['max_steps'] // 2)")
full=$((2 * half))
train() {
    echo "== $1: train to step $half, stop, resume to step $full, test the best checkpoint"
    wavspa fit -c configs/demo.yaml -c "configs/model/$1.yaml" --run "$demo/$1" --trainer.max_steps "$half"
    wavspa fit --ckpt_path "$demo/$1/checkpoints/last.ckpt" --trainer.max_steps "$full"
    wavspa test --ckpt_path "$demo/$1/checkpoints/best.ckpt"
}
echo "The Transformer trains at the same time; its output goes to $demo/transformer.log"
train transformer >"$demo/transformer.log" 2>&1 &
other=$!
trap 'kill "$other" 2>/dev/null || true' EXIT
train ada
wait "$other" || { tail -n 20 "$demo/transformer.log"; exit 1; }

echo
wavspa report "$demo/ada" "$demo/transformer"
echo
wavspa report "$demo/ada" "$demo/transformer" --output "$demo/report.html"
python -m wavspa_lit.reporting.curves "$demo/accuracy_by_length.png" "$demo/transformer" "$demo/ada" > "$demo/accuracy_by_length.md"
echo "Accuracy by length: $demo/accuracy_by_length.png"
echo "Curves, learning rates and the learned filters: make tensorboard, then open http://localhost:6006"
