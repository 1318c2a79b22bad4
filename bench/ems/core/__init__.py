"""The controller's decision: one core that composes the protections, and the parts it is built from."""
