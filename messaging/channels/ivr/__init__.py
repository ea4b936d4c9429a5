"""Calls through Asterisk's REST interface (ARI): a text is played to who answers, and keys are taken."""

from messaging.channels.ivr.transport import IvrTransport

__all__ = ["IvrTransport"]
