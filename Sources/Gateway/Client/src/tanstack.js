// TanStack Query over a client: records that arrive go into the cache, lists are asked for again once, from memory.

/** `old` if it is as new. */
function newer(old, record) { return old && old.version > record.version ? old : record; }

/**
 * Keeps a QueryClient in step. Keys are `[entity]`, `[entity, id]` and `[entity, {…filter}]`. Queries of these keys
 * need no `queryFn`: the client answers. Returns how to stop it.
 */
export function connectQueryClient(client, queryClient, {coalesceMs = 50, pollMs = 15_000} = {}) {
  const isLive = () => client.status.state === 'live';
  const prepared = new Set();
  const prepare = entity => {
    if (prepared.has(entity)) return;
    prepared.add(entity);
    queryClient.setQueryDefaults([entity], {
      queryFn: ({queryKey: [, which]}) => answer(client, entity, which),
      staleTime: () => (isLive() ? Infinity : pollMs), networkMode: 'always',
    });
  };
  let waiting = new Set(), timer;
  const flush = () => {
    timer = undefined;
    for (const entity of waiting) {
      const predicate = ({queryKey: [, which]}) => which === undefined || typeof which === 'object';
      queryClient.invalidateQueries({queryKey: [entity], predicate, refetchType: 'active'}, {cancelRefetch: false});
    }
    waiting = new Set();
  };
  const stop = client.subscribe(({full, changes, entities}) => {
    for (const entity of entities) {
      prepare(entity);
      const {upserts = [], deletes = []} = changes.get(entity) ?? {};
      for (const {id} of upserts) {
        const record = client.get(entity, id);
        if (record) queryClient.setQueryData([entity, id], old => old === undefined ? undefined : newer(old, record));
      }
      for (const id of deletes) queryClient.removeQueries({queryKey: [entity, id], exact: true});
      if (full) queryClient.invalidateQueries({queryKey: [entity]}, {cancelRefetch: false});
      waiting.add(entity);
    }
    timer ??= setTimeout(flush, coalesceMs);
  });
  return {prepare, stop: () => { stop(); clearTimeout(timer); }};
}

function answer(client, entity, which) {
  if (which === undefined) return client.list(entity);
  if (typeof which !== 'object') return client.get(entity, which) ?? null;
  const wanted = Object.entries(which);
  return client.list(entity).filter(record => wanted.every(([name, value]) => record[name] === value));
}
