// What this device has done and the server has not confirmed: a queue that survives the tab, and the overlay it lays
// over the records meanwhile.
//
//   pending ──answered──► applied ──our position reaches the answer's checkpoint──► gone
//      └──conflict, invalid, rejected, skipped──► aside, for a person: retry or discard. Never in anybody's way.
//
// An operation is sent until it is answered, with the same `op_id`: the server applies it once. The overlay of an
// applied operation stays until the server's own record is here, so nothing flickers.

import {ulid} from './time.js';

const CONFIRMED = new Set(['applied', 'duplicate']);
const FAILED = new Set(['conflict', 'invalid', 'rejected']);

export class Outbox {
  /** In the order they were made. */
  #operations = [];

  load(operations) {
    this.#operations = [...operations].sort((a, b) => (a.order < b.order ? -1 : 1));
  }

  /** Something was put, or removed, here or in another tab. */
  adopt({put = [], remove = []}) {
    const gone = new Set([...remove, ...put.map(operation => operation.op_id)]);
    this.load([...this.#operations.filter(operation => !gone.has(operation.op_id)), ...put]);
  }

  get all() { return this.#operations; }
  get pending() { return this.#operations.filter(operation => operation.state === 'pending'); }
  get aside() { return this.#operations.filter(operation => operation.state === 'aside'); }

  /**
   * Operations as an application gives them, made whole: an `op_id`, their place, and for updates and deletions the
   * version and the values they were made from.
   */
  prepare(operations, recordOf) {
    const batch = ulid();
    const group = operations.length > 1 ? batch : undefined;
    return operations.map((operation, index) => {
      const {entity, action, id, data} = operation;
      if (!['create', 'update', 'delete'].includes(action) || !entity) throw new TypeError('an operation needs entity and action');
      if (action !== 'create' && id === undefined) throw new TypeError(`${action} needs an id`);
      const was = action === 'create' ? undefined : recordOf(entity, id);
      // Of a record that the server has not seen there is no version; it is named by the operation that makes it.
      const known = was?.version > 0 ? was : undefined;
      return {
        op_id: ulid(), group, base_version: known?.version, isOwn: Boolean(was && !known),
        base: action === 'update' && known ? pick(known, Object.keys(data)) : undefined,
        ...operation, was, order: `${batch}.${String(index).padStart(4, '0')}`, state: 'pending',
      };
    });
  }

  /** The next operations to send: whole groups, about `most` of them; empty when there is nothing to do. */
  next(most) {
    const {pending} = this;
    let count = Math.min(most, pending.length);
    while (count < pending.length && pending[count].group && pending[count].group === pending[count - 1]?.group) count += 1;
    return pending.slice(0, count);
  }

  /** The change to the queue that an answer of `/sync/batch` means. What was not tried stays pending. */
  answered(sent, {results = [], checkpoint}) {
    const byID = new Map(results.map(result => [result.op_id, result]));
    const failed = new Set(sent.filter(({op_id}) => FAILED.has(byID.get(op_id)?.status)).map(groupOf));
    const isAnswered = operation => {
      const status = byID.get(operation.op_id)?.status;
      return status !== undefined && (status !== 'skipped' || failed.has(groupOf(operation)));
    };
    const put = sent.filter(isAnswered).map(operation => {
      const result = byID.get(operation.op_id);
      return CONFIRMED.has(result.status)
        ? {...operation, state: 'applied', result, checkpoint} : {...operation, state: 'aside', result};
    });
    return {put, remove: []};
  }

  /** The operations whose effect is in the copy now. Another epoch: the copy was made anew, after them. */
  reached({epoch, to}) {
    return this.#operations
      .filter(({state, checkpoint}) => state === 'applied' && (!checkpoint || checkpoint.epoch !== epoch || checkpoint.seq <= to))
      .map(operation => operation.op_id);
  }

  /** Entities with an overlay. */
  get touched() { return new Set(this.#operations.filter(isShown).map(operation => operation.entity)); }

  /** id → record as this device sees it, or null where it deleted it. A created record has its `op_id` for an id. */
  overlay(entity, base) {
    const shown = this.#operations.filter(operation => isShown(operation) && operation.entity === entity);
    const overlay = new Map();
    for (const {action, op_id, id, data, was, client_id} of shown) {
      if (action === 'create') overlay.set(op_id, {...data, ...(client_id && {client_id}), id: op_id, version: 0, pending: true});
      else if (action === 'delete') overlay.set(id, null);
      else overlay.set(id, {...(overlay.get(id) ?? base?.get(id) ?? was), ...data, id, pending: true});
    }
    return overlay;
  }
}

/** What stands or falls with it. */
export function groupOf({group, op_id}) { return group ?? op_id; }

function isShown({state}) { return state !== 'aside'; }

function pick(record, names) { return Object.fromEntries(names.map(name => [name, record[name]])); }

/** What goes to the server of an operation. */
export function wire({op_id, entity, action, id, isOwn, client_id, base_version, base, data, group}) {
  return {op_id, entity, action, id: isOwn ? {$ref: id} : id, client_id, base_version, base, data, group};
}
