"""Commands in, answers out: the queue, the batch, the claim on a repeat, the one commit."""
