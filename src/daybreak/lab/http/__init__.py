"""HTTP as the lab speaks it: a request and a reply, the server, and the names that reach it."""
