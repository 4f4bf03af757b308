// Server-sent events from text that arrives in any pieces: WHATWG HTML, 9.2.6.

/** Bytes become text elsewhere; text becomes events here. */
export class EventParser {
  #line = '';
  #endedInCR = false;
  #event = '';
  #data = [];
  #id = '';
  /** The last `retry:`, milliseconds. */
  retry = undefined;

  /** The events that are complete with this text. */
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
