"""The command line's commands, a file a group; each loads what it needs when it is called."""
