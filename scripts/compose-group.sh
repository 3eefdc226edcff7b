#!/bin/sh
# Makes a whole group for docker-compose.yml: scripts/compose-group.sh DIRECTORY PEERS PREFIX
#
# DIRECTORY/peer-0 … peer-(PEERS-1) get a key, a configuration and the genesis that all of them
# signed. Peer i listens on PREFIX.(10 + i), port 4001. With
# OWNER=uid:gid the files are handed to that user. A group that is there is left alone. TASK is the
# task (digits); OPTIONS are words for `peerd group new`, such as `--label COLUMN`, and LOCAL words for
# it and for `peerd init`, such as `--data FILE`: split at blanks. What an interrupted start left is
# made anew.
#
# One machine holds every key here: good for trying things out, and for nothing else. Members that
# don't trust each other each run `peerd init` at home (docs/operate/found.md).
set -eu

directory=${1:?usage: compose-group.sh DIRECTORY PEERS PREFIX}
peers=${2:?usage: compose-group.sh DIRECTORY PEERS PREFIX}
prefix=${3:?usage: compose-group.sh DIRECTORY PEERS PREFIX}
task=${TASK:-digits}
# one liar, and one peer that may be away while the others go on
adversary=${ADVERSARY:-1/$peers}
dropout=${DROPOUT:-1/$peers}

each() { seq 0 $((peers - 1)); }

complete=yes
begun=
for i in $(each); do
    [ -e "$directory/peer-$i/genesis.json" ] || complete=no
    [ ! -e "$directory/peer-$i/data" ] || begun="$begun peer-$i"
done
if [ "$complete" = yes ]; then
    echo "the group is there: $directory"
    exit 0
fi
if [ -n "$begun" ]; then
    echo "compose-group: of a group of $peers only a part is left, which has run:$begun" >&2
    echo "compose-group: to make another: docker compose down --volumes" >&2
    exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for i in $(each); do
    home=$directory/peer-$i
    # of an interrupted start: no peer has run with it
    rm -f "$home/peer.key" "$home/peerd.toml" "$home/card.txt" "$home/genesis.json"
    peerd init "$home" --name "peer-$i" --listen "/ip4/$prefix.$((10 + i))/tcp/4001" \
        --partition "$i/$peers" --seed "$i" ${LOCAL:-} > /dev/null
    cat "$home/card.txt" >> "$work/members"
done

# all peers share this machine, and train at the same time
peerd group new --name compose --members "$work/members" --task "$task" \
    --delta 2000 --training 60 --adversary "$adversary" --dropout "$dropout" --out "$work/genesis.json" \
    --partition "0/$peers" ${LOCAL:-} ${OPTIONS:-}
for i in $(each); do
    # every peer is this machine: 'group new' has timed an update already
    peerd group sign "$work/genesis.json" --key "$directory/peer-$i/peer.key" --unmeasured > /dev/null
done
peerd group verify "$work/genesis.json"

for i in $(each); do
    # the genesis last, under its name only when it is whole: with it the peer is complete
    cp "$work/genesis.json" "$directory/peer-$i/genesis.json.new"
    [ -z "${OWNER:-}" ] || chown -R "$OWNER" "$directory/peer-$i"
    mv "$directory/peer-$i/genesis.json.new" "$directory/peer-$i/genesis.json"
done
