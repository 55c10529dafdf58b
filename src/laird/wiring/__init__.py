"""Assembly: the only floor that names concrete classes and builds the running program."""
