"""Determinations to cards, coverage information and questionnaires."""
