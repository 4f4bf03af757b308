// The whole client against a gateway that misbehaves, over real sockets; a memory store, short times.

import assert from 'node:assert/strict';
import {after, afterEach, beforeEach, test} from 'node:test';
import {connectQueryClient, createClient, memoryStore} from '../../../Sources/Gateway/Client/src/index.js';
import {FakeGateway, until} from './fake-gateway.js';

const quick = {
  heartbeatMs: 600, helloMs: 1_500, silenceMs: 3_000, timeoutMs: 10_000, shortMs: 50, waitMs: 1_000, pollMs: 60,
  probeMs: 400, probeMaxMs: 800, backoffMs: 20, backoffMaxMs: 200, signedOutMs: 100, ackMs: 100, pageRecords: 50,
};
let gateway, clients = [], number = 0;

beforeEach(async () => {
  gateway = await new FakeGateway().start();
  gateway.write([['products', 1, {name: 'tea'}], ['products', 2, {name: 'milk'}], ['brands', 1, {name: 'leaf'}]]);
});
afterEach(async () => {
  await Promise.all(clients.map(client => client.close()));
  clients = [];
  await gateway.stop();
});

function open(options = {}) {
  const seen = [];
  const client = createClient({
    ...quick, url: gateway.url, token: 'secret', name: `test ${number += 1}`, onStatus: status => seen.push(status),
    onError: error => seen.push({error}), ...options,
  });
  clients.push(client);
  return Object.assign(client, {seen});
}
const names = (client, entity = 'products') => client.list(entity).map(record => record.name).sort().join(' ');
const state = (client, wanted) => until(`${wanted}, not ${JSON.stringify(client.status)}`, () => client.status.state === wanted);
const shows = (client, text) => until(`“${text}”, not “${names(client)}”`, () => names(client) === text);

test('everything, then what changes, live; the status says so in order', async () => {
  const deltas = [];
  const client = open({onDelta: delta => deltas.push(delta)});
  await client.ready;
  assert.equal(names(client), 'milk tea');
  await state(client, 'live');
  gateway.write([['products', 1, {name: 'chai'}], ['products', 2, null], ['brands', 2, {name: 'new'}]]);
  await shows(client, 'chai');
  assert.equal(names(client, 'brands'), 'leaf new', 'a transaction arrives whole');
  assert.deepEqual(deltas.at(-1).changes.get('products').deletes, [2]);
  assert.deepEqual([...new Set(client.seen.map(s => s.state))], ['starting', 'downloading', 'catching-up', 'live']);
  assert.equal(gateway.count('GET sync/full'), 1);
});

test('a stored copy is shown at once and needs no download', async () => {
  const store = memoryStore();
  const first = open({store});
  await state(first, 'live');
  await first.close();
  gateway.write([['products', 3, {name: 'rye'}]]);
  const second = open({store});
  await second.ready;
  assert.equal(names(second), 'milk tea');
  await shows(second, 'milk rye tea');
  assert.equal(gateway.count('GET sync/full'), 1);
});

test('frames lost on the way are noticed and fetched', async () => {
  const client = open();
  await state(client, 'live');
  gateway.faults.dropFrames = 1;
  gateway.write([['products', 3, {name: 'lost'}]]);
  gateway.write([['products', 4, {name: 'seen'}]]);
  await shows(client, 'lost milk seen tea');
  await state(client, 'live');
});

test('a server killed and started again: offline is said, then live, nothing missing', async () => {
  const client = open();
  await state(client, 'live');
  const {port} = gateway;
  await gateway.stop();
  await state(client, 'offline');
  gateway.write([['products', 3, {name: 'meanwhile'}]]);
  await gateway.start(port);
  await shows(client, 'meanwhile milk tea');
  await state(client, 'live');
  assert.equal(gateway.count('GET sync/full'), 1);
});

test('another history, a token too old, an unknown one: a full download replaces, no ghosts', async () => {
  const client = open();
  await state(client, 'live');
  gateway.entities.get('products').delete(2);      // vanished without a tombstone, as after a restore
  gateway.restore();
  await shows(client, 'tea');
  await state(client, 'live');
  assert.equal(gateway.count('GET sync/full'), 2);
});

test('a backlog in pages is one whole change', async () => {
  const store = memoryStore(), sizes = [];
  const first = open({store});
  await state(first, 'live');
  await first.close();
  gateway.write(Array.from({length: 170}, (_, i) => ['products', 100 + i, {name: `p${i}`}]));
  const client = open({store, onDelta: ({changes}) => sizes.push(changes.get('products')?.upserts.length)});
  await until('all', () => client.list('products').length === 172);
  assert.deepEqual(sizes.filter(Boolean), [170]);
});

