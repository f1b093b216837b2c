"""Distributions without a law, of failure times that are only known to lie in an interval."""
