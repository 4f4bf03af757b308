// The parts of the client that need no server: fingerprint, event parser, position rule, outbox, ladder.

import assert from 'node:assert/strict';
import {mock, test} from 'node:test';
import {Fingerprint} from '../../../Sources/Gateway/Client/src/digest.js';
import {EventParser} from '../../../Sources/Gateway/Client/src/events.js';
import {Ladder} from '../../../Sources/Gateway/Client/src/ladder.js';
import {Outbox, wire} from '../../../Sources/Gateway/Client/src/outbox.js';
import {Replica} from '../../../Sources/Gateway/Client/src/replica.js';
import {Stopwatch, Watchdog, backoff, ulid} from '../../../Sources/Gateway/Client/src/time.js';

test('the fingerprint agrees with the protocol’s vectors, in any order, and forgets what is removed', () => {
  const of = pairs => {
    const print = new Fingerprint();
    for (const [id, version] of pairs) print.add(id, version);
    return print;
  };
  const vectors = [
    [[[1, 1]], '2a7a4622a37b33'], [[[7, 2]], '060f507397a37d'], [[[2 ** 53 - 1, 5]], '01cd9062b00164'],
    [[['0192f0c1-7d3a-7000-8000-000000000001', 3]], '1f5fc892cb5fba'], [[['é', 1]], '32ea13904af36c'],
    [Array.from({length: 1000}, (_, i) => [i + 1, (i + 1) % 9 + 1]), '38ebe3f15f6f69'], [[], '00000000000000'],
  ];
  for (const [pairs, digest] of vectors) {
    assert.equal(of(pairs).digest, digest);
    assert.equal(of([...pairs].reverse()).digest, digest);
  }
  const print = of([[1, 1], [2, 1]]);
  print.remove(2, 1);
  assert.deepEqual([print.count, print.digest], [1, '2a7a4622a37b33']);
});

test('events are the same however the text is cut, and follow the standard', () => {
  const text = 'id: 1\r\nevent: change\r\ndata: a\r\ndata:  b\r\n\r\n: note\n\nretry: 500\rretry: 7x\rdata\r\rid: 2\0\ndata: x\n\nid\ndata:y\n\ndata: unfinished\n';
  const wanted = [
    {event: 'change', id: '1', data: 'a\n b'}, {event: 'message', id: '1', data: ''},
    {event: 'message', id: '1', data: 'x'}, {event: 'message', id: '', data: 'y'},
  ];
  for (let size = 1; size <= text.length; size += 1) {
    const parser = new EventParser();
    const events = [];
    for (let start = 0; start < text.length; start += size) events.push(...parser.push(text.slice(start, start + size)));
    assert.deepEqual(events, wanted, `in pieces of ${size}`);
    assert.equal(parser.retry, 500);
  }
});

const delta = (from, to, data, more = {}) => ({
  epoch: 'e', from, to, sync_token: `t${to}`, has_more: false, ...more,
  data: Object.fromEntries(Object.entries(data).map(([entity, lists]) => [entity, {created: [], updated: [], deleted: [], ...lists}])),
});
const full = (to, records) => delta(0, to, {products: {created: records}}, {full: true});
const product = (id, version, name = `n${version}`) => ({id, version, name});
const names = replica => Object.fromEntries([...replica.records.get('products') ?? []].map(([id, {name}]) => [id, name]));

test('the position rule: old is dropped, next applied, a hole noticed, another history too', () => {
  const replica = new Replica();
  assert.equal(replica.take(delta(0, 5, {})), 'gap');
  replica.take(full(10, [product(1, 1), product(2, 1)]));
  assert.equal(replica.take(delta(8, 9, {products: {deleted: [1]}})), 'old');
  assert.deepEqual(names(replica), {1: 'n1', 2: 'n1'});
  assert.equal(replica.take(delta(12, 13, {products: {deleted: [1]}})), 'gap');
  assert.equal(replica.take(delta(10, 11, {}, {epoch: 'other'})), 'epoch');
  const {changes, from} = replica.take(delta(9, 12, {products: {updated: [product(1, 2)], deleted: [2, 99]}}));
  assert.equal(from, 10);
  assert.deepEqual(changes.get('products'), {upserts: [product(1, 2)], deletes: [2]});
  assert.deepEqual([names(replica), replica.position], [{1: 'n2'}, {epoch: 'e', to: 12, token: 't12'}]);
  assert.equal(replica.moved({epoch: 'e', from: 12, to: 20}, 't20'), 'next');
  assert.equal(replica.moved({epoch: 'e', from: 25, to: 26}, 't26'), 'gap');
  assert.equal(replica.position.token, 't20');
});

test('nothing of a round is visible before it is whole, and it goes on from its own token', () => {
  const replica = new Replica();
  replica.take(full(10, [product(1, 1)]));
  assert.equal(replica.take(delta(10, 15, {products: {created: [product(2, 1)], updated: [product(1, 2)]}}, {has_more: true})), 'more');
  assert.deepEqual(names(replica), {1: 'n1'});
  assert.deepEqual([replica.cursor.token, replica.position.token], ['t15', 't10']);
  assert.equal(replica.take(delta(10, 15, {}, {has_more: true})), 'old');
  const commit = replica.take(delta(15, 18, {products: {deleted: [2], updated: [product(1, 3)], total: 1, digest: fingerprint([[1, 3]])}}));
  assert.deepEqual([names(replica), commit.from, commit.wrong], [{1: 'n3'}, 10, []]);
});

