// The leader's work: everything, then what changed, for ever. One loop; each turn looks where it stands and takes one
// step; what goes wrong is answered in one place.
//
//            ┌──────────► download ────────────┐
//   410, reset, too many differ                ▼
//            │                             catching up ◄──────────── gap, mismatch, wake-up ─────┐
//            │                                 ▼ (has_more is false, totals agree or are healed)  │
//            └──────────────────── stream · long-poll · poll ────────────────────────────────────┘

import {difference} from './heal.js';
import {Refusal, Unreachable} from './server.js';
import {Interrupted, Stopwatch, Watchdog, backoff, sleep} from './time.js';

/** The stream has told us that it cannot go on from here. */
class Gap extends Error {}

export class Sync {
  #controller = new AbortController();
  #isStopped = false;
  #isCaughtUp = false;
  /** Entities that differed when asked again: 1, healed; 2, downloaded; 3, it is not us: believed as they are. */
  #doubts = new Map();
  #resets = 0;
  #isOffline = false;
  #failures = 0;
  #cutDownloads = 0;
  #heartbeatMs;
  #retryMs;
  #watchdog;
  #etag;
  #acknowledged;
  #sinceAck = new Stopwatch();

  /**
   * `commit(commit)` makes a whole round visible and durable; `say(state, details)` tells the truth; `onRevoked()`
   * forgets everything; `onContact()` is called whenever the server has answered.
   */
  constructor({server, replica, ladder, settings, commit, say, onRevoked, onContact}) {
    Object.assign(this, {server, replica, ladder, settings, commit, say, onRevoked, onContact});
    this.#heartbeatMs = settings.heartbeatMs;
  }

