// A small gateway that speaks docs/PROTOCOL.md over real sockets from memory, and can be told to misbehave.

import {webcrypto} from 'node:crypto';
import http from 'node:http';
import {Fingerprint, key} from '../../../Sources/Gateway/Client/src/digest.js';

globalThis.crypto ??= webcrypto;   // Node 18 has it under another name

export class FakeGateway {
  epoch = 'e1';
  head = 0;
  entities = new Map();          // entity → id → {record | null, seq, born, version}
  requests = [];                 // 'GET sync/full' …
  streams = new Set();
  waiting = new Set();
  applied = new Map();           // op_id → result
  heartbeatSeconds = 0.6;
  retryMs = 20;
  token = 'secret';
  /** What goes wrong: see `#answer`. */
  faults = {};

  async start(port = 0) {
    this.server = http.createServer((request, response) => this.#answer(request, response));
    await new Promise(resolve => this.server.listen(port, '127.0.0.1', resolve));
    this.port = this.server.address().port;
    this.beat = setInterval(() => this.#heartbeat(), this.heartbeatSeconds * 1000);
    return this;
  }

  get url() { return `http://127.0.0.1:${this.port}/api/v1`; }

  async stop() {
    clearInterval(this.beat);
    this.server.closeAllConnections();
    await new Promise(resolve => this.server.close(resolve));
    this.streams.clear();
  }

  count(request) { return this.requests.filter(line => line.startsWith(request)).length; }

  // Writing

  /** One transaction: [[entity, id, fields | null], …]. */
  write(changes, origins) {
    const from = this.head;
    for (const [entity, id, fields] of changes) {
      const rows = this.entities.get(entity) ?? new Map();
      this.entities.set(entity, rows);
      const old = rows.get(id);
      this.head += 1;
      const version = (old?.version ?? 0) + 1;
      rows.set(id, {
        seq: this.head, version, born: old?.record ? old.born : this.head,
        record: fields && {id, version, created_at: 'then', updated_at: 'now', ...old?.record, ...fields, id, version},
      });
    }
    this.#publish(from, origins);
    return this.head;
  }

  #publish(from, origins) {
    for (const stream of this.streams) {
      if (this.faults.dropFrames > 0) { this.faults.dropFrames -= 1; stream.skipped = true; continue; }
      const delta = this.#delta({pos: from, base: from}, stream.entities, Infinity, true);
      if (origins) delta.origins = origins;
      if (Object.keys(delta.data).length) stream.send('change', delta.sync_token, delta);
    }
    for (const wake of [...this.waiting]) wake();
  }

  /** Another history: the same records, other positions. */
  restore() {
    this.epoch = `e${Number(this.epoch.slice(1)) + 1}`;
    this.cut();
  }

  cut() {
    for (const stream of this.streams) stream.response.destroy();
    this.streams.clear();
  }

  /** An event on every stream, then their clean end. */
  end(event, data) {
    for (const stream of this.streams) {
      stream.send(event, '', data);
      stream.response.end();
    }
    this.streams.clear();
  }

  totals(entity) {
    const print = new Fingerprint();
    for (const {record} of this.entities.get(entity)?.values() ?? []) if (record) print.add(record.id, record.version);
    return {total: print.count, digest: print.digest};
  }

  // Tokens and deltas

  #token(pos, base = pos) { return `T.${this.epoch}.${pos}.${base}`; }

  #parse(text) {
    const [mark, epoch, pos, base] = (text ?? '').split('.');
    if (mark !== 'T') return {refused: 'unknown'};
    if (epoch !== this.epoch) return {refused: 'epoch'};
    if (Number(pos) > this.head) return {refused: 'ahead'};
    return {pos: Number(pos), base: Number(base)};
  }

