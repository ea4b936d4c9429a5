"""What Prometheus may ask of messages; names and labels hold nothing that comes from outside unchecked."""

from prometheus_client import Counter

# stored | forged | expired | huge | malformed; `transport` is empty unless a signature vouches for it.
RECEIPTS = Counter("smart_receipts", "Delivery receipts that came to our addresses", ["transport", "result"])
