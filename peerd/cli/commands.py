"""The table of commands: what ``peerd --help`` lists, and which module does each."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast


class CommandModule(Protocol):
    """What a command's module offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""

    def main(self, args: argparse.Namespace) -> int:
        """Do it; the exit code."""


@dataclass(frozen=True, slots=True)
class Command:
    """One noun of the command line."""

    name: str
    module: str
    summary: str

    def load(self) -> CommandModule:
        """Import the module: only now, so that ``peerd --help`` is quick."""
        return cast(CommandModule, import_module(self.module))


COMMANDS = (
    Command("init", "peerd.cli.init", "make a peer: its key and its configuration"),
    Command("group", "peerd.cli.group", "make, sign, merge, verify and show a group's genesis"),
    Command("data", "peerd.cli.data", "check a table: how it is read, what it would tell"),
    Command("up", "peerd.cli.up", "sign a genesis, wait for the others' signatures, and run"),
    Command("run", "peerd.cli.run", "run the daemon"),
    Command("status", "peerd.cli.status", "show what the daemon is doing"),
    Command("top", "peerd.cli.top", "a live view of the daemon's group"),
    Command("dashboard", "peerd.cli.dashboard", "print the address of the daemon's page"),
    Command("rounds", "peerd.cli.rounds", "list the rounds, or show one"),
    Command("peers", "peerd.cli.peers", "list the group's peers and their links"),
    Command("model", "peerd.cli.model", "export, verify and use a certified model"),
    Command("blame", "peerd.cli.blame", "list who broke the protocol, export the proof"),
    Command("abandon", "peerd.cli.abandon", "give up a decided cohort whose sum is lost for good"),
    Command("pause", "peerd.cli.stay", "have this peer stay away from further rounds, announced"),
    Command("resume", "peerd.cli.stay", "have a paused peer take part again"),
    Command("drain", "peerd.cli.stay", "finish the round, say goodbye, and stop the daemon"),
    Command("reload", "peerd.cli.stay", "have the daemon read its configuration again"),
    Command(
        "officer", "peerd.cli.officer", "officers' second factors, and orders that wait for two"
    ),
    Command("trail", "peerd.cli.trail", "show and verify who did what to this daemon"),
    Command("plan", "peerd.cli.plan", "size a committee"),
    Command("privacy", "peerd.cli.privacy", "plan noise for people's privacy, and what is spent"),
    Command("bench", "peerd.laboratory.bench.cli", "measure a role's work for one round"),
    Command("swarm", "peerd.cli.swarm", "run a whole group on this machine, liars included"),
    Command("demo", "peerd.cli.demo", "a swarm with defaults, and the story of what happened"),
    Command("simulate", "peerd.cli.simulate", "whole groups in virtual time, faults by seed"),
    Command("lab", "peerd.cli.lab", "measure robust rules against attacks"),
    Command(
        "audit",
        "peerd.cli.audit",
        "verify a group's whole history, or a round of it, from the genesis alone",
    ),
    Command(
        "storage", "peerd.cli.storage", "encrypt what lies on the disk, replace its keys, check it"
    ),
    Command("open", "peerd.cli.open", "open a file that was written with --seal"),
    Command("doctor", "peerd.cli.doctor", "look for what would keep a daemon from running"),
    Command("completion", "peerd.cli.completion", "print what a shell completes peerd's words by"),
    Command("version", "peerd.cli.version", "show the versions of peerd and what it stands on"),
)
