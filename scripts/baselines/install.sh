#!/usr/bin/env bash
# What `make bench BASELINES=1` compares with: scripts/baselines/install.sh DIRECTORY
#
# Flower and MPyC into an environment of their own, as Flower asks for other versions than peerd
# does; and NTL's headers, with a compiler. What can't be had is named, and the bench goes without.
set -u
cd "$(dirname "$0")"
[ "$#" = 1 ] || {
    echo "usage: scripts/baselines/install.sh DIRECTORY" >&2
    exit 2
}
case $1 in /*) venv=$1 ;; *) venv=$(cd ../.. && pwd)/$1 ;; esac
python=${PYTHON:-python3}

without() {
    printf 'baselines: %s\n' "$1" >&2
}

if ! echo '#include <NTL/ZZ_p.h>' | "${CXX:-g++}" -x c++ -fsyntax-only - 2> /dev/null; then
    line="apt-get install -y --no-install-recommends g++ libntl-dev"
    if [ "$(id -u)" = 0 ] && [ -e /etc/debian_version ]; then
        echo "baselines: $line" >&2
        { apt-get update -q && DEBIAN_FRONTEND=noninteractive $line; } >&2 \
            || without "no NTL: apt-get failed; its message is above"
    else
        without "no NTL; on Debian or Ubuntu: sudo $line"
    fi
fi

if ! cmp --silent requirements.txt "$venv/.installed"; then
    echo "baselines: packages into $venv (the first time takes a few minutes)" >&2
    if "$python" -m venv "$venv" && "$venv/bin/python" -m pip install \
        --disable-pip-version-check --quiet --requirement requirements.txt; then
        cp requirements.txt "$venv/.installed"
    else
        without "no Flower, no MPyC: pip failed; its message is above"
    fi
fi
exit 0
