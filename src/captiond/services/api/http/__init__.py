"""HTTP formats that several routes share: problem documents, paging, filters, digests, image responses."""
