#!/usr/bin/env bash
# Installs enicfer with the oldest version of every package that setup.cfg allows, into the environment of $1
# (made if it is not there), and runs the tests named after it. PyTorch is the newest that is allowed: its old
# wheels bring CUDA. Warnings of old packages about newer ones are no errors here. Needs uv and Python 3.11.
#     bash packaging/lowest.sh /tmp/lowest tests/io tests/sync
set -euo pipefail
environment=$1
shift
cd "$(dirname "$0")/.."
[ -x "$environment/bin/python" ] || python3.11 -m venv "$environment"
torch=$(sed -n 's/^ *\(torch>=.*\)$/\1/p' setup.cfg)
"$environment/bin/python" -m pip install --quiet "$torch"
"$environment/bin/python" -m pip freeze | grep '^torch==' > "$environment/torch.txt"
uv pip install --python "$environment/bin/python" --resolution lowest-direct --constraint "$environment/torch.txt" -e '.[test]'
[ $# -eq 0 ] || "$environment/bin/python" -m pytest -o filterwarnings=default "$@"
