"""Linear models of responses that are known to lie in an interval."""
