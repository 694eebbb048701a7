"""TOUCHING: one file per kernel interface or chip."""
