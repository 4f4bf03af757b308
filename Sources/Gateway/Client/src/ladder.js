// Which way changes come: stream, long-poll, poll. Decided by what really happened, tried again upwards after a while.
// A value: it knows no network, and time is handed in.

export class Ladder {
  rung = 'stream';
  /** Why not the stream. */
  reason = undefined;
  #failures = 0;
  #pauseMs;
  #retryAt = Infinity;

  constructor({probeMs, probeMaxMs}) {
    this.probeMs = probeMs;
    this.probeMaxMs = probeMaxMs;
    this.#pauseMs = probeMs;
  }

  /** What to try now: the rung below the best one is left from time to time, to see whether the stream works again. */
  choose(now) { return now >= this.#retryAt ? 'stream' : this.rung; }

  /** ms until the stream is tried again. */
  untilProbe(now) { return this.#retryAt - now; }

  /** A stream was live for a while. */
  streamWorked() {
    this.rung = 'stream';
    this.reason = undefined;
    this.#failures = 0;
    this.#pauseMs = this.probeMs;
    this.#retryAt = Infinity;
  }

  /** A poll was answered. */
  pollWorked() { if (this.rung !== 'stream') this.#failures = 0; }

  /**
   * The way tried did not work although the server can be reached. `short`: cut before it was of use; `silent`: open,
   * but nothing came; `buffered`: not even the first event came through, so somebody on the way holds it back.
   */
  failed(tried, kind, now) {
    if (tried === 'stream' && this.rung !== 'stream') return this.#rest(now, kind);
    this.#failures += 1;
    if (kind !== 'buffered' && this.#failures < 3) return undefined;
    return this.#fall(kind, now);
  }

  /** The stream was refused where it worked, or its probe was: that says nothing of the way below. `ms`: the server's wish. */
  turnedAway(reason, now, ms) {
    return this.rung === 'stream' ? this.#fall(reason, now, ms) : this.#rest(now, reason, ms);
  }

  /** One rung down. `ms`: until the stream is tried again. */
  #fall(reason, now, ms) {
    this.rung = this.rung === 'stream' ? 'long-poll' : 'poll';
    this.reason = reason;
    this.#failures = 0;
    if (ms) this.#retryAt = now + ms;
    else if (this.#retryAt === Infinity) this.#retryAt = now + this.#pauseMs;
    return this.rung;
  }

  /** The network is another one: try the stream now. */
  reconsider() { if (this.rung !== 'stream') this.#retryAt = 0; }

  #rest(now, reason, ms) {
    this.reason = reason;
    this.#pauseMs = Math.min(this.#pauseMs * 2, this.probeMaxMs);
    this.#retryAt = now + (ms ?? this.#pauseMs);
  }
}
