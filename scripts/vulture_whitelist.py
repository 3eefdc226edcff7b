"""What vulture takes for dead and is not, each name with who uses it. `make lint` reads this file.

Whoever deletes the use deletes the name here as well: tests/unit/packaging notices a name that
nothing in the code has.
"""

# libp2p calls these, or reads what they replace
_.validate, _.add_provider, _.network, _.multiaddr
_.disconnected, _.opened_stream, _.closed_stream, _.listen_close
_.new_conn, _.consume_peer_record, _.multiselect, _._schedule_identify, _.muxer_multistream
_.read_delim, _._dial_resolved, _.create_listener, _.run_background_task, _.maybe_connect
_.auto_connector, _._handle_inbound_connection
_.is_established, _.accept_stream, _.set_deadline, _.get_transport_addrs
# a registry of Prometheus' client calls it
_.collect
# Python calls it with these
_.exc_type, _.exc_val, _.exc_tb
# trio asks a limiter of threads for these
_.acquire_on_behalf_of, _.release_on_behalf_of, _.borrower
# argparse and sqlite3 read these
_.formatter_class, _.description, _.text_factory
# a genesis document names these: module:Class
_.Cifar, _.Digits, _.Images, _.Flower, _.Still, _.Tumours, _.LowDigits
# fields of documents that are printed whole
_.trigger, _.identified, _.log2_failure, _.slices, _.noise_multiplier, _.accountant
_.epsilon_spent, _.epsilon_budget, _.rounds_opened, _.rounds_max
# a number that docs/protocol.md states as a bound, and the one that belongs to it
_.MAX_INTEGER, _.MIN_INTEGER
# tables and swarms that the tests run through; the package has them beside what they are about
_.FIELDS, _.PUBLISHED, _.MUTATIONS, _.DEADLOCKS, _.FOUR, _.EIGHT, _.NINE, _.TEN, _.SEATED
# counters and states by which tests see what a daemon does silently
_.process_id, _.dropped_subscribers, _.duplicates, _.oversized, _.failed_handlers, _.unread
# Flower's messages read these
_.task_id, _.run_id, _.node_id
# TenSEAL reads it
_.global_scale
# the ssl module reads it
_.num_tickets
# for whoever accounts for a group's privacy budget
_.spent
