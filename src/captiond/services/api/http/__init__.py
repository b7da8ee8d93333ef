"""HTTP formats: problem documents, paging, the upload form, digests, image responses, JSON bodies."""
