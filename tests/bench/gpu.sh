#!/usr/bin/env bash
# Everything that a GPU can tell, in one command: needs torch, Triton, NumPy and OpenCV, nothing of ours installed.
# The kernels' tests come first (with pytest where it is there), then the parts of the bench, each in a process of
# its own; figures go to outputs/gpu-PART.json. compute-sanitizer, where there is one, checks bounds and races.
set -uo pipefail
cd "$(dirname "$0")/../.."
link=$(mktemp -d)
trap 'rm -rf "$link"' EXIT
ln -s "$PWD" "$link/gfla" # the checkout is the package gfla, whatever it is called
export PYTHONPATH="$link:tests"
python=${PYTHON:-python3}
mkdir -p outputs
failed=0
kernels() { "$@" "$python" tests/bench/check_kernels.py || failed=1; }
kernels
if command -v compute-sanitizer >/dev/null; then
    kernels compute-sanitizer --tool memcheck --error-exitcode 1
    kernels compute-sanitizer --tool racecheck --error-exitcode 1
fi
for part in ops generator scaling streams training; do
    "$python" -m bench "$part" --device cuda --out "outputs/gpu-$part.json" || failed=1
done
exit $failed
