"""The demo accounts of a local set-up: shown on the front page and by `make run`; no other base has them."""

DEMO_ACCOUNTS = ("admin", "marketing", "care")
DEMO_PARTNERS_PEOPLE = ("owner@arbat.example", "editor@arbat.example")
DEMO_PASSWORD = "smart-demo-2026"
