"""The chat over real HTTP and real WebSockets, without a browser."""
