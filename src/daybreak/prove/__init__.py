"""Show that the checks can fail: plant defects where they do no harm, and see that the checks find each."""