test('a cut in the middle of a stream’s backlog continues from there', async () => {
  const client = open();
  await state(client, 'live');
  gateway.faults.streamPage = 40;
  let cuts = 0;
  gateway.faults.onStream = stream => {
    if (cuts < 3) { cuts += 1; stream.response.destroy(); }
  };
  gateway.cut();
  gateway.write(Array.from({length: 170}, (_, i) => ['products', 100 + i, {name: `p${i}`}]));
  await until('all', () => client.list('products').length === 172);
  await state(client, 'live');
});

test('a download cut short is never shown; after two it comes in pages', async () => {
  gateway.write(Array.from({length: 120}, (_, i) => ['products', 100 + i, {name: `p${i}`}]));
  gateway.faults.cutFull = 2;
  const client = open();
  await until('all', () => client.list('products').length === 122);
  assert.ok(gateway.requests.some(line => line.includes('limit=50')));
  await state(client, 'live');
});

test('a proxy that holds the stream back: long-poll at once, and it says why; the stream when it works again', async () => {
  gateway.faults.mute = true;
  const client = open();
  await state(client, 'long-polling');
  assert.equal(client.status.reason, 'buffered');
  gateway.write([['products', 3, {name: 'rye'}]]);
  await shows(client, 'milk rye tea');
  gateway.faults.mute = false;
  await state(client, 'live');
  assert.ok(gateway.count('GET sync/changes') < 40, 'a long-poll waits');
});

test('streams cut short three times lead to long-poll, long-polls that fail to polls, and up again', async () => {
  gateway.faults.onStream = stream => setTimeout(() => stream.response.destroy(), 5);
  gateway.faults['sync/changes'] = (request, response, json) => {
    if (!request.url.includes('wait=')) return 'go on';
    return json(504, {message: 'proxy'});
  };
  const client = open();
  await state(client, 'polling');
  assert.ok(client.seen.some(({state}) => state === 'long-polling'));
  gateway.write([['products', 3, {name: 'rye'}]]);
  await shows(client, 'milk rye tea');
  gateway.faults = {};
  await state(client, 'live');
});

test('a wall clock that was set back a day does not keep us from the stream, set forward it harms nothing', async () => {
  gateway.faults.mute = true;
  const client = open();
  await state(client, 'long-polling');
  const real = Date.now, day = 86_400_000;
  try {
    Date.now = () => real() - day;
    gateway.faults = {};
    await until('live', () => client.status.state === 'live');
    Date.now = () => real() + day;
    gateway.write([['products', 3, {name: 'rye'}]]);
    await shows(client, 'milk rye tea');
    await state(client, 'live');
  } finally {
    Date.now = real;
  }
});

test('an address where there is no stream is called refused, not offline', async () => {
  gateway.faults['sync/stream'] = 404;
  const client = open();
  await state(client, 'refused');
  assert.match(client.status.reason, /404/);
});

test('a stream that falls silent is not called live for longer than two and a half heartbeats', async () => {
  const client = open();
  await state(client, 'live');
  gateway.faults.mute = true;
  const muted = Date.now();
  await until('not live', () => client.status.state !== 'live');
  const ms = Date.now() - muted;
  assert.ok(ms < 2.5 * 600 + 2_000, `${ms} ms`);        // two seconds for a busy machine
});

test('a token that was refused is asked for again; without one it says signed out, and comes back with one', async () => {
  let token = 'secret';
  const asked = [];
  const client = open({token: async ({refused}) => { asked.push(refused); return token; }});
  await state(client, 'live');
  gateway.token = token = 'second';
  gateway.cut();
  await until('asked', () => asked.length === 2);
  await state(client, 'live');
  gateway.token = 'third';
  gateway.cut();
  await state(client, 'signed-out');
  assert.equal(names(client), 'milk tea', 'the copy stays');
  client.setToken('third');
  await state(client, 'live');
});

test('revoked: everything is forgotten, and what was not sent is handed over', async () => {
  const handed = [];
  const store = memoryStore();
  const client = open({store, onRevoked: ({unsent}) => handed.push(...unsent)});
  await state(client, 'live');
  gateway.faults['sync/batch'] = 503;
  await client.upload({entity: 'parties', action: 'create', data: {name: 'x'}});
  gateway.end('bye', {reason: 'revoked', retry_ms: 1});
  await state(client, 'revoked');
  assert.deepEqual([client.list('products'), handed.length, (await store.load()).records], [[], 1, []]);
});

