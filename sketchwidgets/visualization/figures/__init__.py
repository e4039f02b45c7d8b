"""Pictures of results, drawn without a browser."""
