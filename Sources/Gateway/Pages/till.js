// The demo till: live stock and prices, a basket, sales that are made offline as well. Everything about sync is in
// tidings.js; this file is a shop's screen.

import {Client, createClient, indexedDBStore} from '../client/tidings.js';
import {Grid} from './grid.js';
import {Shelf, compare, element, money} from './shelf.js';

const $ = id => document.getElementById(id);
const ENTITIES = ['products', 'categories', 'variants', 'stocks', 'warehouses', 'payment_types'];

// The basket, and what selling it means.

class Basket {
  #lines = new Map();

  constructor(client, shelf) {
    Object.assign(this, {client, shelf});
    $('sell').addEventListener('click', () => this.sell());
  }

  add({id}, count = 1) {
    const quantity = (this.#lines.get(id) ?? 0) + count;
    if (quantity > 0) this.#lines.set(id, quantity);
    else this.#lines.delete(id);
    this.draw();
    const name = this.shelf.items.get(id)?.name ?? 'the product';
    $('announce').textContent = quantity > 0 ? `${quantity} × ${name} in the basket` : `${name} taken out`;
  }

  draw() {
    const entries = [...this.#lines].map(([id, quantity]) => ({item: this.shelf.items.get(id), quantity})).filter(({item}) => item);
    $('lines').replaceChildren(...entries.map(({item, quantity}) => this.#line(item, quantity)));
    const total = entries.reduce((sum, {item, quantity}) => sum + item.price * quantity, 0);
    $('total').textContent = money(total);
    $('empty').hidden = entries.length > 0;
    $('sell').disabled = entries.length === 0;
    return {entries, total};
  }

  #line(item, quantity) {
    const line = element('li');
    const steps = element('span', 'steps');
    for (const [label, count] of [['One less', -1], ['One more', 1]]) {
      const button = element('button', '', count < 0 ? '−' : '+');
      button.type = 'button';
      button.setAttribute('aria-label', `${label}: ${item.name}`);
      button.addEventListener('click', () => {
        this.add(item, count);
        [...$('lines').querySelectorAll('button')].find(({ariaLabel}) => ariaLabel === button.ariaLabel)?.focus();
      });
      steps.append(button);
    }
    steps.children[0].after(element('span', '', quantity));
    line.append(element('span', 'name', item.name), element('span', 'amount', money(item.price * quantity)), steps);
    return line;
  }

  /** A sale and its lines, as one group: they stand or fall together, now or when there is a line again. */
  async sell() {
    const {client} = this;
    await client.ready;
    const {entries, total} = this.draw();
    const sale = Client.opID();
    const amount = money(total);
    await client.upload([
      {op_id: sale, entity: 'sales', action: 'create', client_id: sale, data: {
        warehouse_id: client.list('warehouses')[0]?.id, payment_type_id: client.list('payment_types')[0]?.id,
        sold_at: new Date().toISOString(), subtotal: amount, total: amount, paid: amount,
      }},
      ...entries.map(({item, quantity}) => ({entity: 'sale_items', action: 'create', data: {
        sale_id: {$ref: sale}, variant_id: item.variant, quantity: `${quantity}.000`, unit_price: money(item.price),
        total: money(item.price * quantity),
      }})),
    ]);
    this.#lines.clear();
    this.draw();
    const isOnline = ['live', 'polling', 'long-polling'].includes(client.status.state);
    $('receipt').textContent = isOnline ? `Sold for ${amount}.` : `Sold for ${amount}. It will be sent when the line is back.`;
  }
}

// The light says what is so, and the line beside it why.

const STATES = {
  starting: 'Starting', downloading: 'Downloading', 'catching-up': 'Catching up', live: 'Live', 'long-polling': 'Polling',
  polling: 'Polling', offline: 'Offline', 'signed-out': 'Signed out', refused: 'Refused', revoked: 'Revoked', stopped: 'Stopped',
};
const REASONS = {
  buffered: 'something on the way holds the stream back', short: 'the stream keeps being cut', silent: 'the stream falls silent',
  limit: 'this till has too many streams', network: 'no connection', timeout: 'no answer', drain: 'the server restarts',
};

function showStatus({state, reason, progress, pending, attention, storeError}) {
  $('light').dataset.state = state;
  if ($('state').textContent !== STATES[state]) $('state').textContent = STATES[state];
  $('detail').textContent = [
    state === 'downloading' && progress ? `${progress} records` : '', REASONS[reason] ?? '',
    pending ? `${pending} change${pending > 1 ? 's' : ''} to send` : '', attention ? `${attention} need you` : '',
    storeError ? 'this device cannot store anything' : '',
  ].filter(Boolean).join(' · ');
}

function showAside(client) {
  const {aside} = client.operations;
  const groups = [...new Map(aside.map(operation => [operation.group ?? operation.op_id, operation])).values()];
  $('attention').hidden = groups.length === 0;
  $('aside').replaceChildren(...groups.map(operation => {
    const item = element('li', '', `${operation.entity}: ${operation.result.message ?? operation.result.status}`);
    const steps = element('span', 'steps');
    for (const [label, act] of [['Try again', () => client.retry(operation.op_id)], ['Discard', () => client.discard(operation.op_id)]]) {
      const button = element('button', '', label);
      button.type = 'button';
      button.addEventListener('click', act);
      steps.append(button);
    }
    item.append(steps);
    return item;
  }));
}

function open(token) {
  const name = `tidings-till-${token.split('|')[0]}`;
  const client = createClient({token, name, store: indexedDBStore(name), entities: ENTITIES, onStatus: showStatus});
  const shelf = new Shelf(client, `${name}-screen`);
  const basket = new Basket(client, shelf);
  const grid = new Grid(item => basket.add(item));

  const find = () => {
    const words = $('search').value.toLowerCase().split(' ').filter(Boolean);
    const category = $('category').value;
    const isShown = item => (!category || String(item.category) === category) && words.every(word => item.text.includes(word));
    return words.length || category ? shelf.order.filter(isShown) : shelf.order;
  };
  const show = () => {
    grid.show(find());
    $('count').textContent = `${grid.items.length} product${grid.items.length === 1 ? '' : 's'}`;
  };
  $('search').addEventListener('input', show);
  $('category').addEventListener('change', show);
  $('search').addEventListener('keydown', event => {
    if (event.key === 'Enter' && grid.items.length === 1) basket.add(grid.items[0]);
  });

  grid.show(shelf.order);
  addEventListener('pagehide', () => shelf.remember());
  client.subscribe(delta => {
    if (delta.full || delta.entities.has('categories')) showCategories(client);
    if (delta.full) {
      shelf.rebuild();
      shelf.remember();
      show();
    } else {
      const {touched, isMoved} = shelf.apply(delta);
      if (isMoved) show();
      grid.refresh(touched);
    }
    basket.draw();
    if (delta.entities.has('sales') || delta.full) showAside(client);
  });
  client.statusView.subscribe(() => showAside(client));
  globalThis.till = {client, shelf, grid};
}

function showCategories(client) {
  const chosen = $('category').value;
  const categories = [...client.list('categories')].sort((a, b) => compare(a.name, b.name));
  $('category').replaceChildren(new Option('All categories', ''), ...categories.map(({id, name}) => new Option(name, id)));
  $('category').value = chosen;
}

// The token comes behind '#', which never leaves the browser, or from the last time.
const given = decodeURIComponent(location.hash.slice(1)) || localStorage.getItem('tidings-token');
$('other').addEventListener('click', () => window.open(location.href, '_blank', 'popup,width=1000,height=760'));
const begin = token => {
  localStorage.setItem('tidings-token', token);
  open(token);
};
if (given) {
  history.replaceState(null, '', location.pathname);
  begin(given);
} else {
  $('sign-in').showModal();
  $('sign-in').addEventListener('close', () => begin($('token').value.trim()), {once: true});
}
