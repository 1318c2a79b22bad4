"""What protects the battery: one core for each rule, without I/O, clock or thread."""
