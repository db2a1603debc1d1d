"""The one adapter to MMODA; only here is oda_api imported."""