  async run() {
    while (!this.#isStopped) {
      try {
        await this.#step();
        this.#failures = 0;
      } catch (problem) {
        if (!this.#isStopped) await this.#recover(problem);
      }
    }
  }

  stop() {
    this.#isStopped = true;
    this.#controller.abort(new Interrupted('stopped'));
  }

  /** Somebody looks at the screen: is the stream still heard; is there a line again? */
  look() {
    if (this.#watchdog) this.#watchdog.check();
    else if (this.#isOffline) this.wake('look');
  }

  /** Something happened that the network layer cannot know: trust nothing that is open. */
  wake(reason) {
    if (reason === 'online') this.ladder.reconsider();
    this.#isCaughtUp = false;
    this.#controller.abort(new Interrupted(reason));
  }

  /** While polling: do not wait for the next turn. */
  hurry() { if (!this.#watchdog) this.wake('hurry'); }

  async #step() {
    if (this.#controller.signal.aborted) this.#controller = new AbortController();
    if (!this.replica.position) return this.#download();
    if (!this.#isCaughtUp) return this.#catchUp();
    const way = this.ladder.choose(performance.now());
    return way === 'stream' ? this.#stream() : this.#poll(way);
  }

  get #signal() { return this.#controller.signal; }
  get #entities() { return this.settings.entities?.join(','); }

  // Download

  async #download() {
    this.say('downloading', {progress: 0});
    if (this.#cutDownloads < 2) await this.#downloadLines();
    else await this.#downloadPages();
    this.#cutDownloads = 0;
    this.#isCaughtUp = false;
  }

  /** One answer, a record a line. Without its last line it was cut short and nothing of it counts. */
  async #downloadLines() {
    const end = this.#guarded(this.settings.silenceMs, new Unreachable('cut'));
    let records = 0, trailer;
    try {
      const lines = this.server.lines('sync/full', {
        query: {entities: this.#entities}, headers: {Accept: 'application/x-ndjson'}, ...end,
      });
      for await (const text of lines) {
        const line = JSON.parse(text);
        if (line.record) {
          this.replica.stage(line.entity, line.record.id, line.record);
          records += 1;
          if (records % 500 === 0) this.say('downloading', {progress: records});
        } else if (line.sync_token) {
          trailer = line;
        } else {
          this.replica.beginFull(line);
        }
      }
      if (!trailer) throw new Unreachable('cut');
    } catch (error) {
      if (!(error instanceof Refusal) && records) this.#cutDownloads += 1;
      throw error instanceof SyntaxError ? new Unreachable('cut', error) : error;
    } finally {
      end.clear();
      if (!trailer) this.replica.abandonRound();
    }
    const {round} = this.replica;
    for (const entity of Object.keys(trailer.data)) if (!round.changes.has(entity)) round.changes.set(entity, new Map());
    round.token = trailer.sync_token;
    await this.#finish(this.replica.settle(trailer.data));
  }

  /** In pages, for lines that do not hold: a cut costs one page. */
  async #downloadPages() {
    let query = {limit: this.settings.pageRecords};
    if (!this.replica.round?.full) await this.#take(await this.#get('sync/full', query));
    while (this.replica.round) {
      query = {sync_token: this.replica.cursor.token, limit: this.settings.pageRecords};
      await this.#take(await this.#get('sync/changes', query));
    }
  }

  // Catching up

  async #catchUp() {
    this.say('catching-up');
    let wrong;
    do {
      const query = {sync_token: this.replica.cursor.token, limit: this.settings.pageRecords};
      wrong = await this.#take(await this.#get('sync/changes', query));
    } while (this.replica.round);
    if (wrong?.length) return this.#heal(wrong);
    for (const [entity, level] of this.#doubts) if (level < 3) this.#doubts.delete(entity);
    this.#isCaughtUp = true;
    return undefined;
  }

  /** Asked again, they still differ: fetch what does. If that did not help, everything; and then no more. */
  async #heal(entities) {
    for (const entity of entities) {
      const level = (this.#doubts.get(entity) ?? 0) + 1;
      this.#doubts.set(entity, level);
      const found = level === 1 ? await this.#difference(entity) : undefined;
      this.settings.onDrift?.({entity, level, records: found && found.upserts.length + found.deletes.length});
      if (!found && level < 3) return this.#download();
      if (found) await this.commit(this.replica.repair(entity, found.upserts, found.deletes));
    }
    return undefined;
  }

  async #difference(entity) {
    try {
      return await difference(this.server, entity, this.replica.records.get(entity) ?? new Map(), this.#signal);
    } catch (problem) {
      if ([403, 404, 422, 501].includes(problem.status)) return undefined;
      throw problem;
    }
  }

  #get(path, query, more) {
    return this.server.json(path, {query: {entities: this.#entities, ...query}, signal: this.#signal, ...more});
  }

  /** A delta. Returns the entities that do not agree with the server's totals. */
  async #take(delta, isStreamed = false) {
    const taken = this.replica.take(delta);
    // A poll from our own token leaves no gap, unless what we stored does not belong together.
    if (taken === 'gap' && isStreamed) throw new Gap(taken);
    if (taken === 'gap' || taken === 'epoch') throw new Refusal(410, {reason: taken});
    this.onContact();
    if (typeof taken === 'string') {
      this.say('catching-up', {progress: this.replica.round?.to - this.replica.position?.to || 0});
      return undefined;
    }
    return this.#finish(taken);
  }

  async #finish(commit) {
    if (commit.full || commit.changes.size) await this.commit(commit);
    return commit.wrong.filter(entity => this.#doubts.get(entity) !== 3);
  }

  // The stream

  async #stream() {
    const lived = new Stopwatch();
    const end = this.#guarded(Math.min(this.settings.helloMs, 2.5 * this.#heartbeatMs), new Unreachable('silent'));
    this.#watchdog = end.watchdog;
    const seen = {hello: false, ready: false, bye: undefined};
    if (this.ladder.rung === 'stream') this.say('catching-up', {reason: 'connecting'});
    try {
      for await (const event of this.#open(end)) await this.#hear(event, seen, end.watchdog);
      throw new Unreachable('cut');
    } catch (problem) {
      if (problem instanceof Interrupted || problem instanceof Refusal || problem instanceof Gap) throw problem;
      if (problem.kind === 'network' && !seen.hello) throw problem;
      await this.#streamEnded(seen, problem, lived.elapsed);
    } finally {
      end.clear();
      this.#watchdog = undefined;
    }
  }

  #open(end) {
    const {token} = this.replica.cursor;
    const query = {entities: this.#entities};
    if (this.settings.eventSource) {
      return this.server.eventSource({query: {...query, sync_token: token}, ticket: this.settings.ticket, ...end});
    }
    const onRetry = ms => { this.#retryMs = ms; };
    return this.server.events({query, headers: {'Last-Event-ID': token}, onRetry, ...end});
  }

  async #hear({event, id, data}, seen, watchdog) {
    const news = JSON.parse(data);
    if (event === 'hello') {
      seen.hello = true;
      this.#heartbeatMs = (news.heartbeat_seconds || 1) * 1000;
      watchdog.limit = 2.5 * this.#heartbeatMs;
      this.onContact();
    } else if (event === 'change') {
      const wrong = await this.#take(news, true).finally(() => watchdog.heard());
      if (wrong?.length) throw new Gap('totals differ');
    } else if (event === 'ready' || event === 'heartbeat') {
      if (news.reset) return;
      const verdict = this.replica.moved(news, id);
      if (verdict === 'epoch') throw new Refusal(410, {reason: verdict});
      if (verdict === 'gap') throw new Gap(event);
      if (event === 'ready') {
        seen.ready = true;
        this.#failures = this.#resets = 0;
        this.say('live');
      } else if (seen.ready) {
        this.ladder.streamWorked();
      }
      this.#acknowledge();
    } else if (event === 'reset') {
      throw new Refusal(410, {message: news.reason, reason: news.reason});
    } else if (event === 'bye') {
      seen.bye = news;
    }
  }

  /** What an end means: the server said why, or the way there is bad. */
  async #streamEnded(seen, {kind}, livedMs) {
    const {bye} = seen;
    if (bye?.reason === 'revoked') return this.#revoked();
    if (seen.ready && livedMs >= this.settings.shortMs) this.ladder.streamWorked();
    if (bye?.reason === 'limit' || bye?.reason === 'superseded') {
      this.ladder.turnedAway(bye.reason, performance.now(), bye.retry_ms);
      return undefined;
    }
    if (bye) return this.#pause('catching-up', bye.reason, bye.reason === 'credential' ? 1000 : bye.retry_ms ?? 1000);
    // Is it the line, or only the stream? A plain question tells; without an answer this throws, and we are offline.
    // A moment first: what cut us may have cut a thousand tills.
    if (seen.ready) await this.#pause('catching-up', kind, 500 * Math.random());
    await this.#catchUp();
    const isShort = !seen.ready || livedMs < this.settings.shortMs;
    if (kind === 'silent' || isShort) {
      this.ladder.failed('stream', seen.hello ? (kind === 'silent' ? 'silent' : 'short') : 'buffered', performance.now());
    }
    if (this.ladder.rung !== 'stream') return undefined;
    return this.#pause('catching-up', kind, kind === 'silent' ? 0 : this.#retryMs ?? 1000);
  }

  async #revoked() {
    if (await this.server.renew()) return;
    this.#isStopped = true;
    await this.onRevoked();
  }

  /** Tells the server from time to time what is stored here: deletions up to there need not be kept for us. */
  #acknowledge() {
    const {token} = this.replica.position;
    if (this.replica.round || token === this.#acknowledged || this.#sinceAck.elapsed < this.settings.ackMs) return;
    this.#sinceAck.restart();
    this.#acknowledged = token;
    this.server.json('sync/ack', {method: 'POST', body: {sync_token: token}}).catch(() => {});
  }

  // Polling

  async #poll(way) {
    const wait = way === 'long-poll' ? Math.round(this.settings.waitMs / 1000) : undefined;
    this.say(way === 'long-poll' ? 'long-polling' : 'polling', {reason: this.ladder.reason});
    const {token} = this.replica.cursor;
    let delta;
    try {
      delta = await this.#get('sync/changes', {sync_token: token, limit: this.settings.pageRecords, wait}, {
        headers: this.#etag?.token === token ? {'If-None-Match': this.#etag.text} : {},
        timeoutMs: wait ? this.settings.waitMs + 10_000 : undefined,
      });
    } catch (problem) {
      const isOurs = problem instanceof Interrupted || problem.status < 500;
      if (isOurs || !wait) throw problem;
      await this.#catchUp();
      this.ladder.failed(way, 'long-poll', performance.now());
      return;
    }
    this.ladder.pollWorked();
    this.#resets = 0;
    this.onContact();
    if (delta) {
      const wrong = await this.#take(delta);
      this.#etag = {token: this.replica.cursor.token === token ? token : undefined, text: delta.etag};
      if (this.replica.round || wrong?.length) this.#isCaughtUp = false;
    }
    if (!wait && this.#isCaughtUp) {
      const ms = Math.min(this.settings.pollMs * (0.9 + 0.2 * Math.random()), this.ladder.untilProbe(performance.now()));
      await sleep(ms, this.#signal);
    }
  }

  // What goes wrong

  async #recover(problem) {
    if (problem instanceof Interrupted) return undefined;
    if (problem instanceof Gap) {
      this.#isCaughtUp = false;
      return undefined;
    }
    const n = this.#failures;
    this.#failures += 1;
    const wait = backoff(n, this.settings);
    if (!(problem instanceof Refusal)) {
      if (!(problem instanceof Unreachable)) this.settings.onError?.(problem);
      return this.#pause('offline', problem.kind ?? problem.message, wait);
    }
    switch (problem.status) {
      case 410:
        this.replica.forgetPosition();
        this.#resets += 1;
        return this.#resets < 3 ? undefined : this.#pause('catching-up', problem.body?.reason, wait * this.#resets);
      case 401: return this.#pause('signed-out', problem.message, this.settings.signedOutMs);
      case 429: case 503: return this.#pause(undefined, problem.message, (problem.retryAfterMs ?? 0) + wait);
      default:
        return problem.status >= 500
          ? this.#pause('offline', problem.message, wait)
          : this.#pause('refused', problem.message, this.settings.signedOutMs);
    }
  }

  async #pause(state, reason, ms) {
    this.say(state, {reason, retryAt: Date.now() + ms});
    this.#isOffline = state === 'offline';
    await sleep(ms, this.#signal);
    this.#isOffline = false;
  }

  /** A signal that ends what is silent for `ms`, and with this loop's step. */
  #guarded(ms, reason) {
    const controller = new AbortController();
    const watchdog = new Watchdog(ms, () => controller.abort(reason));
    const outer = this.#signal;
    const onAbort = () => controller.abort(outer.reason);
    outer.addEventListener('abort', onAbort);
    return {
      signal: controller.signal, heard: () => watchdog.heard(), watchdog,
      clear() {
        watchdog.stop();
        outer.removeEventListener('abort', onAbort);
      },
    };
  }
}
