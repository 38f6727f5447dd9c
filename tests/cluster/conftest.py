"""Only where there is a cluster: `make test-cluster` says what it needs."""

from tests.support import cluster

collect_ignore_glob = [] if cluster.named() else ["test_*.py"]
