#!/usr/bin/env bash
# Writes constraints.txt from what is installed: scripts/constraints.sh DIRECTORY
#
# Run it after the tests passed with new versions. Local version labels (torch's +cpu) are left
# out, so that the same file serves every build of torch; so is peerd itself.
set -eu
cd "$(dirname "$0")/.."

venv=${1:?usage: scripts/constraints.sh DIRECTORY}
new=$(mktemp)
trap 'rm -f "$new"' EXIT
{
    echo "# The versions that were tested together, on Python 3.11. make install passes this file"
    echo "# to pip; after an upgrade, make constraints writes it again."
    "$venv/bin/python" -m pip --disable-pip-version-check freeze --exclude-editable \
        | sed -e 's/+[A-Za-z0-9.]*$//' | grep -E '^[A-Za-z0-9._-]+==[A-Za-z0-9.]+$'
} > "$new"
cp "$new" constraints.txt
