"""Show that the checks can fail: plant defects where they hurt nobody, and see that each is found."""
