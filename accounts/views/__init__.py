"""Pages: parse, one service or selector, respond."""
