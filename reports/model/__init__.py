"""The data of a run and its JSON, the checked values and findings that every output shares."""
