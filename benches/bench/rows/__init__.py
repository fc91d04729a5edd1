"""The rows of the table: each file measures a group of them."""
