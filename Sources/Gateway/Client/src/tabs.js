// One stream a browser. The tab that holds the Web Lock leads: it alone talks to the gateway, and tells the others
// over a BroadcastChannel. When it is closed or dies the browser hands the lock to the next; when it is frozen (a
// phone's background tab keeps its lock and does nothing) a visible tab that hears nothing takes the lock away.

import {Watchdog} from './time.js';

export class Tabs {
  isLeader = false;
  #channel;
  #silence;
  #leave = () => {};
  #isClosed = false;

  /** `onLead(true | false)`, `onMessage(message)`. */
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

  /** Somebody looks at this tab: is there still a leader? */
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
      // Taken away by another tab: queue again behind it.
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
