// The copy of the server's records: what is whole, and the round that is on its way. Knows no network and no
// storage: it says what to do with a delta, and what changed when a round is whole.
//
// While `has_more` is true nothing of a round is visible: it waits in `round`, and is resumed from its own token when
// the connection is cut. So what an application sees, and what is stored, is always a state the database had.

import {Fingerprint} from './digest.js';

export class Replica {
  /** entity → (id → record) */
  records = new Map();
  /** entity → Fingerprint of the above. */
  #prints = new Map();
  /** {epoch, to, token} of the whole copy; undefined before the first. */
  position = undefined;
  /** What came after it and is not whole yet. */
  round = undefined;

  /** From the store. */
  load(position, entries) {
    this.records = new Map();
    this.#prints = new Map();
    for (const [entity, record] of entries) if (isRecord(record)) this.#put(entity, record);
    this.position = position;
    this.round = undefined;
  }

  /** Where the next question begins. */
  get cursor() { return this.round ?? this.position; }

  /**
   * The position rule for anything that covers `(from, to]`: `old` (drop it), `next`, `gap` (poll), `epoch` (another
   * history).
   */
  judge({epoch, from, to}) {
    const cursor = this.cursor;
    if (!cursor) return 'gap';
    if (epoch !== cursor.epoch) return 'epoch';
    if (to <= cursor.to) return 'old';
    return from <= cursor.to ? 'next' : 'gap';
  }

  /** Heartbeat or `ready`: nothing happened up to `to`. */
  moved(mark, token) {
    const verdict = this.judge(mark);
    if (verdict === 'next') Object.assign(this.cursor, {to: mark.to, token});
    return verdict;
  }

  /** A full download begins; the old copy stays visible until it is whole. */
  beginFull({epoch, from, to, token}) { this.round = {full: true, epoch, from, to, token, changes: new Map()}; }

  /** A record of the round. An older version never replaces a newer one. */
  stage(entity, id, record) {
    const changes = this.round.changes.get(entity) ?? new Map();
    this.round.changes.set(entity, changes);
    const known = changes.get(id);
    if (!record || !known || record.version >= known.version) changes.set(id, record);
  }

  /** The position cannot be answered any more. The records stay visible until there are others. */
  forgetPosition() { this.position = this.round = undefined; }

  /** The round was refused or cut for good. */
  abandonRound() { this.round = undefined; }

  /** Takes a delta. Returns `old`, `gap`, `epoch`, `more`, or the commit of a whole round. */
  take(delta) {
    if (delta.full) {
      this.beginFull(delta);
    } else {
      const verdict = this.judge(delta);
      if (verdict === 'old' && !delta.has_more && delta.to === this.cursor.to) return this.#unmoved(delta);
      if (verdict !== 'next') return verdict;
    }
    this.round ??= {...this.position, full: false, from: this.position.to, changes: new Map()};
    for (const [entity, lists] of Object.entries(delta.data)) {
      if (this.round.full && !this.round.changes.has(entity)) this.round.changes.set(entity, new Map());
      for (const record of lists.created) this.stage(entity, record.id, record);
      for (const record of lists.updated) this.stage(entity, record.id, record);
      for (const id of lists.deleted) this.stage(entity, id, null);
    }
    this.round.to = delta.to;
    this.round.token = delta.sync_token;
    return delta.has_more ? 'more' : this.settle(delta.data);
  }

  /** An answer that ends where we are: no news, but totals to compare, and the last page of a round may be empty. */
  #unmoved(delta) {
    if (this.round) return this.settle(delta.data);
    this.position.token = delta.sync_token;
    return {...this.#nothing(), wrong: this.#wrong(delta.data)};
  }

  #nothing() {
    return {full: false, from: this.position.to, position: {...this.position}, changes: new Map()};
  }

  /**
   * The round becomes the copy. The commit: `changes` (entity → {upserts, deletes}, what really differs), `position`,
   * `from`, and in `wrong` the entities whose total or digest is not the server's.
   */
  settle(totals) {
    const {full, epoch, to, token, changes: staged} = this.round;
    const from = this.position?.epoch === epoch ? this.position.to : undefined;
    const changes = new Map();
    for (const [entity, records] of staged) {
      const change = this.#merge(entity, records, full);
      if (change.upserts.length + change.deletes.length) changes.set(entity, change);
    }
    if (full) {
      for (const entity of [...this.records.keys()].filter(entity => !staged.has(entity))) {
        changes.set(entity, this.#merge(entity, new Map(), true));
        this.records.delete(entity);
      }
    }
    this.position = {epoch, to, token};
    this.round = undefined;
    return {full, from, position: {...this.position}, changes, wrong: this.#wrong(totals)};
  }

  /** `replaces`: whatever version we had; `sweeps`: what is not among `records` goes. */
  #merge(entity, records, replaces, sweeps = replaces) {
    const change = {upserts: [], deletes: []};
    const known = this.records.get(entity) ?? new Map();
    this.records.set(entity, known);
    for (const [id, record] of records) {
      if (record === null) {
        if (this.#drop(entity, id)) change.deletes.push(id);
      } else if (replaces || !known.has(id) || record.version >= known.get(id).version) {
        this.#put(entity, record);
        change.upserts.push(record);
      }
    }
    if (sweeps) {
      for (const id of [...known.keys()].filter(id => !records.has(id))) {
        this.#drop(entity, id);
        change.deletes.push(id);
      }
    }
    return change;
  }

  /** Records fetched to repair, outside of any round: as the server has them, whatever version we had. */
  repair(entity, upserts, deletes) {
    const records = new Map([...deletes.map(id => [id, null]), ...upserts.map(record => [record.id, record])]);
    return {...this.#nothing(), changes: new Map([[entity, this.#merge(entity, records, true, false)]]), wrong: []};
  }

  /** What another tab has committed. */
  adopt({full, position, changes}) {
    for (const [entity, {upserts, deletes}] of changes) {
      for (const id of deletes) this.#drop(entity, id);
      for (const record of upserts) this.#put(entity, record);
      if (!this.records.has(entity)) this.records.set(entity, new Map());
    }
    this.position = {...position};
    return {full, position, changes};
  }

  fingerprint(entity) { return this.#prints.get(entity) ?? new Fingerprint(); }

  /** Entities whose total or digest differs from the server's at exactly this position. */
  #wrong(data) {
    return Object.entries(data)
      .filter(([entity, {total, digest}]) => {
        const print = this.fingerprint(entity);
        return (total !== undefined && total !== print.count) || (digest !== undefined && digest !== print.digest);
      })
      .map(([entity]) => entity);
  }

  #put(entity, record) {
    const known = this.records.get(entity) ?? new Map();
    this.records.set(entity, known);
    const print = this.fingerprint(entity);
    this.#prints.set(entity, print);
    const old = known.get(record.id);
    if (old) print.remove(old.id, old.version);
    print.add(record.id, record.version);
    known.set(record.id, record);
  }

  #drop(entity, id) {
    const old = this.records.get(entity)?.get(id);
    if (!old) return false;
    this.fingerprint(entity).remove(old.id, old.version);
    return this.records.get(entity).delete(id);
  }
}

/** A store may hand back anything; what is missing is noticed by the digest, and fetched. */
function isRecord(record) {
  return Number.isSafeInteger(record?.version) && (typeof record.id === 'number' || typeof record.id === 'string');
}
