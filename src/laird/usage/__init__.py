"""The journal and the ledger: nothing acknowledged is lost, nothing is counted twice."""
