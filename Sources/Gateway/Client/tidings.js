// Tidings in the browser. Apache-2.0. Made by scripts/bundle from src/*.js: read, and change, those.
const P = 67108859, Q = 67108837, R = 67108819, LANE = 2 ** 26;
const CONSTANTS = [
[40503771, 25214903, 52711237, 17340331, 1000003],
[61803399, 11400713, 29979245, 57721566, 8191993],
];
function key(id, lane = 0) {
const [A, A2, , , M] = CONSTANTS[lane];
if (Number.isSafeInteger(id) && id >= 0) return ((id % P) * A % P + (Math.floor(id / P) % P) * A2) % P;
const points = [...String(id)];
let h = points.length + 1;
for (const point of points) h = (h * M + point.codePointAt(0) + 1) % P;
return h;
}
function term(id, version, lane) {
const [, , B, C] = CONSTANTS[lane];
const x = (key(id, lane) + (version % P) * B) % P;
const y = (x * x + C) % Q;
return (y * y + x) % R;
}
class Fingerprint {
count = 0;
#lanes = [0, 0];
add(id, version, sign = 1) {
this.count += sign;
for (const lane of [0, 1]) {
this.#lanes[lane] = (this.#lanes[lane] + sign * term(id, version, lane) + LANE) % LANE;
}
}
remove(id, version) { this.add(id, version, -1); }
get digest() { return this.#lanes.map(lane => lane.toString(16).padStart(7, '0')).join(''); }
}
class EventParser {
#line = '';
#endedInCR = false;
#event = '';
#data = [];
#id = '';
retry = undefined;
push(text) {
if (this.#endedInCR && text.startsWith('\n')) text = text.slice(1);
if (text) this.#endedInCR = text.endsWith('\r');
const lines = text.split(/\r\n|\n|\r/);
const events = [];
lines[0] = this.#line + lines[0];
this.#line = lines.pop();
for (const line of lines) {
const event = this.#take(line);
if (event) events.push(event);
}
return events;
}
#take(line) {
if (line === '') return this.#dispatch();
const colon = line.indexOf(':');
if (colon === 0) return undefined;
const field = colon < 0 ? line : line.slice(0, colon);
const value = colon < 0 ? '' : line.slice(colon + (line[colon + 1] === ' ' ? 2 : 1));
if (field === 'event') this.#event = value;
else if (field === 'data') this.#data.push(value);
else if (field === 'id' && !value.includes('\0')) this.#id = value;
else if (field === 'retry' && /^\d+$/.test(value)) this.retry = Number(value);
return undefined;
}
#dispatch() {
const event = {event: this.#event || 'message', id: this.#id, data: this.#data.join('\n')};
const isEmpty = this.#data.length === 0;
this.#event = '';
this.#data = [];
return isEmpty ? undefined : event;
}
}
class Interrupted extends Error {
constructor(reason) {
super(reason);
this.name = 'Interrupted';
this.reason = reason;
}
}
function sleep(ms, signal) {
return new Promise(resolve => {
if (signal?.aborted) return resolve(false);
const done = finished => {
clearTimeout(timer);
signal?.removeEventListener('abort', onAbort);
resolve(finished);
};
const onAbort = () => done(false);
const timer = setTimeout(done, Math.max(0, ms), true);
signal?.addEventListener('abort', onAbort);
});
}
class Stopwatch {
#wall;
#steady;
constructor() { this.restart(); }
restart() {
this.#wall = Date.now();
this.#steady = performance.now();
}
get elapsed() { return Math.max(performance.now() - this.#steady, Date.now() - this.#wall); }
}
class Watchdog {
#heard = new Stopwatch();
#timer;
constructor(limit, bark) {
this.limit = limit;
this.bark = bark;
this.#arm(limit);
}
heard() { this.#heard.restart(); }
check() {
const left = this.limit - this.#heard.elapsed;
clearTimeout(this.#timer);
if (left <= 0) this.bark();
else this.#arm(left);
}
stop() { clearTimeout(this.#timer); }
#arm(ms) { this.#timer = setTimeout(() => this.check(), ms + 5); }
}
function backoff(n, {backoffMs, backoffMaxMs}, random = Math.random) {
return backoffMs / 4 + random() * Math.min(backoffMaxMs, backoffMs * 2 ** Math.min(n, 20));
}
let lastStamp = 0, lastTail = [];
function ulid() {
const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const stamp = Math.max(Date.now(), lastStamp);
if (stamp === lastStamp) {
let place = 15;
while (place > 0 && lastTail[place] === 31) lastTail[place--] = 0;
lastTail[place] += 1;
} else {
lastTail = Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte & 31);
lastTail[0] &= 15;
}
lastStamp = stamp;
let text = '';
for (let rest = stamp, place = 0; place < 10; place += 1, rest = Math.floor(rest / 32)) {
text = digits[rest % 32] + text;
}
return text + lastTail.map(digit => digits[digit]).join('');
}
class Refusal extends Error {
constructor(status, body, retryAfterMs) {
super(body?.message ?? `HTTP ${status}`);
this.name = 'Refusal';
this.status = status;
this.body = body;
this.retryAfterMs = retryAfterMs;
}
}
class Unreachable extends Error {
constructor(kind, cause) {
super(`${kind}: ${cause?.message ?? 'no answer'}`, {cause});
this.name = 'Unreachable';
this.kind = kind;
}
}
class Server {
#base;
#credential;
#known;
#fetch;
#timeoutMs;
constructor({url = '/api/v1/', token, fetch, timeoutMs}) {
this.#base = new URL(url.endsWith('/') ? url : `${url}/`, globalThis.location?.href);
this.#credential = token;
this.#fetch = fetch ?? globalThis.fetch.bind(globalThis);
this.#timeoutMs = timeoutMs;
}
set token(token) {
this.#credential = token;
this.#known = undefined;
}
async renew() {
const old = await this.#bearer(false);
const other = await this.#bearer(true);
return other !== undefined && other !== old;
}
async json(path, {timeoutMs = this.#timeoutMs, signal, ...request} = {}) {
const controller = new AbortController();
const timer = setTimeout(() => controller.abort(new Unreachable('timeout')), timeoutMs);
const onAbort = () => controller.abort(signal.reason);
if (signal?.aborted) onAbort();
signal?.addEventListener('abort', onAbort);
try {
const response = await this.#ask(path, request, controller.signal);
if (response.status === 204 || response.status === 304) return undefined;
const body = await response.json();
return Object.defineProperty(body, 'etag', {value: response.headers.get('ETag')});
} catch (error) {
throw asUnreachable(error);
} finally {
clearTimeout(timer);
signal?.removeEventListener('abort', onAbort);
}
}
async *lines(path, {signal, heard, ...request}) {
let rest = '';
for await (const text of this.#text(path, request, signal, heard)) {
const lines = (rest + text).split('\n');
rest = lines.pop();
yield* lines;
}
if (rest) yield rest;
}
async *events({query, headers, signal, heard, onRetry}) {
const parser = new EventParser();
const request = {query, headers: {Accept: 'text/event-stream', ...headers}};
for await (const text of this.#text('sync/stream', request, signal, heard)) {
const events = parser.push(text);
onRetry(parser.retry);
yield* events;
}
}
async *eventSource({query, ticket, signal, heard}) {
const given = ticket ? await ticket() : (await this.json('sync/ticket', {method: 'POST', signal})).ticket;
const source = new EventSource(this.#url('sync/stream', {...query, ticket: given}), {withCredentials: true});
const queue = [];
let wake = () => {};
const push = event => { queue.push(event); wake(); };
for (const name of ['hello', 'change', 'ready', 'heartbeat', 'reset', 'bye']) {
source.addEventListener(name, e => {
heard();
push({event: name, id: e.lastEventId, data: e.data});
});
}
source.addEventListener('error', () => push(undefined));
signal.addEventListener('abort', () => push(undefined));
try {
while (true) {
if (!queue.length) await new Promise(resolve => { wake = resolve; });
const event = queue.shift();
if (!event) throw signal.reason ?? new Unreachable('cut');
yield event;
}
} finally {
source.close();
}
}
async *#text(path, request, signal, heard) {
let reader;
try {
reader = (await this.#ask(path, request, signal)).body.getReader();
const decoder = new TextDecoder();
while (true) {
const {done, value} = await reader.read();
if (done) return;
heard();
yield decoder.decode(value, {stream: true});
}
} catch (error) {
throw asUnreachable(error);
} finally {
reader?.cancel().catch(() => {});
}
}
#url(path, query = {}) {
const url = new URL(path, this.#base);
for (const [name, value] of Object.entries(query)) {
if (value !== undefined) url.searchParams.set(name, value);
}
return url;
}
async #bearer(isRefused) {
if (typeof this.#credential !== 'function') return this.#credential;
if (isRefused || this.#known === undefined) this.#known = await this.#credential({refused: isRefused});
return this.#known;
}
async #ask(path, {method = 'GET', query, headers, body}, signal) {
let token = await this.#bearer(false);
for (let attempt = 0; ; attempt += 1) {
const response = await this.#fetch(this.#url(path, query), {
method, signal, cache: 'no-store', credentials: token ? 'same-origin' : 'include',
headers: {
...(token && {Authorization: `Bearer ${token}`}), ...(body && {'Content-Type': 'application/json'}), ...headers,
},
body: body && JSON.stringify(body),
});
if (response.ok || response.status === 304) return response;
if (response.status === 401 && attempt === 0) {
const other = await this.#bearer(true);
if (other && other !== token) {
token = other;
continue;
}
}
throw new Refusal(
response.status, await response.json().catch(() => undefined), retryAfter(response.headers.get('Retry-After')));
}
}
}
function asUnreachable(error) {
return error instanceof Refusal || error instanceof Unreachable || error instanceof Interrupted
? error : new Unreachable('network', error);
}
function retryAfter(text) {
if (!text) return undefined;
const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}
class Replica {
records = new Map();
#prints = new Map();
position = undefined;
round = undefined;
load(position, entries) {
this.records = new Map();
this.#prints = new Map();
for (const [entity, record] of entries) if (isRecord(record)) this.#put(entity, record);
this.position = position;
this.round = undefined;
}
get cursor() { return this.round ?? this.position; }
judge({epoch, from, to}) {
const cursor = this.cursor;
if (!cursor) return 'gap';
if (epoch !== cursor.epoch) return 'epoch';
if (to <= cursor.to) return 'old';
return from <= cursor.to ? 'next' : 'gap';
}
moved(mark, token) {
const verdict = this.judge(mark);
if (verdict === 'next') Object.assign(this.cursor, {to: mark.to, token});
return verdict;
}
beginFull({epoch, from, to, token}) { this.round = {full: true, epoch, from, to, token, changes: new Map()}; }
stage(entity, id, record) {
const changes = this.round.changes.get(entity) ?? new Map();
this.round.changes.set(entity, changes);
const known = changes.get(id);
if (!record || !known || record.version >= known.version) changes.set(id, record);
}
forgetPosition() { this.position = this.round = undefined; }
abandonRound() { this.round = undefined; }
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
#unmoved(delta) {
if (this.round) return this.settle(delta.data);
this.position.token = delta.sync_token;
return {...this.#nothing(), wrong: this.#wrong(delta.data)};
}
#nothing() {
return {full: false, from: this.position.to, position: {...this.position}, changes: new Map()};
}
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
repair(entity, upserts, deletes) {
const records = new Map([...deletes.map(id => [id, null]), ...upserts.map(record => [record.id, record])]);
return {...this.#nothing(), changes: new Map([[entity, this.#merge(entity, records, true, false)]]), wrong: []};
}
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
function isRecord(record) {
return Number.isSafeInteger(record?.version) && (typeof record.id === 'number' || typeof record.id === 'string');
}
const CONFIRMED = new Set(['applied', 'duplicate']);
const FAILED = new Set(['conflict', 'invalid', 'rejected']);
class Outbox {
#operations = [];
load(operations) {
this.#operations = [...operations].sort((a, b) => (a.order < b.order ? -1 : 1));
}
adopt({put = [], remove = []}) {
const gone = new Set([...remove, ...put.map(operation => operation.op_id)]);
this.load([...this.#operations.filter(operation => !gone.has(operation.op_id)), ...put]);
}
get all() { return this.#operations; }
get pending() { return this.#operations.filter(operation => operation.state === 'pending'); }
get aside() { return this.#operations.filter(operation => operation.state === 'aside'); }
prepare(operations, recordOf) {
const batch = ulid();
const group = operations.length > 1 ? batch : undefined;
return operations.map((operation, index) => {
const {entity, action, id, data} = operation;
if (!['create', 'update', 'delete'].includes(action) || !entity) throw new TypeError('an operation needs entity and action');
if (action !== 'create' && id === undefined) throw new TypeError(`${action} needs an id`);
const was = action === 'create' ? undefined : recordOf(entity, id);
const known = was?.version > 0 ? was : undefined;
return {
op_id: ulid(), group, base_version: known?.version, isOwn: Boolean(was && !known),
base: action === 'update' && known ? pick(known, Object.keys(data)) : undefined,
...operation, was, order: `${batch}.${String(index).padStart(4, '0')}`, state: 'pending',
};
});
}
next(most) {
const {pending} = this;
let count = Math.min(most, pending.length);
while (count < pending.length && pending[count].group && pending[count].group === pending[count - 1]?.group) count += 1;
return pending.slice(0, count);
}
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
reached({epoch, to}) {
return this.#operations
.filter(({state, checkpoint}) => state === 'applied' && (!checkpoint || checkpoint.epoch !== epoch || checkpoint.seq <= to))
.map(operation => operation.op_id);
}
get touched() { return new Set(this.#operations.filter(isShown).map(operation => operation.entity)); }
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
function groupOf({group, op_id}) { return group ?? op_id; }
function isShown({state}) { return state !== 'aside'; }
function pick(record, names) { return Object.fromEntries(names.map(name => [name, record[name]])); }
function wire({op_id, entity, action, id, isOwn, client_id, base_version, base, data, group}) {
return {op_id, entity, action, id: isOwn ? {$ref: id} : id, client_id, base_version, base, data, group};
}
function memoryStore() {
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
function indexedDBStore(name = 'tidings') {
let database;
async function open() {
if (database) return database;
navigator.storage?.persist?.().catch(() => {});
const request = indexedDB.open(name, 1);
request.onupgradeneeded = () => {
for (const store of ['records', 'meta', 'operations']) request.result.createObjectStore(store);
};
database = await done(request);
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
class Tabs {
isLeader = false;
#channel;
#silence;
#leave = () => {};
#isClosed = false;
constructor(name, {onLead, onMessage, silentMs}) {
this.name = `tidings:${name}`;
this.onLead = onLead;
const canShare = globalThis.navigator?.locks && globalThis.BroadcastChannel;
if (!canShare) {
queueMicrotask(() => this.#lead(true));
return;
}
this.#channel = new BroadcastChannel(this.name);
this.#channel.onmessage = ({data}) => {
if (data.fromLeader) this.#silence.heard();
onMessage(data);
};
this.#silence = new Watchdog(silentMs, () => this.#takeOver());
this.#request({});
}
post(message) { this.#channel?.postMessage({...message, fromLeader: this.isLeader}); }
check() { if (!this.isLeader) this.#silence?.check(); }
close() {
this.#isClosed = true;
this.#silence?.stop();
this.#leave();
this.#channel?.close();
}
#lead(isLeader) {
if (this.#isClosed || this.isLeader === isLeader) return;
this.isLeader = isLeader;
this.onLead(isLeader);
}
#request(options) {
navigator.locks.request(this.name, options, () => new Promise(resolve => {
if (this.#isClosed) return resolve();
this.#leave = resolve;
this.#lead(true);
})).catch(() => {
this.#lead(false);
this.#silence.heard();
if (!this.#isClosed) this.#request({});
});
}
#takeOver() {
this.#silence.heard();
this.#silence.check();
if (this.isLeader || this.#isClosed || document.visibilityState !== 'visible') return;
this.#request({steal: true});
}
}
class Ladder {
rung = 'stream';
reason = undefined;
#failures = 0;
#pauseMs;
#retryAt = Infinity;
constructor({probeMs, probeMaxMs}) {
this.probeMs = probeMs;
this.probeMaxMs = probeMaxMs;
this.#pauseMs = probeMs;
}
choose(now) { return now >= this.#retryAt ? 'stream' : this.rung; }
untilProbe(now) { return this.#retryAt - now; }
streamWorked() {
this.rung = 'stream';
this.reason = undefined;
this.#failures = 0;
this.#pauseMs = this.probeMs;
this.#retryAt = Infinity;
}
pollWorked() { if (this.rung !== 'stream') this.#failures = 0; }
failed(tried, kind, now) {
if (tried === 'stream' && this.rung !== 'stream') return this.#rest(now, kind);
this.#failures += 1;
if (kind !== 'buffered' && this.#failures < 3) return undefined;
return this.#fall(kind, now);
}
turnedAway(reason, now, ms) {
return this.rung === 'stream' ? this.#fall(reason, now, ms) : this.#rest(now, reason, ms);
}
#fall(reason, now, ms) {
this.rung = this.rung === 'stream' ? 'long-poll' : 'poll';
this.reason = reason;
this.#failures = 0;
if (ms) this.#retryAt = now + ms;
else if (this.#retryAt === Infinity) this.#retryAt = now + this.#pauseMs;
return this.rung;
}
reconsider() { if (this.rung !== 'stream') this.#retryAt = 0; }
#rest(now, reason, ms) {
this.reason = reason;
this.#pauseMs = Math.min(this.#pauseMs * 2, this.probeMaxMs);
this.#retryAt = now + (ms ?? this.#pauseMs);
}
}
const BUCKETS = 256, MOST_WRONG = 0.3, IDS = 200;
async function difference(server, entity, records, signal) {
const get = query => server.json('sync/digest', {query: {entity, ...query}, signal});
const ours = bucketed(records);
const {buckets} = await get({buckets: BUCKETS});
const wrong = buckets.flatMap(([count, digest], bucket) =>
count === ours[bucket].print.count && digest === ours[bucket].print.digest ? [] : [bucket]);
if (wrong.length > BUCKETS * MOST_WRONG) return undefined;
const suspects = [];
if (wrong.length) {
const bucket = wrong.map(number => number.toString(16)).join(',');
const theirs = new Map((await get({buckets: BUCKETS, bucket})).records);
for (const [id, version] of theirs) if (records.get(id)?.version !== version) suspects.push(id);
for (const id of wrong.flatMap(number => ours[number].ids)) if (!theirs.has(id)) suspects.push(id);
}
const found = {upserts: [], deletes: []};
for (let start = 0; start < suspects.length; start += IDS) {
const query = {entity, ids: suspects.slice(start, start + IDS).join(',')};
const {created, updated, deleted} = (await server.json('sync/records', {query, signal})).data[entity];
found.upserts.push(...created, ...updated);
found.deletes.push(...deleted);
}
return found;
}
function bucketed(records) {
const buckets = Array.from({length: BUCKETS}, () => ({print: new Fingerprint(), ids: []}));
for (const {id, version} of records.values()) {
const bucket = buckets[key(id) % BUCKETS];
bucket.print.add(id, version);
bucket.ids.push(id);
}
return buckets;
}
class Gap extends Error {}
class Sync {
#controller = new AbortController();
#isStopped = false;
#isCaughtUp = false;
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
look() {
if (this.#watchdog) this.#watchdog.check();
else if (this.#isOffline) this.wake('look');
}
wake(reason) {
if (reason === 'online') this.ladder.reconsider();
this.#isCaughtUp = false;
this.#controller.abort(new Interrupted(reason));
}
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
async #download() {
this.say('downloading', {progress: 0});
if (this.#cutDownloads < 2) await this.#downloadLines();
else await this.#downloadPages();
this.#cutDownloads = 0;
this.#isCaughtUp = false;
}
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
async #downloadPages() {
let query = {limit: this.settings.pageRecords};
if (!this.replica.round?.full) await this.#take(await this.#get('sync/full', query));
while (this.replica.round) {
query = {sync_token: this.replica.cursor.token, limit: this.settings.pageRecords};
await this.#take(await this.#get('sync/changes', query));
}
}
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
async #take(delta, isStreamed = false) {
const taken = this.replica.take(delta);
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
async #streamEnded(seen, {kind}, livedMs) {
const {bye} = seen;
if (bye?.reason === 'revoked') return this.#revoked();
if (seen.ready && livedMs >= this.settings.shortMs) this.ladder.streamWorked();
if (bye?.reason === 'limit' || bye?.reason === 'superseded') {
this.ladder.turnedAway(bye.reason, performance.now(), bye.retry_ms);
return undefined;
}
if (bye) return this.#pause('catching-up', bye.reason, bye.reason === 'credential' ? 1000 : bye.retry_ms ?? 1000);
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
#acknowledge() {
const {token} = this.replica.position;
if (this.replica.round || token === this.#acknowledged || this.#sinceAck.elapsed < this.settings.ackMs) return;
this.#sinceAck.restart();
this.#acknowledged = token;
this.server.json('sync/ack', {method: 'POST', body: {sync_token: token}}).catch(() => {});
}
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
class Uploads {
#isRunning = false;
#isStopped = false;
#wake = new AbortController();
#most;
inFlight = undefined;
constructor({server, outbox, settings, answered, problem}) {
Object.assign(this, {server, outbox, settings, answered, problem});
this.#most = settings.batchOperations;
}
stop() {
this.#isStopped = true;
this.#wake.abort(new Interrupted('stopped'));
}
async go() {
this.#wake.abort();
if (this.#isRunning) return;
this.#isRunning = true;
let failures = 0;
while (!this.#isStopped) {
const batch = this.outbox.next(this.#most);
if (!batch.length) break;
this.#wake = new AbortController();
try {
this.inFlight = this.server.json('sync/batch', {method: 'POST', body: {operations: batch.map(wire)}});
await this.answered(batch, await this.inFlight);
failures = 0;
} catch (error) {
if (this.#cannotBeSent(error, batch)) continue;
this.problem(error);
await sleep((error.retryAfterMs ?? 0) + backoff(failures, this.settings), this.#wake.signal);
failures += 1;
} finally {
this.inFlight = undefined;
}
}
this.#isRunning = false;
}
#cannotBeSent(error, batch) {
if (!(error instanceof Refusal) || ![400, 413, 422].includes(error.status)) return false;
if (this.#most > 1) {
this.#most = Math.ceil(this.#most / 4);
return true;
}
const results = batch.map(({op_id}) => ({op_id, status: 'invalid', http_status: error.status, message: error.message, errors: error.body?.errors}));
this.answered(batch, {results});
return true;
}
}
class Views {
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
changed({full, changes, position}, queueChanged) {
const entities = new Set(full ? [...this.replica.records.keys(), ...this.#lists.keys()] : changes.keys());
if (queueChanged) for (const entity of [...this.#overlays.keys(), ...this.outbox.touched]) entities.add(entity);
if (full || queueChanged) this.#overlays.clear();
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
const DEFAULTS = {
name: 'tidings', heartbeatMs: 15_000, helloMs: 10_000, silenceMs: 30_000, timeoutMs: 30_000, shortMs: 5_000,
waitMs: 25_000, pollMs: 15_000, probeMs: 60_000, probeMaxMs: 900_000, backoffMs: 1_000, backoffMaxMs: 60_000,
signedOutMs: 60_000, ackMs: 300_000, pageRecords: 2_000, batchOperations: 50,
};
class Client {
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
get(entity, id) { return this.#views.get(entity, id); }
list(entity) { return this.#views.list(entity); }
view(entity, {where, sort} = {}) { return this.#views.view(entity, {where, sort}); }
subscribe(listener) { return this.#views.subscribe(listener); }
get statusView() {
return {
subscribe: listener => { this.#statusListeners.add(listener); return () => this.#statusListeners.delete(listener); },
getSnapshot: () => this.#status,
};
}
get status() { return this.#status; }
static opID() { return ulid(); }
async upload(operations) {
const put = this.#outbox.prepare([operations].flat(), (entity, id) => this.get(entity, id));
await this.#changeQueue({put});
this.#uploads?.go();
return put.map(operation => operation.op_id);
}
get operations() { return {pending: this.#outbox.pending, aside: this.#outbox.aside}; }
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
discard(opID) { return this.#changeQueue({remove: this.#aside(opID).map(operation => operation.op_id)}); }
#aside(opID) {
const {aside} = this.#outbox;
const found = aside.find(operation => operation.op_id === opID);
if (!found) throw new RangeError(`${opID} is not set aside`);
return aside.filter(operation => groupOf(operation) === groupOf(found));
}
setToken(token) {
this.#server.token = token;
this.#sync?.wake('token');
this.#uploads?.go();
}
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
async #commit(commit) {
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
#tellStatus() { this.#tabs.post({type: 'status', status: this.#status}); }
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
function createClient(options = {}) { return new Client(options); }
function newer(old, record) { return old && old.version > record.version ? old : record; }
function connectQueryClient(client, queryClient, {coalesceMs = 50, pollMs = 15_000} = {}) {
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
export {Client, createClient};
export {indexedDBStore, memoryStore};
export {connectQueryClient};
export {Fingerprint};
export {Refusal, Unreachable};
