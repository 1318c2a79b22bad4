"""The certification report: model, HTML, PDF, JUnit. Reads what a run wrote."""
