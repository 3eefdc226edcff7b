#!/usr/bin/env bash
# Makes the virtual environment that the Makefile uses: scripts/install.sh DIRECTORY
#
# fastecdsa, which libp2p needs, may have to be compiled: that takes a C compiler, Python's headers
# and GMP's. Where they are missing this prints the line that installs them, and runs it itself as
# root on Debian and its descendants.
set -eu
cd "$(dirname "$0")/.."

venv=${1:?usage: scripts/install.sh DIRECTORY}
python=${PYTHON:-python3}

fail() {
    printf 'install: %s\n' "$1" >&2
    exit 1
}

compiles() { # compiles NAME HEADER [OPTION...]: is the header there, and does it link?
    local probe
    probe=$(mktemp -d)
    printf '#include <%s>\nint main(void) { return 0; }\n' "$1" > "$probe/probe.c"
    shift
    "${CC:-gcc}" "$probe/probe.c" -o "$probe/probe" "$@" > /dev/null 2>&1
    local result=$?
    rm -rf "$probe"
    return "$result"
}

missing_packages() {
    "$python" -c 'import ensurepip, venv' 2> /dev/null || printf ' python3-venv'
    if ! compiles stdio.h; then
        printf ' gcc libc6-dev libgmp-dev python3-dev'
        return
    fi
    compiles gmp.h -lgmp || printf ' libgmp-dev'
    compiles Python.h "-I$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')" \
        || printf ' python3-dev'
}

command -v "$python" > /dev/null || fail "no $python; Python 3.11 or later is needed"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
    || fail "$("$python" --version) is too old; 3.11 or later is needed: make install PYTHON=…"

missing=$(missing_packages)
if [ -n "$missing" ]; then
    line="apt-get install -y --no-install-recommends$missing"
    if [ "$(id -u)" = 0 ] && [ -e /etc/debian_version ]; then
        echo "install: $line" >&2
        apt-get update -q >&2 && DEBIAN_FRONTEND=noninteractive $line >&2 \
            || fail "apt-get failed; install$missing by hand"
        missing=$(missing_packages)
        [ -z "$missing" ] || fail "still missing after apt-get:$missing"
    else
        fail "missing:$missing; on Debian or Ubuntu: sudo $line"
    fi
fi

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
echo "install: packages into $venv (the first time takes a few minutes)" >&2
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --constraint constraints.txt --editable '.[lab,table,top,language,onnx,test]' \
    || fail "pip failed; its message is above"
# The tests hold the laboratory's rules and attacks against ByzFL. Its dependencies would bring
# torchvision, and a torch that fits it; the modules that are compared need neither.
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --constraint constraints.txt --no-deps byzfl \
    || echo "install: no byzfl: the tests that compare with it will be skipped" >&2
# The fuzzers' guide. Where no wheel fits this machine it would have to be compiled, with a clang.
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --constraint constraints.txt --only-binary atheris 'atheris>=3,<4' \
    || echo "install: no atheris: the tests fuzz without it, by random changes only" >&2
"$venv/bin/peerd" --version > /dev/null || fail "$venv/bin/peerd does not start"
touch "$venv/.installed"
