"""THINKING: no I/O, no clock, no thread, no log, no randomness; standard library only."""
