"""What listens at a database's address: TLS, certificates, and the way to the server's own socket."""
