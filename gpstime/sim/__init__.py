"""PRETENDING: simulated boards, shipped and documented, never chosen silently."""
