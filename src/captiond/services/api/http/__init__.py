"""HTTP details: problem documents, paging, the upload form, image responses."""
