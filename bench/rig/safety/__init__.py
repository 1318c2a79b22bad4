"""What keeps a rig safe whatever becomes of the bench: supervisor, envelope, safe state, lock."""
