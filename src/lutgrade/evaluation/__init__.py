"""Scoring of models on data whose right answer is known."""
