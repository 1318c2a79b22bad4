"""The controller as a service: the process, its control socket, log, state file and override trail."""
