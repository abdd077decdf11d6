"""Values that hooks take and return, one module per subject."""