test('bye: told to go elsewhere for a while it polls, told to come back it comes back', async () => {
  const client = open();
  await state(client, 'live');
  gateway.end('bye', {reason: 'drain', retry_ms: 30});
  await until('away', () => client.status.state !== 'live');
  assert.equal(client.status.reason, 'drain');
  await state(client, 'live');
  gateway.end('bye', {reason: 'limit', retry_ms: 300});
  await state(client, 'long-polling');
  assert.equal(client.status.reason, 'limit');
  await state(client, 'live');
});

test('a copy that storage spoilt is healed record by record', async () => {
  gateway.write(Array.from({length: 300}, (_, i) => ['products', 100 + i, {name: `p${i}`}]));
  const store = memoryStore();
  const first = open({store});
  await state(first, 'live');
  await first.close();
  await store.commit({changes: new Map([['products', {
    upserts: [{id: 5000, version: 1, name: 'ghost'}, {id: 1, version: 9, name: 'from the future'}], deletes: [2, 100, 101],
  }]])});
  const drift = [];
  const client = open({store, onDrift: found => drift.push(found)});
  await state(client, 'live');
  assert.deepEqual(drift, [{entity: 'products', level: 1, records: 5}]);
  assert.equal(client.get('products', 1).name, 'tea');
  assert.equal(client.get('products', 5000), undefined);
  assert.equal(client.list('products').length, 302);
  assert.deepEqual([gateway.count('GET sync/full'), gateway.count('GET sync/records')], [1, 1]);
});

test('a copy that is mostly gone is downloaded', async () => {
  gateway.write(Array.from({length: 300}, (_, i) => ['products', 100 + i, {name: `p${i}`}]));
  const store = memoryStore();
  const first = open({store});
  await state(first, 'live');
  await first.close();
  await store.commit({changes: new Map([['products', {upserts: [], deletes: Array.from({length: 200}, (_, i) => 100 + i)}]])});
  const client = open({store});
  await until('all', () => client.list('products').length === 302);
  assert.equal(gateway.count('GET sync/full'), 2);
});

test('a position that storage spoilt is not believed', async () => {
  const store = memoryStore();
  const first = open({store});
  await state(first, 'live');
  await first.close();
  const {position} = await store.load();
  for (const [number, spoilt] of [{epoch: 'other'}, {to: 1}, {token: 'rubbish'}, {to: undefined}].entries()) {
    await store.commit({position: {...position, ...spoilt}, changes: new Map([['products', {upserts: [], deletes: [1]}]])});
    const client = open({store});
    await state(client, 'live');
    assert.equal(names(client), 'milk tea', JSON.stringify(spoilt));
    assert.equal(client.status.position, gateway.head);
    await client.close();
    assert.ok(gateway.requests.length < 30 * (number + 1), 'it does not spin');
  }
});

test('a server whose totals are wrong for good does not keep us downloading', async () => {
  gateway.faults.wrongTotals = {products: {total: 77, digest: 'nonsense'}};
  const drift = [];
  const client = open({onDrift: found => drift.push(found.level)});
  await state(client, 'live');
  assert.deepEqual(drift, [1, 2, 3]);
  gateway.write([['products', 3, {name: 'rye'}]]);
  await shows(client, 'milk rye tea');
  assert.equal(gateway.count('GET sync/full'), 2);
});

test('too many requests: it waits, and says nothing untrue', async () => {
  let refusals = 2;
  gateway.faults['sync/full'] = (request, response, json) => {
    if (refusals === 0) return 'go on';
    refusals -= 1;
    return json(429, {message: 'Too Many Attempts.'}, {'Retry-After': '0'});
  };
  const client = open();
  await state(client, 'live');
  assert.ok(!client.seen.some(({state}) => state === 'offline'));
});

test('it acknowledges what it has stored', async () => {
  const client = open();
  await state(client, 'live');
  gateway.write([['products', 3, {name: 'rye'}]]);
  await until('an ack', () => gateway.count('POST sync/ack') > 0);
});

