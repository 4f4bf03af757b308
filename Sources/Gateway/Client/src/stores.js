// Where a copy outlives the page. A store keeps four things: records, their position, the operations not confirmed
// yet, and nothing else. What belongs together is written together: a delta with its token, a full download whole.
//
//   load()                               {position, records: [[entity, record], …], operations: […]}
//   commit({full, from, position, changes, operations: {put, remove}})     any part may be missing; says 'stored',
//                                        'old' (it had more already) or 'hole' (it lacks what came before `from`)
//   wipe()

/** For tests, and for pages that may start from nothing each time. */
export function memoryStore() {
  let position, records = new Map(), operations = new Map();
  const key = (entity, id) => JSON.stringify([entity, id]);
  return {
    async load() { return {position, records: [...records.values()], operations: [...operations.values()]}; },
    async commit({full, position: next, changes = new Map(), operations: {put = [], remove = []} = {}}) {
      if (full) records = new Map();
      for (const [entity, {upserts, deletes}] of changes) {
        for (const id of deletes) records.delete(key(entity, id));
        for (const record of upserts) records.set(key(entity, record.id), [entity, record]);
      }
      for (const id of remove) operations.delete(id);
      for (const operation of put) operations.set(operation.op_id, operation);
      position = next ?? position;
      return 'stored';
    },
    async wipe() { position = undefined; records = new Map(); operations = new Map(); },
  };
}

/** IndexedDB. One database a business: `name` tells them apart. Asks the browser not to evict it. */
export function indexedDBStore(name = 'tidings') {
  let database;

  async function open() {
    if (database) return database;
    navigator.storage?.persist?.().catch(() => {});
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => {
      for (const store of ['records', 'meta', 'operations']) request.result.createObjectStore(store);
    };
    database = await done(request);
    // Another tab may want to delete it; a browser may close it. The next use opens it again.
    database.onversionchange = database.onclose = () => {
      database?.close();
      database = undefined;
    };
    return database;
  }

  async function transaction(mode, work) {
    const tx = (await open()).transaction(['records', 'meta', 'operations'], mode, {durability: 'strict'});
    const ended = new Promise((resolve, reject) => {
      tx.oncomplete = resolve;
      tx.onabort = () => reject(tx.error ?? new Error('aborted'));
    });
    let result;
    try {
      result = await work(tx);
    } catch (error) {
      ended.catch(() => {});
      try { tx.abort(); } catch { /* it has ended already */ }
      throw error;
    }
    await ended;
    return result;
  }

  return {
    load: () => transaction('readonly', async tx => {
      const [records, position, operations] = await Promise.all([
        done(tx.objectStore('records').getAll()), done(tx.objectStore('meta').get('position')),
        done(tx.objectStore('operations').getAll()),
      ]);
      return {position, records: records.filter(Array.isArray), operations};
    }),

    commit: ({full, from, position, changes = new Map(), operations: {put = [], remove = []} = {}}) =>
      transaction('readwrite', async tx => {
        const queue = tx.objectStore('operations'), meta = tx.objectStore('meta'), records = tx.objectStore('records');
        for (const id of remove) queue.delete(id);
        for (const operation of put) queue.put(operation, operation.op_id);
        if (!position) return 'stored';
        // Two tabs may both write here, where Web Locks are missing. So the position rule once more: what is stored
        // never goes back, and never has a hole.
        const stored = await done(meta.get('position'));
        const isSame = stored?.epoch === position.epoch;
        if (isSame && stored.to > position.to) return 'old';
        if (!full && !(isSame && from <= stored.to)) return 'hole';
        if (full) records.clear();
        await pump(records, changes);
        meta.put(position, 'position');
        return 'stored';
      }),

    async wipe() {
      database?.close();
      database = undefined;
      await done(indexedDB.deleteDatabase(name));
    },
  };
}

function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Some hundred records at a time: the page can breathe, and the transaction stays one. */
async function pump(records, changes) {
  for (const [entity, {upserts, deletes}] of changes) {
    for (const id of deletes) records.delete([entity, id]);
    for (let start = 0; start < upserts.length; start += 500) {
      let last;
      for (const record of upserts.slice(start, start + 500)) last = records.put([entity, record], [entity, record.id]);
      await done(last);
    }
  }
}