  #delta({pos, base}, names, limit, onlyChanged = false) {
    const rows = names.flatMap(entity => [...this.entities.get(entity) ?? []].map(([id, row]) => ({entity, id, ...row})))
      .filter(row => row.seq > pos).sort((a, b) => a.seq - b.seq);
    const page = rows.slice(0, limit);
    const hasMore = page.length < rows.length;
    const to = hasMore ? page.at(-1).seq : this.head;
    const data = {};
    for (const entity of names) {
      const mine = page.filter(row => row.entity === entity);
      if (onlyChanged && !mine.length) continue;
      data[entity] = {
        created: mine.filter(row => row.record && row.born > base).map(row => row.record),
        updated: mine.filter(row => row.record && row.born <= base).map(row => row.record),
        deleted: mine.filter(row => !row.record).map(row => row.id),
        ...(!hasMore && (this.faults.wrongTotals?.[entity] ?? this.totals(entity))),
      };
    }
    return {
      success: true, data, sync_token: this.#token(to, hasMore ? base : to), epoch: this.epoch, from: pos, to,
      server_timestamp: new Date().toISOString(), has_more: hasMore, total_records: page.length,
    };
  }

  // HTTP

  async #answer(request, response) {
    const url = new URL(request.url, 'http://x');
    const path = url.pathname.replace('/api/v1/', '');
    const query = Object.fromEntries(url.searchParams);
    this.requests.push(`${request.method} ${path}${url.search}`);
    const json = (status, body, headers = {}) => {
      const text = JSON.stringify(body);
      response.writeHead(status, {'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text), ...headers});
      response.end(status === 204 || status === 304 ? undefined : text);
    };
    const fault = this.faults[path];
    if (typeof fault === 'function') {
      if (fault(request, response, json) !== 'go on') return;
    } else if (fault) return json(fault, {message: `HTTP ${fault}`}, {'Retry-After': '0'});
    if (request.headers.authorization !== `Bearer ${this.token}`) return json(401, {message: 'Unauthenticated.', error: 'unauthenticated'});
    const names = query.entities?.split(',') ?? [...this.entities.keys()];
    switch (path) {
      case 'sync/full': return this.#full(request, response, query, names, json);
      case 'sync/changes': return this.#changes(request, query, names, json, response);
      case 'sync/stream': return this.#stream(request, response, names);
      case 'sync/ack': response.writeHead(204).end(); return;
      case 'sync/batch': return this.#batch(await body(request), json, response);
      case 'sync/digest': return this.#digest(query, json);
      case 'sync/records': return this.#records(query, json);
      default: return json(404, {message: 'nothing here', error: 'not_found'});
    }
  }

  #gone(json, reason) { json(410, {message: reason, error: 'sync_token_expired', reason}); }

  #full(request, response, query, names, json) {
    if (query.limit) return json(200, {...this.#delta({pos: 0, base: 0}, names, Number(query.limit)), full: true});
    const delta = this.#delta({pos: 0, base: 0}, names, Infinity);
    response.writeHead(200, {'Content-Type': 'application/x-ndjson'});
    const lines = [JSON.stringify({full: true, epoch: this.epoch, from: 0, to: this.head})];
    for (const [entity, {created}] of Object.entries(delta.data)) {
      for (const record of created) lines.push(JSON.stringify({entity, record}));
    }
    if (this.faults.cutFull > 0) {
      this.faults.cutFull -= 1;
      response.write(`${lines.slice(0, Math.ceil(lines.length / 2)).join('\n')}\n{"entity":"pro`);
      setTimeout(() => response.destroy(), 20);
      return undefined;
    }
    const data = Object.fromEntries(names.map(entity => [entity, this.totals(entity)]));
    lines.push(JSON.stringify({sync_token: delta.sync_token, data}));
    response.end(`${lines.join('\n')}\n`);
    return undefined;
  }

  #changes(request, query, names, json, response) {
    const token = this.#parse(query.sync_token);
    if (token.refused) return this.#gone(json, token.refused);
    const reply = () => {
      const delta = this.#delta(token, names, Number(query.limit ?? 1000));
      const etag = `W/"${query.sync_token}.${delta.total_records ? delta.to : token.pos}"`;
      if (!delta.total_records && request.headers['if-none-match'] === etag) return json(304, {}, {ETag: etag});
      return json(200, delta, {ETag: etag});
    };
    if (!query.wait || this.#delta(token, names, 1).total_records) return reply();
    const wake = () => { clearTimeout(timer); this.waiting.delete(wake); reply(); };
    const timer = setTimeout(wake, Number(query.wait) * 1000);
    response.on('close', () => { clearTimeout(timer); this.waiting.delete(wake); });
    this.waiting.add(wake);
    return undefined;
  }

  #stream(request, response, names) {
    const presented = request.headers['last-event-id'];
    const token = presented ? this.#parse(presented) : {pos: this.head, base: this.head};
    response.writeHead(200, {'Content-Type': 'text/event-stream'});
    response.flushHeaders();
    const stream = {
      response, entities: names, skipped: false,
      send: (event, id, data) => {
        if (this.faults.mute) return;
        response.write(`event: ${event}\n${id ? `id: ${id}\n` : ''}${event === 'hello' ? `retry: ${this.retryMs}\n` : ''}data: ${JSON.stringify(data)}\n\n`);
      },
    };
    const mark = pos => ({epoch: this.epoch, from: pos, to: pos, head: this.head});
    stream.send('hello', token.refused ? 'AA' : presented, {stream: 's', heartbeat_seconds: this.heartbeatSeconds, ...mark(token.pos ?? 0)});
    if (token.refused) {
      stream.parked = true;
      stream.send('reset', 'AA', {reason: token.refused});
    } else {
      let at = token, delta;
      do {
        delta = this.#delta(at, names, this.faults.streamPage ?? 1000, true);
        if (Object.keys(delta.data).length) stream.send('change', delta.sync_token, delta);
        at = {pos: delta.to, base: delta.has_more ? at.base : delta.to};
      } while (delta.has_more);
      stream.send('ready', this.#token(at.pos), {...mark(at.pos), from: token.pos});
    }
    this.streams.add(stream);
    request.on('close', () => this.streams.delete(stream));
    response.on('close', () => this.streams.delete(stream));
    this.faults.onStream?.(stream);
  }

  #heartbeat() {
    for (const stream of this.streams) {
      if (stream.parked) stream.send('heartbeat', 'AA', {reset: true});
      else stream.send('heartbeat', this.#token(this.head), {epoch: this.epoch, from: this.head, to: this.head, head: this.head});
    }
  }

  #batch({operations}, json, response) {
    const results = operations.map(operation => {
      const known = this.applied.get(operation.op_id);
      if (known) return {...known, status: 'duplicate'};
      const result = this.#apply(operation);
      if (result.status === 'applied') this.applied.set(operation.op_id, result);
      return result;
    });
    if (this.faults.loseBatchAnswer > 0) {
      this.faults.loseBatchAnswer -= 1;
      return response.destroy();
    }
    return json(200, {success: results.every(r => ['applied', 'duplicate'].includes(r.status)), results, checkpoint: {epoch: this.epoch, seq: this.head}});
  }

  #apply({op_id, entity, action, id, base_version, data}) {
    const old = this.entities.get(entity)?.get(id);
    if (data?.name === 'invalid') return {op_id, status: 'invalid', http_status: 422, errors: {name: ['no']}};
    if (action !== 'create' && old?.version !== base_version) return {op_id, status: 'conflict', http_status: 409, server: old?.record};
    const number = id ?? 1000 + this.applied.size;
    this.write([[entity, number, action === 'delete' ? null : data]], {[entity]: {[number]: {op_id}}});
    return {op_id, status: 'applied', http_status: 200, id: number, version: this.entities.get(entity).get(number).version};
  }

  #digest({entity, buckets = '256', bucket}, json) {
    const live = [...this.entities.get(entity)?.values() ?? []].filter(row => row.record);
    const of = Number(buckets);
    if (bucket !== undefined) {
      const wanted = bucket.split(',').map(text => parseInt(text, 16));
      const records = live.filter(row => wanted.includes(key(row.record.id) % of)).map(row => [row.record.id, row.version]);
      return json(200, {to: this.head, records});
    }
    const prints = Array.from({length: of}, () => new Fingerprint());
    for (const {record} of live) prints[key(record.id) % of].add(record.id, record.version);
    return json(200, {to: this.head, buckets: prints.map(print => [print.count, print.digest])});
  }

  #records({entity, ids}, json) {
    const rows = ids.split(',').map(text => [Number(text), this.entities.get(entity)?.get(Number(text))]);
    const updated = rows.filter(([, row]) => row?.record).map(([, row]) => row.record);
    const deleted = rows.filter(([, row]) => !row?.record).map(([id]) => id);
    json(200, {success: true, data: {[entity]: {created: [], updated, deleted}}, epoch: this.epoch, from: 0, to: this.head});
  }
}

async function body(request) {
  let text = '';
  for await (const chunk of request) text += chunk;
  return JSON.parse(text);
}

/** Until `look()` is true; fails after a minute, saying what it waited for. */
export async function until(what, look, ms = 60_000) {
  const end = performance.now() + ms;
  while (!look()) {
    if (performance.now() > end) throw new Error(`waited for ${what} in vain`);
    await new Promise(resolve => setTimeout(resolve, 5));
  }
}