test('an update is seen at once, sent once, and its overlay goes when the server’s own is here', async () => {
  const client = open();
  await state(client, 'live');
  const seen = [];
  client.subscribe(() => seen.push(client.get('products', 1)?.name));
  await client.upload({entity: 'products', action: 'update', id: 1, data: {name: 'mine'}});
  assert.equal(client.get('products', 1).pending, true);
  await until('sent', () => client.status.pending === 0 && !client.get('products', 1).pending);
  assert.deepEqual([...new Set(seen)], ['mine'], 'no flicker');
  assert.equal(client.get('products', 1).version, 2);
});

test('made offline, tab closed, answer lost: applied exactly once', async () => {
  const store = memoryStore();
  const first = open({store});
  await state(first, 'live');
  const {port} = gateway;
  await gateway.stop();
  await state(first, 'offline');
  const sale = (await import('../../../Sources/Gateway/Client/src/index.js')).Client.opID();
  await first.upload([
    {op_id: sale, entity: 'sales', action: 'create', data: {total: '5.00'}},
    {entity: 'sale_items', action: 'create', data: {sale_id: {$ref: sale}}},
  ]);
  assert.equal(first.status.pending, 2);
  assert.equal(first.list('sales').length, 1);
  await first.close();
  gateway.faults.loseBatchAnswer = 2;
  gateway.entities.set('sales', new Map()).set('sale_items', new Map());
  await gateway.start(port);
  const second = open({store});
  await until('sent', () => second.status.pending === 0);
  await until('settled', () => second.list('sales').length === 1 && !second.list('sales')[0].pending);
  assert.equal(gateway.entities.get('sales').size, 1);
  assert.equal(gateway.entities.get('sale_items').size, 1);
  assert.equal(gateway.count('POST sync/batch'), 3);
});

test('conflicts and invalid operations are set aside and block nobody; a person decides', async () => {
  const client = open();
  await state(client, 'live');
  gateway.faults['sync/batch'] = 503;
  await client.upload({entity: 'products', action: 'update', id: 1, data: {name: 'mine'}});
  gateway.write([['products', 1, {name: 'theirs'}]]);
  await client.upload({entity: 'products', action: 'create', data: {name: 'invalid'}});
  await client.upload({entity: 'products', action: 'create', data: {name: 'good'}});
  await until('theirs below mine', () => client.get('products', 1).version === 2);
  assert.equal(client.get('products', 1).name, 'mine', 'an unsent edit stays on top of what arrives');
  gateway.faults = {};
  await until('sorted', () => client.status.pending === 0 && client.status.attention === 2);
  await shows(client, 'good milk theirs');
  const [conflict, invalid] = client.operations.aside;
  assert.equal(conflict.result.server.name, 'theirs');
  await client.retry(conflict.op_id);
  await shows(client, 'good milk mine');
  await client.discard(invalid.op_id);
  assert.equal(client.status.attention, 0);
});

test('a full download never overwrites what was not sent', async () => {
  const client = open();
  await state(client, 'live');
  gateway.faults['sync/batch'] = 503;
  await client.upload([{entity: 'products', action: 'update', id: 2, data: {name: 'mine'}}]);
  gateway.entities.get('products').delete(2);
  gateway.restore();
  await until('downloaded', () => gateway.count('GET sync/full') === 2);
  await state(client, 'live');
  assert.equal(client.get('products', 2).name, 'mine');
  gateway.faults = {};
  await until('aside', () => client.status.attention === 1);
});

test('a batch that is too large is cut; one operation that cannot be sent does not hold up the others', async () => {
  const client = open();
  await state(client, 'live');
  gateway.faults['sync/batch'] = async (request, response, json) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    const {operations} = JSON.parse(text);
    if (operations.length > 4) return json(413, {message: 'too large'});
    if (operations.some(({data}) => data.name === 'monster')) return json(413, {message: 'too large'});
    const results = operations.map(({op_id}) => ({op_id, status: 'applied', id: 1}));
    return json(200, {results, checkpoint: {epoch: gateway.epoch, seq: 0}});
  };
  for (let i = 0; i < 9; i += 1) await client.upload({entity: 'products', action: 'create', data: {name: i === 3 ? 'monster' : `n${i}`}});
  await until('sent', () => client.status.pending === 0);
  assert.deepEqual([client.status.attention, client.operations.aside[0].data.name], [1, 'monster']);
});

