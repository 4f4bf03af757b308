// What an application holds: the records as this device sees them, what it may do to them, and how things stand.
// Every tab has a client with its own copy in memory; one of them leads, syncs and stores for all.

import {Ladder} from './ladder.js';
import {Outbox, groupOf} from './outbox.js';
import {Replica} from './replica.js';
import {Server} from './server.js';
import {memoryStore} from './stores.js';
import {Sync} from './sync.js';
import {Tabs} from './tabs.js';
import {sleep, ulid} from './time.js';
import {Uploads} from './uploads.js';
import {Views} from './views.js';

const DEFAULTS = {
  name: 'tidings', heartbeatMs: 15_000, helloMs: 10_000, silenceMs: 30_000, timeoutMs: 30_000, shortMs: 5_000,
  waitMs: 25_000, pollMs: 15_000, probeMs: 60_000, probeMaxMs: 900_000, backoffMs: 1_000, backoffMaxMs: 60_000,
  signedOutMs: 60_000, ackMs: 300_000, pageRecords: 2_000, batchOperations: 50,
};

export class Client {
  #settings;
  #store;
  #server;
  #replica = new Replica();
  #outbox = new Outbox();
  #views;
  #tabs;
  #sync;
  #uploads;
  #status = {state: 'starting'};
  #statusListeners = new Set();
  #storedTo;
  #mustRewrite = false;
  #writing = Promise.resolve();
  #cleanUp = [];
  #beat;
  #isClosed = false;
  /** Resolves when there are records to show: from the store, another tab or the server. */
  ready;
  #isReady;

