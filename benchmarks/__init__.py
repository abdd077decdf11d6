"""Re-runnable measurements: `make bench` prints each as a table and as JSON."""
