"""Many runs: the index, trends, what changed, and the page that shows them."""
