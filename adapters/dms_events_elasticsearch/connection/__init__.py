"""The way to a server: its address, the login, TLS, what answers there, and errors in words."""
