"""What a judged value stands on, and how it is recomputed from that."""
