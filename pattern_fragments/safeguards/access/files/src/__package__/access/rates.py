"""How often somebody may ask: token buckets (https://en.wikipedia.org/wiki/Token_bucket)."""

from collections import OrderedDict


class Bucket:
    """Lets `burst` requests pass at once, and `per_s` a second in the long run."""

    __slots__ = ("_at", "_burst", "_per_s", "_tokens")

    def __init__(self, per_s: float, burst: int, now: float) -> None:
        self._per_s = per_s
        self._burst = float(burst)
        self._tokens = self._burst
        self._at = now

    def take(self, now: float) -> float:
        """Take a token: 0.0 when there is one, else the seconds until there will be.

        `now` is in seconds of a clock that does not go back.
        """
        tokens = min(self._burst, self._tokens + (now - self._at) * self._per_s)
        self._at = now
        if tokens >= 1.0:
            self._tokens = tokens - 1.0
            return 0.0
        self._tokens = tokens
        return (1.0 - tokens) / self._per_s


class Strangers:
    """A bucket for each address, of the `most` addresses that were heard of last."""

    def __init__(self, per_s: float, burst: int, most: int) -> None:
        self._per_s = per_s
        self._burst = burst
        self._most = most
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, address: str, now: float) -> float:
        """Take a token of an address, as from a bucket."""
        bucket = self._buckets.get(address)
        if bucket is None:
            bucket = self._buckets[address] = Bucket(self._per_s, self._burst, now)
            if len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(address)
        return bucket.take(now)
