"""Pictures as pure functions of products, shared by page, notebook and report."""
