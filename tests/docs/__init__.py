"""The documentation is true of the program."""
