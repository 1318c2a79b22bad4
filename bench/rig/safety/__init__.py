"""What keeps a rig safe when the bench fails: supervisor, envelope, safe state, lock."""
