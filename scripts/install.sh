#!/usr/bin/env bash
# Installs peerd from this clone.
#
#   scripts/install.sh DIRECTORY          for whoever works on it: an environment with every tool,
#                                         in which peerd is this very clone
#   scripts/install.sh --node DIRECTORY   for a node: an environment of its own for each version,
#                                         DIRECTORY/peerd-VERSION-HASH, that nothing changes again;
#                                         DIRECTORY/current is a link to the newest. A daemon that
#                                         runs stays with the code that it was started with.
#
# EXTRAS: of a node, separated by commas (table,export).
#
# fastecdsa, which libp2p needs, may have to be compiled: that takes a C compiler, Python's headers
# and GMP's. Where they are missing this prints the line that installs them, and runs it itself as
# root on Debian and its descendants.
set -eu
cd "$(dirname "$0")/.."

node=
if [ "${1:-}" = --node ]; then
    node=yes
    shift
fi
venv=${1:?usage: scripts/install.sh [--node] DIRECTORY}
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

found() { # what there is of what is needed, with its version
    local compiler
    compiler=$("${CC:-gcc}" --version 2> /dev/null | head -n 1) || compiler=
    printf '%s, %s' "$("$python" --version 2>&1)" "${compiler:-no ${CC:-gcc}}"
}

command -v "$python" > /dev/null || fail "no $python; Python 3.11 or later is needed"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
    || fail "$("$python" --version 2>&1) is too old ($(command -v "$python")); 3.11 or later is needed:\
 make install PYTHON=…"

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
        fail "missing:$missing (found: $(found)); on Debian or Ubuntu: sudo $line"
    fi
fi

pip() { # pip ENVIRONMENT ARGUMENT...: with the versions that were tested together
    local environment=$1
    shift
    "$environment/bin/python" -m pip "$@" --disable-pip-version-check --quiet \
        --constraint constraints.txt
}

install_node() { # install_node DIRECTORY
    local wheel name version digest place
    made=$(mktemp -d)
    trap 'rm -rf "$made"' EXIT
    # From a copy: what lies in build/ from another version would get into the wheel.
    mkdir "$made/source"
    cp -R pyproject.toml README.md LICENSE peerd protocols "$made/source"
    "$python" -m venv "$made/env"
    # The same bytes of the same files: what was installed once is not installed again.
    SOURCE_DATE_EPOCH=315532800 pip "$made/env" wheel --no-deps --wheel-dir "$made" "$made/source" \
        || fail "pip $(version_of "$made/env") can't build the wheel; its message is above"
    wheel=$(echo "$made"/peerd-*.whl)
    name=${wheel##*/peerd-}
    version=${name%%-*}
    digest=$({ cat "$wheel" constraints.txt; "$python" --version; echo "$EXTRAS"; } \
        | sha256sum | cut -c 1-8)
    place=$1/peerd-$version-$digest
    if [ ! -e "$place/.installed" ]; then
        rm -rf "$place"
        mkdir -p "$1"
        "$python" -m venv "$place"
        echo "install: packages into $place (the first time takes a few minutes)" >&2
        pip "$place" install "$wheel${EXTRAS:+[$EXTRAS]}" \
            || fail "pip $(version_of "$place") failed; its message is above"
        "$place/bin/peerd" --version > /dev/null || fail "$place/bin/peerd does not start"
        touch "$place/.installed"
    fi
    ln -sfn "${place##*/}" "$1/.current.new"
    mv -T "$1/.current.new" "$1/current"
    echo "install: $1/current is $("$1/current/bin/peerd" --version); a daemon that runs goes on" \
        "with its own until it is started again" >&2
    for place in "$1"/peerd-*; do
        [ "$place" -ef "$1/current" ] || echo "install: no longer current: $place" >&2
    done
}

version_of() {
    "$1/bin/python" -m pip --version | cut -d ' ' -f 2
}

if [ -n "$node" ]; then
    EXTRAS=${EXTRAS-table}
    install_node "$venv"
    exit
fi

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
echo "install: packages into $venv (the first time takes a few minutes)" >&2
pip "$venv" install --editable '.[table,export,flower,lm,lab,cluster,docs,test]' \
    || fail "pip $(version_of "$venv") failed; its message is above"
# The tests hold the laboratory's rules and attacks against ByzFL. Its dependencies would bring
# torchvision, and a torch that fits it; the modules that are compared need neither.
pip "$venv" install --no-deps byzfl \
    || echo "install: no byzfl: the tests that compare with it will be skipped" >&2
# The fuzzers' guide. Where no wheel fits this machine it would have to be compiled, with a clang.
pip "$venv" install --only-binary atheris 'atheris>=3,<4' \
    || echo "install: no atheris: the tests fuzz without it, by random changes only" >&2
"$venv/bin/peerd" --version > /dev/null || fail "$venv/bin/peerd does not start"
touch "$venv/.installed"
