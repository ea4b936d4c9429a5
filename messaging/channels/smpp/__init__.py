"""SMPP 3.4 to an SMSC.

pdus.py says how messages and receipts are written; pace.py how fast; handing.py what became of each message;
link.py keeps one bound connection; receipts.py stores before it acknowledges; transport.py is what a sender sees.
"""

from messaging.channels.smpp.transport import SmppTransport

__all__ = ["SmppTransport"]
