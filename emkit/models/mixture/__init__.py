"""The Gaussian mixture: its steps, starts and prior."""
