"""REMEMBERING: the open capture and recorded worlds."""
