#!/usr/bin/env bash
# Everything that a GPU can tell, in one command of at most eight minutes: needs torch, Triton, NumPy and OpenCV, and
# for the last two lines what the product needs. First what is tried at a GPU's first use, then the kernels against
# the definition, then the parts of the bench; figures go to outputs/gpu-PART.json. What takes longer than its share
# is stopped and counts as failed. With GPU_SANITIZE=1 compute-sanitizer checks bounds and races, which takes longer.
set -uo pipefail
cd "$(dirname "$0")/../.."
link=$(mktemp -d)
trap 'rm -rf "$link"' EXIT
ln -s "$PWD" "$link/gfla" # the checkout is the package gfla, whatever it is called
export PYTHONPATH="$link:tests"
python=${PYTHON:-python3}
mkdir -p outputs
failed=0
try() { # SECONDS COMMAND...
    echo "== ${*:2}"
    timeout "$1" "${@:2}" || { echo "failed or too slow: ${*:2}"; failed=1; }
}
try 30 "$python" -c 'import torch
from gfla.animate.compute.devices import choose_device, fast_precision
device, why = choose_device("auto")
print(device, why, fast_precision(torch.device(device)), sep="; ")'
try 60 "$python" tests/bench/check_kernels.py
if [ "${GPU_SANITIZE:-}" ] && command -v compute-sanitizer >/dev/null; then
    for tool in memcheck racecheck; do
        compute-sanitizer --tool $tool --error-exitcode 1 "$python" tests/bench/check_kernels.py || failed=1
    done
fi
for part in ops:60 generator:60 scaling:60 film:90 training:60; do
    try "${part#*:}" "$python" -m bench "${part%:*}" --device cuda --repeats 5 --out "outputs/gpu-${part%:*}.json"
done
try 45 "$python" -m gfla.animate.cli.animate animate/assets/astronaut.jpg animate/assets/driver.mp4 \
    -o outputs/gpu.mp4 --overwrite --stats
exit $failed
