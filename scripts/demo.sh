#!/usr/bin/env bash
# Trains AdaWavSpA and the matched Transformer (only the space differs), resumes, tests, compares. `make demo` calls this.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/${BIN:-.venv/bin}:$PATH"
demo=runs/demo
rm -rf "$demo"

half=$(python -c "import yaml; print(yaml.safe_load(open('configs/demo.yaml'))['trainer']['max_steps'] // 2)")
full=$((2 * half))
for model in ada transformer; do
    echo "== $model: train to step $half, stop, resume to step $full, test the best checkpoint"
    wavspa fit -c configs/demo.yaml -c "configs/model/$model.yaml" --run "$demo/$model" --trainer.max_steps "$half"
    wavspa fit --ckpt_path "$demo/$model/checkpoints/last.ckpt" --trainer.max_steps "$full"
    wavspa test --ckpt_path "$demo/$model/checkpoints/best.ckpt"
done

echo
python -m wavspa_lit.reporting.table "$demo/ada" "$demo/transformer"
echo
echo "Curves, learning rates and the learned filters: make tensorboard, then open http://localhost:6006"
