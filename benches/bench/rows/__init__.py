"""The rows of the table. Each file measures a group of them."""
