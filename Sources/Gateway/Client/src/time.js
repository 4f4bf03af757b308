// Waiting that can be ended, and a clock that neither sleep nor a changed wall clock deceives.

/** Aborts what waits for it: something happened that is worth looking at now. */
export class Interrupted extends Error {
  constructor(reason) {
    super(reason);
    this.name = 'Interrupted';
    this.reason = reason;
  }
}

/** Resolves after `ms`, or at once with false when the signal is aborted. */
export function sleep(ms, signal) {
  return new Promise(resolve => {
    if (signal?.aborted) return resolve(false);
    const done = finished => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      resolve(finished);
    };
    const onAbort = () => done(false);
    const timer = setTimeout(done, Math.max(0, ms), true);
    signal?.addEventListener('abort', onAbort);
  });
}

/**
 * Time since a moment. `performance.now()` stands still while some machines sleep, `Date.now()` jumps when somebody
 * sets the clock: the larger of both is never too small for long.
 */
export class Stopwatch {
  #wall;
  #steady;
  constructor() { this.restart(); }
  restart() {
    this.#wall = Date.now();
    this.#steady = performance.now();
  }
  get elapsed() { return Math.max(performance.now() - this.#steady, Date.now() - this.#wall); }
}

/** Calls `bark` when nobody was heard for `limit` ms. `check()` looks at once: timers are late after sleep. */
export class Watchdog {
  #heard = new Stopwatch();
  #timer;
  constructor(limit, bark) {
    this.limit = limit;
    this.bark = bark;
    this.#arm(limit);
  }
  heard() { this.#heard.restart(); }
  check() {
    const left = this.limit - this.#heard.elapsed;
    clearTimeout(this.#timer);
    if (left <= 0) this.bark();
    else this.#arm(left);
  }
  stop() { clearTimeout(this.#timer); }
  #arm(ms) { this.#timer = setTimeout(() => this.check(), ms + 5); }
}

/** How long to wait before attempt `n` (0, 1, …): full jitter, so that a thousand tills do not return as one. */
export function backoff(n, {backoffMs, backoffMaxMs}, random = Math.random) {
  return backoffMs / 4 + random() * Math.min(backoffMaxMs, backoffMs * 2 ** Math.min(n, 20));
}

/** 26 characters, sortable by time; strictly increasing within a page (ULID). */
let lastStamp = 0, lastTail = [];
export function ulid() {
  const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
  const stamp = Math.max(Date.now(), lastStamp);
  if (stamp === lastStamp) {
    let place = 15;
    while (place > 0 && lastTail[place] === 31) lastTail[place--] = 0;
    lastTail[place] += 1;
  } else {
    lastTail = Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte & 31);
    lastTail[0] &= 15;
  }
  lastStamp = stamp;
  let text = '';
  for (let rest = stamp, place = 0; place < 10; place += 1, rest = Math.floor(rest / 32)) {
    text = digits[rest % 32] + text;
  }
  return text + lastTail.map(digit => digits[digit]).join('');
}
