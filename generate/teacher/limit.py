"""How many calls one server bears at once: read off its own queue where it shows one, else from its throughput."""

from .metrics import Load

START = 64
MOST = 1024
RETURN = 8  # where a server that was away begins again
QUEUE = (0.05, 0.10)  # waiting at the server for each that runs: enough that it never idles, and no more
ROOMY, FULL = 0.90, 0.95  # of its KV cache
CUT = 0.7  # what is left of the limit when the server turns calls away
REFUSED = 0.05  # the share of calls turned away that is borne
DOUBLING = 1.2  # throughput gained when the limit doubles, for it to double again
GAIN = 1.03  # throughput gained that pays for a higher limit; what is lost to a lower one stays below it
UP, DOWN = 1.25, 0.8
PROBE_AFTER = 60.0  # seconds


class Limit:
    """The limit of one server. It moves only while calls wait for a place: without them nothing is learnt.

    It doubles with each round trip until the server shows a queue. From then on a server with metrics is held
    at a small positive queue. Without metrics, throughput decides, by Little's law: the limit over the time
    that a token takes. The lowest limit that has it is held, and a higher one tried now and then.
    """

    def __init__(self, most: int | None = None) -> None:
        self.most = most or MOST
        self.reached = 0
        self.round_trip = 0.0  # seconds, averaged
        self._shows_queue = False
        self.restart(START)

    def restart(self, at: int = RETURN) -> None:
        """Begin again with few calls, to double from there."""
        self._limit, self.value = float(at), 0
        self.doubling, self._step = True, UP
        self._best, self._held = 0.0, float(at)
        self._answered = self._turned_away = 0
        self._probe_at = self._cut_at = self._sampled_at = 0.0
        self._preemptions: float | None = None
        self._set(at, 0.0)

    def replied(self, now: float, sent: float, tokens: int, wanted: bool) -> None:
        """A call sent at `sent` was answered with so many tokens; `wanted` says whether others wait for a place."""
        self._answered += 1
        self.round_trip += (now - sent - self.round_trip) * (0.02 if self.round_trip else 1.0)
        if not wanted:
            self._changed, self._replies, self._tokens, self._seconds = now, 0, 0, 0.0
            return
        if self.doubling and self.value < self.most:
            self._limit += 1
            self.value = int(self._limit)
            self.reached = max(self.reached, self.value)
        if self._shows_queue:
            return
        if sent >= self._changed or self.doubling:
            self._replies += 1
            self._tokens += tokens or 1
            self._seconds += now - sent
            if self._replies >= self._enough and now - self._changed >= self.round_trip:
                self._weigh(now)

    def turned_away(self, now: float) -> None:
        """A call was refused for load (429), or was not answered in time."""
        self._turned_away += 1
        if self._turned_away <= REFUSED * self._answered or now - self._cut_at < self.round_trip:
            return
        self._cut_at, self.doubling = now, False
        self._answered = self._turned_away = 0
        self._best, self._step, self._probe_at = 0.0, UP, now
        self._set(self._limit * CUT, now)
        self._held = self._limit

    def observed(self, now: float, load: Load, wanted: bool) -> None:
        """What the server's metrics say."""
        self._shows_queue = True
        preempted = self._preemptions is not None and load.preemptions > self._preemptions
        self._preemptions = load.preemptions
        elapsed, self._sampled_at = now - self._sampled_at, now
        if not wanted:
            return
        if preempted or load.cache_use > FULL:
            self.doubling = False
            if now - self._cut_at >= self.round_trip:  # what a cut frees is seen one round trip later
                self._cut_at = now
                self._set(min(self._limit, load.running) * 0.9, now)
        elif load.waiting > QUEUE[1] * load.running + 1:
            self.doubling = False
            self._set((self._limit + (1 + QUEUE[1]) * load.running) / 2, now)
        elif load.waiting < QUEUE[0] * load.running and load.cache_use < ROOMY and not self.doubling:
            paced = min(1.0, elapsed / self.round_trip) if self.round_trip else 1.0
            self._set(self._limit * (1 + 0.1 * paced), now)

    def _weigh(self, now: float) -> None:
        """Enough replies came at this limit: compare its throughput, and settle the next limit."""
        rate = self.value * self._tokens / self._seconds
        if self.doubling:
            if rate >= DOUBLING * self._best and self.value < self.most:
                self._best = rate
                return self._set(self._limit, now)
            self.doubling, self._step, self._held = False, DOWN, self._limit
            self._best = rate
            return self._set(self._limit * DOWN, now)
        if self._limit == self._held:  # neither higher nor lower: it was measured to compare with
            self._best = rate
            self._step = UP
            return self._set(self._limit * UP if now >= self._probe_at else self._limit, now)
        paid = rate > GAIN * self._best if self._step == UP else rate * GAIN > self._best
        if paid:
            self._held, self._best = self._limit, max(rate, self._best)
            return self._set(self._limit * self._step, now)
        self._probe_at = now + PROBE_AFTER
        return self._set(self._held, now)

    def _set(self, limit: float, now: float) -> None:
        """Take a limit and begin to measure it, with the calls sent from now on."""
        self._limit = min(max(limit, 1.0), float(self.most))
        self.value = int(self._limit)
        self.reached = max(self.reached, self.value)
        self._enough = 2 * self.value if not self.doubling else self.value
        self._changed, self._replies, self._tokens, self._seconds = now, 0, 0, 0.0
