// Sends the outbox, in order, a batch at a time, until everything is answered. Only the leading tab does.

import {wire} from './outbox.js';
import {Refusal} from './server.js';
import {Interrupted, backoff, sleep} from './time.js';

export class Uploads {
  #isRunning = false;
  #isStopped = false;
  #wake = new AbortController();
  #most;
  /** Resolves when the batch on its way is answered: a delta waits for that a moment, see `Client`. */
  inFlight = undefined;

  /** `answered(sent, answer)` records what became of them; `problem(error)` is told why it waits. */
  constructor({server, outbox, settings, answered, problem}) {
    Object.assign(this, {server, outbox, settings, answered, problem});
    this.#most = settings.batchOperations;
  }

  stop() {
    this.#isStopped = true;
    this.#wake.abort(new Interrupted('stopped'));
  }

  /** There is something to send, or the server was heard of again. */
  async go() {
    this.#wake.abort();
    if (this.#isRunning) return;
    this.#isRunning = true;
    let failures = 0;
    while (!this.#isStopped) {
      const batch = this.outbox.next(this.#most);
      if (!batch.length) break;
      this.#wake = new AbortController();
      try {
        this.inFlight = this.server.json('sync/batch', {method: 'POST', body: {operations: batch.map(wire)}});
        await this.answered(batch, await this.inFlight);
        failures = 0;
      } catch (error) {
        if (this.#cannotBeSent(error, batch)) continue;
        this.problem(error);
        await sleep((error.retryAfterMs ?? 0) + backoff(failures, this.settings), this.#wake.signal);
        failures += 1;
      } finally {
        this.inFlight = undefined;
      }
    }
    this.#isRunning = false;
  }

  /** A batch refused as a whole: smaller; and if it is one operation, or one group, already, it is set aside. */
  #cannotBeSent(error, batch) {
    if (!(error instanceof Refusal) || ![400, 413, 422].includes(error.status)) return false;
    if (this.#most > 1) {
      this.#most = Math.ceil(this.#most / 4);
      return true;
    }
    const results = batch.map(({op_id}) => ({op_id, status: 'invalid', http_status: error.status, message: error.message, errors: error.body?.errors}));
    this.answered(batch, {results});
    return true;
  }
}
