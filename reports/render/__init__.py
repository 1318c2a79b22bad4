"""The outputs of a run: HTML, PDF, JUnit, terminal; `view` words everything once for all of them."""
