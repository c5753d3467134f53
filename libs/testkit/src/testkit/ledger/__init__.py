"""The ledger's contract, as tests. An adapter without a subclass of `LedgerContract` is none."""
