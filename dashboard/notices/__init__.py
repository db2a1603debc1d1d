"""What a deployment sends when a run ends or waits for its owner: a POST to a webhook, a mail to the owner."""
