"""SHOWING: text for people."""
