"""The command line: ``peerd NOUN [VERB]``. Each command is a module, imported when it is used."""
