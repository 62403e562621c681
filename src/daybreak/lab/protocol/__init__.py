"""AWS's protocols: how an operation, an error and a signature look on the wire."""