test('a last page with nothing in it still ends the round', () => {
  const replica = new Replica();
  replica.take(full(10, []));
  replica.take(delta(10, 15, {products: {created: [product(2, 1)]}}, {has_more: true}));
  assert.equal(replica.take(delta(15, 15, {products: {}})).changes.get('products').upserts.length, 1);
  assert.equal(replica.round, undefined);
});

function fingerprint(pairs) {
  const print = new Fingerprint();
  for (const [id, version] of pairs) print.add(id, version);
  return print.digest;
}

test('a full download replaces; an older version never overwrites; what storage spoilt is left out', () => {
  const replica = new Replica();
  replica.load({epoch: 'e', to: 5, token: 't5'}, [
    ['products', product(1, 3)], ['products', product(9, 1)], ['products', {id: 4}], ['products', null], ['brands', product(1, 1)],
  ]);
  assert.deepEqual(names(replica), {1: 'n3', 9: 'n1'});
  replica.take(delta(5, 6, {products: {updated: [product(1, 2)]}}));
  assert.deepEqual(names(replica), {1: 'n3', 9: 'n1'});
  const {changes} = replica.take(full(7, [product(1, 1), product(2, 1)]));
  assert.deepEqual(names(replica), {1: 'n1', 2: 'n1'});
  assert.deepEqual([changes.get('products').deletes, changes.get('brands').deletes], [[9], [1]]);
});

test('totals and digests are compared only at exactly the position', () => {
  const replica = new Replica();
  replica.take(full(10, [product(1, 1)]));
  const at = (from, to, digest, total = 1) => replica.take(delta(from, to, {products: {total, digest}})).wrong;
  assert.deepEqual(at(10, 10, fingerprint([[1, 1]])), []);
  assert.deepEqual(at(10, 10, fingerprint([[1, 2]])), ['products']);
  assert.deepEqual(at(10, 11, fingerprint([[1, 1]]), 2), ['products']);
  assert.equal(replica.take(delta(9, 10, {products: {digest: 'x'}})), 'old');
});

test('operations keep their order and their ids, groups go together, answers sort them', () => {
  const outbox = new Outbox();
  const one = outbox.prepare([{entity: 'products', action: 'update', id: 1, data: {name: 'mine'}}], () => product(1, 4, 'theirs'));
  const sale = outbox.prepare(['sales', 'items', 'items'].map(entity => ({entity, action: 'create', data: {}})), () => undefined);
  outbox.adopt({put: [...sale, ...one]});
  assert.deepEqual(outbox.pending.map(o => o.entity), ['products', 'sales', 'items', 'items']);
  assert.deepEqual(outbox.next(2).map(o => o.entity), ['products', 'sales', 'items', 'items'], 'a group is not torn');
  assert.deepEqual(outbox.next(1).length, 1);
  assert.deepEqual(wire(one[0]), {op_id: one[0].op_id, entity: 'products', action: 'update', id: 1, client_id: undefined,
    base_version: 4, base: {name: 'theirs'}, data: {name: 'mine'}, group: undefined});
  assert.ok(sale.every(o => o.group === sale[0].group) && sale[0].group);

  const base = new Map([[1, product(1, 4, 'theirs')]]);
  assert.equal(outbox.overlay('products', base).get(1).name, 'mine');
  assert.equal(outbox.overlay('products', new Map()).get(1).name, 'mine', 'deleted meanwhile: still seen as it was made');
  assert.equal(outbox.overlay('sales').get(sale[0].op_id).pending, true);

  const results = [...one.map(o => ({op_id: o.op_id, status: 'conflict'})), ...sale.slice(0, 2).map(o => ({op_id: o.op_id, status: 'applied'}))];
  outbox.adopt(outbox.answered(outbox.pending, {results, checkpoint: {epoch: 'e', seq: 9}}));
  assert.deepEqual([outbox.aside.length, outbox.pending.length], [1, 1], 'what the answer does not name is sent again');
  assert.equal(outbox.overlay('products', base).size, 0, 'the server’s record shows; the conflict waits for a person');
  assert.deepEqual(outbox.reached({epoch: 'e', to: 8}), []);
  assert.equal(outbox.overlay('sales').size, 1, 'shown until the server’s own is here');
  assert.deepEqual(outbox.reached({epoch: 'e', to: 9}).length, 2);
  assert.deepEqual(outbox.reached({epoch: 'later', to: 1}).length, 2);
});

