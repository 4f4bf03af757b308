// Runs every JavaScript example of a document against a gateway with a demo shop: the real client module, a
// mini EventSource where Node has none, stand-ins for a page, React and TanStack Query.
//
//     node documented_snippets.mjs DOCUMENT LEAST http://127.0.0.1:PORT TOKEN SYNC_TOKEN

import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';

const [document, least, origin, token, stored] = process.argv.slice(2);
const until = async (what, look) => {
  for (const end = Date.now() + 20_000; Date.now() < end; await new Promise(go => setTimeout(go, 20))) {
    const value = look();
    if (value) return value;
  }
  assert.fail(`never: ${what}`);
};
const fetchHere = (address, options) => fetch(new URL(address, origin), options);

const source = await (await fetchHere('/client/tidings.js')).text();
const client = await import(`data:text/javascript;base64,${Buffer.from(source).toString('base64')}`);
const tidings = {
  ...client,
  createClient: options => client.createClient({url: `${origin}/api/v1`, ...options}),
  indexedDBStore: () => client.memoryStore(),
};

/** As much of EventSource as an example needs. */
class EventSource extends EventTarget {
  #abort = new AbortController();
  constructor(address) { super(); this.#read(address).catch(() => {}); }
  close() { this.#abort.abort(); }
  async #read(address) {
    const {body} = await fetchHere(address, {signal: this.#abort.signal});
    let text = '';
    for await (const piece of body.pipeThrough(new TextDecoderStream())) {
      const blocks = (text + piece).split('\n\n');
      text = blocks.pop();
      for (const block of blocks) {
        const fields = Object.fromEntries(block.split('\n').map(line => line.split(/: (.*)/s).slice(0, 2)));
        this.dispatchEvent(Object.assign(new Event(fields.event), {data: fields.data, lastEventId: fields.id}));
      }
    }
  }
}

const seen = {shown: [], drawn: 0, applied: []};
const defaults = new Map();
const world = {
  tidings, fetch: fetchHere, EventSource, token, stored,
  show: state => seen.shown.push(state), draw: () => { seen.drawn += 1; },
  apply: (delta, id) => { seen.applied.push(delta); assert.equal(id, delta.sync_token); },
  poll: () => false, downloadInFull: () => assert.fail('reset'),
  useSyncExternalStore: (subscribe, snapshot) => { subscribe(() => {})(); return snapshot(); },
  queryClient: {
    setQueryDefaults: ([entity], how) => defaults.set(entity, how), setQueryData() {}, removeQueries() {}, invalidateQueries() {},
  },
  useQuery: ({queryKey, select = all => all}) => select(defaults.get(queryKey[0]).queryFn({queryKey})),
};

/** What must be true once an example ran, by a name that it declares. */
const proofs = {
  client: async ({client}) => {
    await until('live', () => client.status.state === 'live');
    assert.ok(seen.drawn > 0 && seen.shown.includes('downloading'));
  },
  sale: async ({client, sale}) => {
    await until('sent', () => client.status.pending === 0 && client.operations.aside.length === 0);
    const ids = `entity=sales&buckets=1&bucket=0`;
    const there = await (await fetchHere(`/sync/digest?${ids}`, {headers: {Authorization: `Bearer ${token}`}})).json();
    assert.equal(there.records.length, 1, sale);
  },
  useStatus: ({useProducts, useStatus}) => {
    assert.equal(useStatus().state, 'live');
    assert.ok(useProducts().length > 0 && useProducts().every(product => product.status === 'active'));
  },
  stop: ({useProducts, useProduct, useCustomers, stop}) => {
    assert.equal(useProduct(17).id, useProducts().find(product => product.id === 17).id);
    assert.ok(Array.isArray(useCustomers()));
    stop();
  },
  ask: async ({ask}) => assert.equal((await ask('/api/v1/openapi.json')).status, 200),
  source: async ({source}) => {
    await until('an event', () => seen.applied.length);
    source.close();
  },
};

const names = text => [...text.matchAll(/^(?:const|let|async function|function) (?:\{([^}]*)\}|(\w+))/gm)]
  .flatMap(([, several, one]) => several?.split(',').map(name => name.trim()) ?? [one]);
const AsyncFunction = (async () => {}).constructor;
let done = 0;
for (const [, kind, block] of readFileSync(document, 'utf8').matchAll(/^```(html|js)\n(.*?)\n```$/gms)) {
  const script = kind === 'js' ? block : block.match(/<script type="module">\n(.*)<\/script>/s)[1];
  const code = script.replaceAll(/^import (\{.*?\}) from '\/client\/tidings\.js';$/gm, 'const $1 = tidings;')
    .replaceAll(/^export /gm, '').replaceAll("'1|…'", 'token');
  const made = await new AsyncFunction(...Object.keys(world), `{ ${code}\nreturn {${names(code)}}; }`)(...Object.values(world));
  Object.assign(world, made);
  const proof = Object.keys(made).findLast(name => proofs[name]);
  assert.ok(proof, `what proves this example?\n${block}`);
  await proofs[proof](world);
  done += 1;
}
console.log(`${done} examples`);
process.exit(done < Number(least) ? 1 : 0);
