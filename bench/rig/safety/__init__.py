"""What keeps a rig safe when the bench fails: supervisor, envelope, safe state, lock.

Public names:

    envelope           Envelope
    lock               require_free, shared, take
    physical           Physical, physical_side, stimulates
    safe_state         stop_inverter
    supervisor_client  SupervisorClient
"""