test('a store that fails does not stop the screen; the next write stores everything', async () => {
  const store = memoryStore();
  let isBroken = false;
  const shaky = {...store, commit: commit => (isBroken ? Promise.reject(new Error('quota')) : store.commit(commit))};
  const client = open({store: shaky});
  await state(client, 'live');
  isBroken = true;
  gateway.write([['products', 3, {name: 'rye'}]]);
  await shows(client, 'milk rye tea');
  await until('it says so', () => client.status.storeError === 'quota');
  isBroken = false;
  gateway.write([['products', 4, {name: 'bun'}]]);
  await until('it is well again', () => client.status.storeError === undefined);
  assert.equal((await store.load()).records.filter(([entity]) => entity === 'products').length, 4);
});

test('a store that cannot be read is written anew', async () => {
  const store = memoryStore();
  const client = open({store: {...store, load: () => Promise.reject(new Error('corrupt'))}});
  await state(client, 'live');
  assert.equal((await store.load()).records.length, 3);
});

/** What connectQueryClient uses of a QueryClient, and what it was asked. */
class QueryClient {
  cache = new Map();
  defaults = new Map();
  invalidated = [];
  setQueryDefaults([entity], options) { this.defaults.set(entity, options); }
  setQueryData(key, update) {
    const value = update(this.cache.get(JSON.stringify(key)));
    if (value !== undefined) this.cache.set(JSON.stringify(key), value);
  }
  removeQueries({queryKey}) { this.cache.delete(JSON.stringify(queryKey)); }
  invalidateQueries(filters, options) { this.invalidated.push({...filters, ...options}); }
  ask(...queryKey) { return this.defaults.get(queryKey[0]).queryFn({queryKey}); }
}

test('TanStack Query: single records are put into the cache when newer, lists asked for again once', async () => {
  const client = open(), queries = new QueryClient();
  const connection = connectQueryClient(client, queries, {coalesceMs: 50});
  await state(client, 'live');
  await until('the first lists', () => queries.invalidated.length > 0);
  const {staleTime, networkMode} = queries.defaults.get('products');
  assert.equal(staleTime(), Infinity);
  assert.equal(networkMode, 'always');
  assert.deepEqual(queries.ask('products').map(({name}) => name).sort(), ['milk', 'tea']);
  assert.deepEqual(queries.ask('products', {name: 'tea'}).map(({id}) => id), [1]);
  assert.equal(queries.ask('products', 2).name, 'milk');
  assert.equal(queries.ask('products', 9), null);
  queries.cache.set('["products",1]', {id: 1, version: 1, name: 'tea'});
  queries.cache.set('["products",2]', {id: 2, version: 99, name: 'from the future'});
  queries.invalidated = [];
  gateway.write([['products', 1, {name: 'chai'}], ['products', 2, {name: 'oats'}], ['products', 3, {name: 'rye'}]]);
  gateway.write([['products', 4, {name: 'salt'}]]);
  await until('the lists', () => queries.invalidated.length > 0 && client.list('products').length === 4);
  assert.equal(queries.cache.get('["products",1]').name, 'chai');
  assert.equal(queries.cache.get('["products",2]').name, 'from the future');
  assert.equal(queries.cache.has('["products",3]'), false, 'nobody asked for it');
  const [{queryKey, predicate, refetchType, cancelRefetch}] = queries.invalidated;
  assert.deepEqual([queryKey, refetchType, cancelRefetch], [['products'], 'active', false]);
  assert.deepEqual([['products'], ['products', {name: 'tea'}], ['products', 1]].map(queryKey => predicate({queryKey})), [true, true, false]);
  assert.ok(queries.invalidated.length <= 2, 'coalesced');
  gateway.write([['products', 1, null]]);
  await until('it to be gone', () => !queries.cache.has('["products",1]'));
  gateway.faults.mute = true;
  await until('not live', () => client.status.state !== 'live');
  assert.equal(staleTime(), 15_000);
  connection.stop();
});

test('views keep their snapshot until something in them changes', async () => {
  const client = open();
  await state(client, 'live');
  const view = client.view('products', {where: ({name}) => name !== 'milk', sort: (a, b) => a.name.localeCompare(b.name)});
  let calls = 0;
  const stop = view.subscribe(() => { calls += 1; });
  const before = view.getSnapshot();
  gateway.write([['brands', 1, {name: 'other'}]]);
  await until('brand', () => names(client, 'brands') === 'other');
  assert.equal(view.getSnapshot(), before);
  assert.equal(calls, 0);
  gateway.write([['products', 9, {name: 'apple'}]]);
  await until('apple', () => calls === 1);
  assert.deepEqual(view.getSnapshot().map(({name}) => name), ['apple', 'tea']);
  stop();
});

after(() => setTimeout(() => process.exit(), 500).unref());
