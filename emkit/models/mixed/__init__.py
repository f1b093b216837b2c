"""Tables of numbers and categories: classes with local dependence."""
