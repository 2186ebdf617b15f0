"""The rules: their words, how they are compiled, what is decided and how it is told."""
