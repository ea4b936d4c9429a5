"""What every entry of settings.TRANSPORTS may say, whatever its kind."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured


class Configured:
    """A transport's name, channels, weight, rate and batch, as messaging.channels.base.Transport has them."""

    def __init__(self, options: dict[str, Any], *, channel: str, batch: int) -> None:
        self.name = required(options, "name")
        self.channels: tuple[str, ...] = tuple(options.get("channels", (channel,)))
        self.weight = int(options.get("weight", 1))
        self.rate = float(options.get("rate", 0))
        self.batch = int(options.get("batch", batch))


def required(options: dict[str, Any], name: str) -> str:
    """Return an option that a transport cannot do without. Raises ImproperlyConfigured."""
    value = options.get(name)
    if not isinstance(value, str) or not value:
        raise ImproperlyConfigured(f"Transport {options.get('name', '?')}: {name} is missing")
    return value
