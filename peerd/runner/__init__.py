"""The daemon's life: it wires the parts together and carries out what the round core asks for."""
