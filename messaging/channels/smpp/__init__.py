"""SMPP 3.4 to an SMSC.

transport.py is what a sender sees. handing.py keeps what becomes of each message of a batch. link.py keeps one bound
connection and its thread; it has wire.py for the octets, pulse.py for silence, queries.py for query_sm, and submits.py
for messages: waiting.py holds those not yet written, window.py those not yet answered, pace.py how fast. receipts.py
stores before it acknowledges. pdus.py says how everything is written and read.
"""

from messaging.channels.smpp.transport import SmppTransport

__all__ = ["SmppTransport"]
