"""What the classes of a mixture say of their columns, one file a family."""
