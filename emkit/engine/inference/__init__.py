"""Standard errors from the EM map."""