test('what was not tried is sent again; what fell with its group is set aside; what is ours is named by its operation', () => {
  const outbox = new Outbox();
  const [sale, item] = outbox.prepare(['sales', 'items'].map(entity => ({entity, action: 'create', data: {}})), () => undefined);
  const [alone] = outbox.prepare([{entity: 'sales', action: 'create', data: {}}], () => undefined);
  outbox.adopt({put: [sale, item, alone]});
  const result = ({op_id}, status) => ({op_id, status});
  outbox.adopt(outbox.answered(outbox.pending, {results: [result(sale, 'invalid'), result(item, 'skipped'), result(alone, 'skipped')]}));
  assert.deepEqual([outbox.aside.length, outbox.pending.length], [2, 1]);
  const [change] = outbox.prepare(
    [{entity: 'sales', action: 'update', id: alone.op_id, data: {note: 'x'}}], (entity, id) => outbox.overlay(entity).get(id));
  assert.deepEqual([wire(change).id, wire(change).base_version], [{$ref: alone.op_id}, undefined]);
});

test('the ladder: three short streams or a held-back one lead down, a probe leads up', () => {
  const ladder = new Ladder({probeMs: 100, probeMaxMs: 300});
  assert.equal(ladder.choose(0), 'stream');
  ladder.failed('stream', 'short', 0);
  ladder.failed('stream', 'silent', 0);
  assert.equal(ladder.rung, 'stream');
  ladder.failed('stream', 'short', 0);
  assert.deepEqual([ladder.rung, ladder.reason, ladder.choose(99), ladder.choose(100)], ['long-poll', 'short', 'long-poll', 'stream']);
  ladder.failed('stream', 'short', 100);
  assert.deepEqual([ladder.choose(299), ladder.choose(300)], ['long-poll', 'stream']);
  ladder.failed('stream', 'short', 300);
  ladder.failed('stream', 'short', 600);
  assert.equal(ladder.choose(899), 'long-poll', 'never longer than probeMaxMs');
  for (const now of [1, 2, 3]) ladder.failed('long-poll', 'long-poll', now);
  assert.equal(ladder.choose(4), 'poll');
  ladder.reconsider();
  assert.equal(ladder.choose(4), 'stream');
  ladder.streamWorked();
  assert.deepEqual([ladder.choose(5), ladder.reason], ['stream', undefined]);
  ladder.failed('stream', 'buffered', 5);
  assert.deepEqual([ladder.choose(6), ladder.reason], ['long-poll', 'buffered']);
});

test('a stream that is turned away leads one rung down; its probe, no further', () => {
  const ladder = new Ladder({probeMs: 100, probeMaxMs: 300});
  ladder.turnedAway('limit', 0, 50);
  assert.deepEqual([ladder.rung, ladder.reason, ladder.choose(49), ladder.choose(50)], ['long-poll', 'limit', 'long-poll', 'stream']);
  ladder.turnedAway('limit', 50, 70);
  assert.deepEqual([ladder.rung, ladder.choose(119), ladder.choose(120)], ['long-poll', 'long-poll', 'stream']);
  ladder.turnedAway('superseded', 120);
  assert.deepEqual([ladder.rung, ladder.reason, ladder.choose(419), ladder.choose(420)], ['long-poll', 'superseded', 'long-poll', 'stream']);
});

test('a stream that works again forgets the failures before it', () => {
  const ladder = new Ladder({probeMs: 100, probeMaxMs: 300});
  for (let round = 0; round < 5; round += 1) {
    ladder.failed('stream', 'short', 0);
    ladder.failed('stream', 'short', 0);
    ladder.streamWorked();
  }
  assert.equal(ladder.choose(0), 'stream');
});

test('waiting grows, is bounded and never the same for all', () => {
  const at = (n, random) => backoff(n, {backoffMs: 1000, backoffMaxMs: 60_000}, () => random);
  assert.deepEqual([at(0, 0), at(0, 1), at(3, 1), at(50, 1)], [250, 1250, 8250, 60_250]);
});

/** `Date.now()` and `performance.now()` as the test says, while `body` runs. */
function withClocks(body) {
  const clocks = {wall: 1e12, steady: 1e6};
  const mocks = [mock.method(Date, 'now', () => clocks.wall), mock.method(performance, 'now', () => clocks.steady)];
  try { return body(clocks); } finally { for (const {mock} of mocks) mock.restore(); }
}

test('a machine that slept, and a wall clock that was set, deceive no stopwatch', () => withClocks(clocks => {
  const watch = new Stopwatch();
  clocks.wall += 3_600_000;
  assert.equal(watch.elapsed, 3_600_000, 'asleep: only the wall clock went on');
  watch.restart();
  clocks.wall -= 86_400_000;
  clocks.steady += 5_000;
  assert.equal(watch.elapsed, 5_000, 'set back: the other one counts');
}));

test('a watchdog that wakes from sleep barks at once, and not for a clock that was set back', () => withClocks(clocks => {
  let barks = 0;
  const dog = new Watchdog(1_000, () => { barks += 1; });
  clocks.wall -= 86_400_000;
  dog.check();
  assert.equal(barks, 0);
  dog.heard();
  clocks.wall += 60_000;
  dog.check();
  assert.equal(barks, 1);
  dog.stop();
}));

test('ULIDs increase, also within a millisecond', () => {
  const made = Array.from({length: 5000}, ulid);
  assert.deepEqual([...made].sort(), made);
  assert.equal(new Set(made).size, 5000);
  assert.match(made[0], /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
});
