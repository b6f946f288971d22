"""Run directories, and the tables made from them."""
