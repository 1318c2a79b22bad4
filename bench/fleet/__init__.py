"""The reference dispatcher of a fleet. Like `ems`, it imports of the bench only `can` and `protocols`."""
