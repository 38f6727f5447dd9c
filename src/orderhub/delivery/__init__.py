"""Events out: the feed, read on from any place."""
