// What is on the screen: records under the overlay of this device's own unsent changes, as arrays and maps that stay
// the same object until something in them changes, so that React and its like render only then.

export class Views {
  #lists = new Map();
  #overlays = new Map();
  #listeners = new Set();

  constructor(replica, outbox) {
    this.replica = replica;
    this.outbox = outbox;
  }

  get(entity, id) {
    const overlay = this.#overlay(entity);
    return overlay.has(id) ? overlay.get(id) ?? undefined : this.replica.records.get(entity)?.get(id);
  }

  list(entity) {
    let list = this.#lists.get(entity);
    if (!list) {
      const overlay = this.#overlay(entity);
      const base = this.replica.records.get(entity) ?? new Map();
      list = overlay.size ? [...new Map([...base, ...overlay]).values()].filter(Boolean) : [...base.values()];
      this.#lists.set(entity, list);
    }
    return list;
  }

  view(entity, {where, sort}) {
    let from, snapshot;
    return {
      subscribe: listener => this.subscribe(({entities}) => { if (entities.has(entity)) listener(); }),
      getSnapshot: () => {
        const list = this.list(entity);
        if (list !== from) {
          from = list;
          snapshot = where ? list.filter(where) : list;
          if (sort) snapshot = [...snapshot].sort(sort);
        }
        return snapshot;
      },
    };
  }

  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Something is different now. `queueChanged`: entities with an overlay, before or after, are too. */
  changed({full, changes, position}, queueChanged) {
    const entities = new Set(full ? [...this.replica.records.keys(), ...this.#lists.keys()] : changes.keys());
    if (queueChanged) for (const entity of [...this.#overlays.keys(), ...this.outbox.touched]) entities.add(entity);
    if (full || queueChanged) this.#overlays.clear();
    // An unsent change lies over a record that may have changed below it.
    for (const entity of entities) {
      this.#lists.delete(entity);
      this.#overlays.delete(entity);
    }
    for (const listener of this.#listeners) listener({full: Boolean(full), changes, position, entities});
  }

  #overlay(entity) {
    let overlay = this.#overlays.get(entity);
    if (!overlay) {
      overlay = this.outbox.overlay(entity, this.replica.records.get(entity));
      this.#overlays.set(entity, overlay);
    }
    return overlay;
  }
}