  constructor(options) {
    this.#settings = {...DEFAULTS, ...options};
    this.#settings.eventSource ??= Boolean(options.ticket && !options.token);
    this.#store = options.store ?? memoryStore();
    this.#server = new Server(this.#settings);
    this.#views = new Views(this.#replica, this.#outbox);
    this.ready = new Promise(resolve => { this.#isReady = resolve; });
    this.#start();
  }

  // Reading

  /** A record as this device sees it: with its own unsent changes. */
  get(entity, id) { return this.#views.get(entity, id); }
  /** All of them, as an array that stays the same until one changes. */
  list(entity) { return this.#views.list(entity); }
  /** For `useSyncExternalStore` and its like: {subscribe, getSnapshot}. */
  view(entity, {where, sort} = {}) { return this.#views.view(entity, {where, sort}); }
  /** Called with each delta once it is visible. Returns how to stop it. */
  subscribe(listener) { return this.#views.subscribe(listener); }
  /** The same for the status. */
  get statusView() {
    return {
      subscribe: listener => { this.#statusListeners.add(listener); return () => this.#statusListeners.delete(listener); },
      getSnapshot: () => this.#status,
    };
  }
  get status() { return this.#status; }

  // Writing

  /** For `{"$ref": …}`: an operation may be named before it is uploaded. */
  static opID() { return ulid(); }

  /** Queues operations, several as one group that stands or falls together. Resolves when they are safe on this device. */
  async upload(operations) {
    const put = this.#outbox.prepare([operations].flat(), (entity, id) => this.get(entity, id));
    await this.#changeQueue({put});
    this.#uploads?.go();
    return put.map(operation => operation.op_id);
  }

  /** Operations that wait, and those that need a person: with `result` from the server. */
  get operations() { return {pending: this.#outbox.pending, aside: this.#outbox.aside}; }

  /**
   * Sends what was set aside once more, with the rest of its group: against the records as they are now, `changes`
   * made to it. Only what the server will always refuse by its `op_id` gets another.
   */
  async retry(opID, changes = {}) {
    const group = this.#aside(opID);
    const put = group.map(operation => ({
      ...operation, base: undefined, base_version: this.get(operation.entity, operation.id)?.version,
      ...(operation.op_id === opID && changes), state: 'pending', result: undefined,
      op_id: operation.result.status === 'rejected' ? ulid() : operation.op_id,
    }));
    await this.#changeQueue({put, remove: group.map(operation => operation.op_id)});
    this.#uploads?.go();
  }

  /** Forgets what was set aside, with the rest of its group. */
  discard(opID) { return this.#changeQueue({remove: this.#aside(opID).map(operation => operation.op_id)}); }

  #aside(opID) {
    const {aside} = this.#outbox;
    const found = aside.find(operation => operation.op_id === opID);
    if (!found) throw new RangeError(`${opID} is not set aside`);
    return aside.filter(operation => groupOf(operation) === groupOf(found));
  }

  // Life

  /** After signing in again. */
  setToken(token) {
    this.#server.token = token;
    this.#sync?.wake('token');
    this.#uploads?.go();
  }

  /** Ask now: somebody pulled to refresh. */
  refresh() {
    if (this.#sync) this.#sync.wake('refresh');
    else this.#tabs.post({type: 'refresh'});
  }

  async close() {
    this.#isClosed = true;
    for (const undo of this.#cleanUp) undo();
    this.#lead(false);
    this.#tabs.close();
    this.#say('stopped');
    await this.#writing;
  }

  async #start() {
    // The channel first: what another tab says while we read the store is heard after it.
    let isLoaded;
    const loaded = new Promise(resolve => { isLoaded = resolve; });
    this.#tabs = new Tabs(this.#settings.name, {
      silentMs: 3 * this.#settings.heartbeatMs,
      onLead: leads => loaded.then(() => this.#lead(leads)),
      onMessage: message => loaded.then(() => this.#hear(message)),
    });
    try {
      const {position, records, operations} = await this.#store.load();
      const wanted = this.#settings.entities && new Set(this.#settings.entities);
      this.#outbox.load(operations);
      this.#replica.load(position, wanted ? records.filter(([entity]) => wanted.has(entity)) : records);
      this.#storedTo = position?.to;
      if (position) this.#arrived({full: true, changes: new Map()});
    } catch (error) {
      this.#settings.onError?.(error);
      this.#mustRewrite = true;
    }
    this.#listen();
    this.#tabs.post({type: 'hello', position: this.#replica.position});
    isLoaded();
  }

  #listen() {
    const on = (target, name, listener) => {
      target?.addEventListener?.(name, listener);
      this.#cleanUp.push(() => target?.removeEventListener?.(name, listener));
    };
    const look = () => {
      if (globalThis.document?.visibilityState === 'hidden') return;
      this.#tabs.check();
      this.#sync?.look();
    };
    const {document} = globalThis;
    on(document, 'visibilitychange', look);
    on(document, 'resume', look);
    on(globalThis, 'pageshow', look);
    on(globalThis, 'online', () => { this.#sync?.wake('online'); this.#uploads?.go(); });
    on(globalThis, 'offline', () => this.#sync?.wake('offline'));
  }

  #lead(leads) {
    clearInterval(this.#beat);
    if (!leads || this.#isClosed) {
      this.#sync?.stop();
      this.#uploads?.stop();
      this.#sync = this.#uploads = undefined;
      return this.#say(undefined);
    }
    const settings = this.#settings, server = this.#server, outbox = this.#outbox, replica = this.#replica;
    this.#beat = setInterval(() => this.#tellStatus(), settings.heartbeatMs);
    this.#uploads = new Uploads({
      server, outbox, settings,
      answered: (sent, answer) => this.#answered(sent, answer), problem: error => settings.onError?.(error),
    });
    this.#sync = new Sync({
      server, replica, ladder: new Ladder(settings), settings,
      commit: commit => this.#commit(commit), say: (state, details) => this.#say(state, details),
      onRevoked: () => this.#revoked(), onContact: () => this.#uploads?.go(),
    });
    this.#say(undefined);
    this.#sync.run();
    return this.#uploads.go();
  }

  // A whole round, as the leader has it

  async #commit(commit) {
    // The answer to our own upload may be a moment behind the change it made: with it, nothing flickers.
    const {inFlight} = this.#uploads;
    if (inFlight) await Promise.race([inFlight.catch(() => {}), sleep(250)]);
    const remove = this.#outbox.reached(commit.position);
    this.#outbox.adopt({remove});
    this.#arrived(commit, remove.length > 0);
    this.#tabs.post({type: 'commit', commit, operations: {remove}});
    await this.#write({...commit, operations: {remove}});
  }

  #arrived(commit, queueChanged) {
    this.#isReady();
    this.#views.changed(commit, queueChanged);
    this.#settings.onDelta?.(commit);
    this.#say(undefined);
  }

  /** To the store, in order. What could not be stored makes the next one store everything. */
  #write(commit) {
    const write = async () => {
      const all = {
        ...commit, full: true, position: this.#replica.position,
        changes: new Map([...this.#replica.records].map(([entity, records]) => [entity, {upserts: [...records.values()], deletes: []}])),
      };
      try {
        const wasHole = this.#mustRewrite && commit.position;
        const outcome = await this.#store.commit(wasHole ? all : {...commit, from: this.#storedTo});
        if (outcome === 'hole') await this.#store.commit(all);
        if (commit.position) this.#storedTo = commit.position.to;
        this.#mustRewrite = this.#mustRewrite && !wasHole;
        this.#say(undefined, {storeError: undefined});
      } catch (error) {
        this.#mustRewrite = true;
        this.#settings.onError?.(error);
        this.#say(undefined, {storeError: error.message});
        if (!commit.position) throw error;
      }
    };
    return (this.#writing = this.#writing.catch(() => {}).then(write));
  }

  async #answered(sent, answer) {
    await this.#changeQueue(this.#outbox.answered(sent, answer));
    const remove = this.#replica.position ? this.#outbox.reached(this.#replica.position) : [];
    if (remove.length) await this.#changeQueue({remove});
    else this.#sync?.hurry();
  }

  async #changeQueue(operations) {
    await this.#write({operations});
    this.#outbox.adopt(operations);
    this.#views.changed({changes: new Map()}, true);
    this.#tabs.post({type: 'operations', operations});
    this.#say(undefined);
  }

  async #revoked() {
    const unsent = this.#outbox.pending;
    await this.#forget();
    this.#tabs.post({type: 'revoked'});
    this.#settings.onRevoked?.({unsent});
  }

  async #forget() {
    await this.#writing;
    await this.#store.wipe();
    this.#outbox.load([]);
    this.#replica.load(undefined, []);
    this.#views.changed({full: true, changes: new Map()}, true);
    this.#say('revoked');
  }

  // Between tabs

  #hear(message) {
    if (this.#isClosed) return undefined;
    switch (message.type) {
      case 'hello':
        if (!this.#sync) return undefined;
        this.#tellStatus();
        if (message.position?.to === this.#replica.position?.to) return undefined;
        return this.#replica.position && this.#tabs.post({
          type: 'snapshot', position: this.#replica.position, operations: this.#outbox.all,
          records: [...this.#replica.records].flatMap(([entity, records]) => [...records.values()].map(record => [entity, record])),
        });
      case 'snapshot':
        if (this.#sync || this.#isPast(message.position)) return undefined;
        this.#replica.load(message.position, message.records);
        this.#outbox.load(message.operations);
        return this.#arrived({full: true, position: message.position, changes: new Map()}, true);
      case 'commit': return this.#follow(message);
      case 'operations':
        this.#outbox.adopt(message.operations);
        this.#views.changed({changes: new Map()}, true);
        return this.#uploads?.go();
      case 'status':
        if (this.#sync) return undefined;
        return this.#say(message.status.state, {...message.status, isLeader: false});
      case 'refresh': return this.#sync?.wake('refresh');
      case 'revoked': return this.#forget();
      default: return undefined;
    }
  }

  #isPast({epoch, to}) {
    const position = this.#replica.position;
    return position?.epoch === epoch && position.to >= to;
  }

  /** The position rule between tabs. */
  #follow({commit, operations}) {
    if (this.#sync) return;
    const position = this.#replica.position;
    const isNext = commit.full || (position?.epoch === commit.position.epoch && commit.from <= position.to);
    if (!isNext) {
      this.#tabs.post({type: 'hello', position});
      return;
    }
    if (!commit.full && commit.position.to < position.to) return;
    this.#outbox.adopt(operations);
    this.#arrived(this.#replica.adopt(commit), true);
    this.#storedTo = commit.position.to;
  }

  // How things stand

  #tellStatus() { this.#tabs.post({type: 'status', status: this.#status}); }

  /** Without a state: the other figures may have changed. */
  #say(state, details) {
    const old = this.#status;
    const isNew = state !== undefined && state !== old.state;
    const next = {
      ...old, ...(isNew && {reason: undefined, retryAt: undefined, progress: undefined, since: Date.now()}),
      ...(state !== undefined && {state}), ...details,
      pending: this.#outbox.pending.length, attention: this.#outbox.aside.length,
      isLeader: Boolean(this.#sync), position: this.#replica.position?.to,
    };
    if (Object.keys(next).every(name => next[name] === old[name])) return;
    this.#status = next;
    if (this.#sync) this.#tellStatus();
    for (const listener of this.#statusListeners) listener(next);
    this.#settings.onStatus?.(next);
  }
}

/** Starts at once; `await client.ready` when records are needed. */
export function createClient(options = {}) { return new Client(options); }
