"""`v2g-bench qualify --defects`: runs the seeded defects as a user would, each in processes of its own."""
