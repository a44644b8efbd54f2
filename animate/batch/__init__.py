"""Many jobs: a manifest, its ledger, workers here or on a cluster, segments of long videos."""
