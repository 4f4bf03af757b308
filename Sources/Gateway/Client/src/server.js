// The gateway as this client sees it: requests with a credential, answers or a reason why there is none.

import {EventParser} from './events.js';
import {Interrupted} from './time.js';

/** The server answered, and the answer is no. */
export class Refusal extends Error {
  constructor(status, body, retryAfterMs) {
    super(body?.message ?? `HTTP ${status}`);
    this.name = 'Refusal';
    this.status = status;
    this.body = body;
    this.retryAfterMs = retryAfterMs;
  }
}

/** No answer, or half of one: `network`, `timeout`, `silent` or `cut`. */
export class Unreachable extends Error {
  constructor(kind, cause) {
    super(`${kind}: ${cause?.message ?? 'no answer'}`, {cause});
    this.name = 'Unreachable';
    this.kind = kind;
  }
}

export class Server {
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

  /** Asks the callback for another token. Whether there is one. */
  async renew() {
    const old = await this.#bearer(false);
    const other = await this.#bearer(true);
    return other !== undefined && other !== old;
  }

  /** JSON, or undefined for 204 and 304. Whole within `timeoutMs`. */
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

  /** Lines of an answer, as they come. `heard` is called for any byte; the signal ends it. */
  async *lines(path, {signal, heard, ...request}) {
    let rest = '';
    for await (const text of this.#text(path, request, signal, heard)) {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      yield* lines;
    }
    if (rest) yield rest;
  }

  /** Events of `/sync/stream`. `onRetry` is told the server's wish for the next try. */
  async *events({query, headers, signal, heard, onRetry}) {
    const parser = new EventParser();
    const request = {query, headers: {Accept: 'text/event-stream', ...headers}};
    for await (const text of this.#text('sync/stream', request, signal, heard)) {
      const events = parser.push(text);
      onRetry(parser.retry);
      yield* events;
    }
  }

  /** The same by EventSource, which can send no headers: a ticket opens it. It is never left to reconnect by itself. */
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

  /** A 401 asks the callback for another token, once. */
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

/** Whatever `fetch` throws is the network's doing; our own reasons stay what they are. */
function asUnreachable(error) {
  return error instanceof Refusal || error instanceof Unreachable || error instanceof Interrupted
    ? error : new Unreachable('network', error);
}

/** Seconds or a date; undefined without one. */
function retryAfter(text) {
  if (!text) return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}
