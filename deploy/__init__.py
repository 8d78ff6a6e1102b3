"""How Lungline is deployed; `python -m deploy.check` checks it without a container engine."""
