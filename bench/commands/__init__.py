"""The command `v2g-bench`: one module for each subcommand. On top of all rooms: nothing imports it."""
