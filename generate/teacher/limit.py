"""How many calls one server bears at once: read off its own queue where it shows one, else from its throughput."""

from .metrics import Load

START = 64
MOST = 1024
RETURN = 8  # where a server that was away begins again
QUEUE = (0.05, 0.10)  # waiting at the server for each that runs: enough that it never idles, and no more
ROOMY, FULL = 0.90, 0.95  # of its KV cache
CUT = 0.7  # what is left of the limit when the server turns calls away
REFUSED = 0.05  # the share of calls turned away that is borne
FEWEST = 200  # calls that the share is taken of: one of a few would be much
DOUBLING = 1.2  # throughput gained when the limit doubles, for it to double again
GAIN = 1.03  # throughput gained that pays for a higher limit; what is lost to a lower one stays below it
UP, DOWN = 1.25, 0.8
PROBE_AFTER = 60.0  # seconds


class Limit:
    """The limit of one server. It moves only while calls wait for a place: without them nothing is learnt.

    With metrics it grows by one a reply, so that it doubles with each round trip, until the server shows a queue,
    and is held at a small positive queue from then on. Without metrics, throughput decides, measured by
    Little's law as the limit over the time that a token takes: the limit doubles while that pays, the lowest
    one that has the best throughput is held, and a higher one tried now and then.
    """

    def __init__(self, most: int | None = None) -> None:
        self.most = most or MOST
        self.reached = 0
        self.round_trip = 0.0  # seconds, averaged
        self._shows_queue = False
        self.restart(START)

    def restart(self, at: float = RETURN) -> None:
        """Begin again with few calls, to double from there."""
        self.doubling, self._step = True, UP
        self._best, self._held = 0.0, at
        self._refused = 0.0  # the share of calls turned away, of about the last window of them
        self._probe_at = self._cut_at = self._sampled_at = 0.0
        self._preemptions: float | None = None
        self._set(at, 0.0)

    def replied(self, now: float, sent: float, tokens: int, wanted: bool) -> None:
        """A call sent at `sent` was answered with so many tokens; `wanted` says whether others wait for a place."""
        self._refused -= self._refused / max(self.value, FEWEST)
        self.round_trip += (now - sent - self.round_trip) * (0.02 if self.round_trip else 1.0)
        if not wanted:
            self._changed, self._replies, self._tokens, self._seconds = now, 0, 0, 0.0
            return
        if self._shows_queue:
            if self.doubling and self.value < self.most:
                self._limit += 1
                self.value = int(self._limit)
                self.reached = max(self.reached, self.value)
        elif self._settling:
            self._settling, self._changed = self._settling - 1, now
        elif sent >= self._changed:
            self._replies += 1
            self._tokens += tokens or 1
            self._seconds += now - sent
            if self._replies >= self._enough:
                self._weigh(now)

    def turned_away(self, now: float) -> None:
        """A call was refused for load (429), or was not answered in time."""
        self._refused += (1 - self._refused) / max(self.value, FEWEST)
        if self._refused <= REFUSED or now - self._cut_at < self.round_trip:
            return
        self._cut_at, self.doubling, self._refused = now, False, 0.0
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
        if self.doubling and rate >= DOUBLING * self._best and self.value < self.most:
            self._best = rate
            self._set(2 * self._limit, now)
        elif self.doubling:
            self.doubling, self._step, self._held = False, DOWN, self._limit
            self._set(self._limit, now)
        elif self._limit == self._held:  # what a lower or a higher one is compared with
            self._best = rate
            moves = self._step == DOWN or now >= self._probe_at
            self._set(self._step * self._limit if moves else self._limit, now)
        elif rate > GAIN * self._best if self._step == UP else rate * GAIN > self._best:
            self._best, self._held = max(rate, self._best), self._limit
            self._set(self._step * self._limit, now)
        else:
            self._step, self._probe_at = UP, now + PROBE_AFTER
            self._set(self._held, now)

    def _set(self, limit: float, now: float) -> None:
        """Take a limit and begin to measure it, with the calls sent from now on."""
        self._limit = min(max(limit, 1.0), float(self.most))
        self.value = int(self._limit)
        self.reached = max(self.reached, self.value)
        self._enough = self.value if self.doubling else 2 * self.value  # replies
        self._settling = 0 if self.doubling else self.value  # replies until what was in flight is gone
        self._changed, self._replies, self._tokens, self._seconds = now, 0, 0, 0.0
