"""Maximum likelihood with incomplete data, for people who work in scikit-learn."""
