"""RUNNING: one function a command."""
