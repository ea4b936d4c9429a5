"""Whether the peer is still there: asked after a silence, and sooner when it owes us answers. Times are monotonic."""

from messaging.channels.smpp.peer import Lost, Peer


class Pulse:
    """Of one connection; `oldest` is when the oldest unanswered PDU was written, None when there is none."""

    def __init__(self, peer: Peer, *, now: float) -> None:
        self._peer = peer
        self._opened_at = self._heard_at = now
        self._enquired_at: float | None = None
        self.is_suspect = False  # an answer is overdue: write nothing more into what may be a black hole

    def heard(self, now: float) -> None:
        self._heard_at = now
        self._enquired_at, self.is_suspect = None, False

    def require_bind(self, now: float) -> None:
        """Raise Lost when the bind has not been answered in time."""
        if now > self._opened_at + self._peer.response_seconds:
            raise Lost("bind_timeout")

    def is_to_enquire(self, now: float, oldest: float | None, *, is_bound: bool) -> bool:
        """True when enquire_link is to be written now. Raises Lost when the last one was not answered in time."""
        if self._enquired_at is not None:
            if now > self._enquired_at + self._peer.response_seconds:
                raise Lost("silent")
            return False
        if not is_bound:
            return False
        is_owed = oldest is not None and now >= self._owed_from(oldest)
        if is_owed or self.is_suspect or now >= self._heard_at + self._peer.enquire_link_seconds:
            self._enquired_at = now
            return True
        return False

    def due(self, oldest: float | None) -> float:
        """When there is something to ask or to give up."""
        dues = [self._heard_at + self._peer.enquire_link_seconds]
        if oldest is not None and self._enquired_at is None:
            dues.append(self._owed_from(oldest))
        if self._enquired_at is not None:
            dues.append(self._enquired_at + self._peer.response_seconds)
        return min(dues)

    def _owed_from(self, oldest: float) -> float:
        return max(self._heard_at, oldest) + self._peer.response_seconds / 2
