"""Where data comes from: generators, files, archives."""
