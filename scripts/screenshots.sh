#!/usr/bin/env bash
# Pictures of TensorBoard and of the report as a browser of 1400 pixels shows them; needs Chromium.
# usage: scripts/screenshots.sh RUNS FOLDER, after `make demo`: scripts/screenshots.sh runs/demo runs/screenshots
set -euo pipefail
runs=$1 folder=$2 port=${PORT:-6016}
mkdir -p "$folder"
shoot() { # NAME HEIGHT ADDRESS
    # The budget is time of the page, which passes while nothing is being loaded; the charts need most of it. Those of
    # Time Series are drawn by a process beside the page, which that time does not wait for, unless 3D is off.
    chromium --headless --no-sandbox --disable-gpu --disable-3d-apis --hide-scrollbars --window-size="1400,$2" --virtual-time-budget=60000 \
        --user-data-dir="$(mktemp -d)" --screenshot="$folder/$1.png" "$3" 2>/dev/null
    echo "$folder/$1.png"
}
tensorboard --logdir "$runs" --port "$port" 2>/dev/null &
trap 'kill $!' EXIT
for _ in $(seq 60); do
    sleep 1
    [ "$(curl -s "localhost:$port/data/runs")" != "[]" ] && break
done
sleep 5
board="http://localhost:$port"
shoot timeseries 2400 "$board/#timeseries"
shoot scalars 1600 "$board/#scalars"
shoot custom_scalars 2400 "$board/#custom_scalars"
shoot images 1450 "$board/#images&tagFilter=wavelet"
shoot by_length 1300 "$board/#images&tagFilter=by_"
shoot text 1600 "$board/#text"
shoot hparams 700 "$board/#hparams"
shoot report 2600 "file://$(realpath "$runs/report.html")"
