// What is on the shelf: one item a product, in order of name, kept up to date delta by delta.

const cents = text => Math.round(Number(text ?? 0) * 100);
export const money = amount => (amount / 100).toFixed(2);
export const compare = new Intl.Collator(undefined, {numeric: true}).compare;

/** <tag class>text</tag>: everything on this page is made as nodes, never as markup. */
export function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

/** Items enough for the first screen of any window. */
const SCREEN = 120;

export class Shelf {
  items = new Map();
  order = [];
  #unsold = new Map();

  /** Begins with the first screen of the last time: it is seen while the copy is still being read. */
  constructor(client, name) {
    this.client = client;
    this.name = name;
    this.order = JSON.parse(localStorage.getItem(name)) ?? [];
    this.items = new Map(this.order.map(item => [item.id, item]));
  }

  remember() { localStorage.setItem(this.name, JSON.stringify(this.order.slice(0, SCREEN))); }

  rebuild() {
    this.variants = new Map();
    this.stocks = new Map();
    for (const variant of this.client.list('variants')) this.#put(this.variants, variant.product_id, variant.id);
    for (const stock of this.client.list('stocks')) this.#put(this.stocks, stock.variant_id, stock.id);
    this.#unsold = this.#inBaskets();
    this.items = new Map(this.client.list('products').map(product => [product.id, this.#item(product)]));
    this.order = [...this.items.values()].sort((a, b) => compare(a.name, b.name));
  }

  /** The products that look different now, and whether any came, went or may be found elsewhere. */
  apply({changes, entities}) {
    const touched = new Set();
    const change = name => changes.get(name) ?? {upserts: [], deletes: []};
    const products = change('products');
    for (const id of [...products.upserts.map(({id}) => id), ...products.deletes]) touched.add(id);
    for (const variant of change('variants').upserts) {
      this.#put(this.variants, variant.product_id, variant.id);
      touched.add(variant.product_id);
    }
    for (const stock of change('stocks').upserts) {
      this.#put(this.stocks, stock.variant_id, stock.id);
      touched.add(this.client.get('variants', stock.variant_id)?.product_id);
    }
    if (entities.has('sale_items')) {
      const before = this.#unsold;
      this.#unsold = this.#inBaskets();
      for (const id of [...before.keys(), ...this.#unsold.keys()]) touched.add(this.client.get('variants', id)?.product_id);
    }
    const isMoved = [...touched].filter(id => this.#update(id)).length > 0;
    return {touched, isMoved};
  }

  /** Whether the product is in another place now. */
  #update(id) {
    const old = this.items.get(id);
    const product = this.client.get('products', id);
    const item = product && this.#item(product);
    if (!old && !item) return false;
    if (old && item && old.name === item.name) {
      const isFound = old.text === item.text && old.category === item.category;
      Object.assign(old, item);
      return !isFound;
    }
    if (old) this.order.splice(this.order.indexOf(old), 1);
    this.items.delete(id);
    if (!item) return true;
    this.items.set(id, item);
    let low = 0, high = this.order.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compare(this.order[middle].name, item.name) < 0) low = middle + 1;
      else high = middle;
    }
    this.order.splice(low, 0, item);
    return true;
  }

  /** variant → how many were sold here and are not in the server's stock yet. */
  #inBaskets() {
    const sold = new Map();
    for (const {variant_id, quantity} of this.client.list('sale_items')) {
      sold.set(variant_id, (sold.get(variant_id) ?? 0) + Number(quantity));
    }
    return sold;
  }

  #item(product) {
    const variants = [...this.variants.get(product.id) ?? []].map(id => this.client.get('variants', id)).filter(Boolean);
    const stock = variants.flatMap(({id}) => [...this.stocks.get(id) ?? []].map(stock => this.client.get('stocks', stock)))
      .reduce((sum, record) => sum + Number(record?.quantity ?? 0), 0);
    const unsold = variants.reduce((sum, {id}) => sum + (this.#unsold.get(id) ?? 0), 0);
    return {
      id: product.id, variant: variants[0]?.id, name: product.name, sku: product.sku ?? '', category: product.category_id,
      text: `${product.name} ${product.sku} ${product.barcode}`.toLowerCase(), price: cents(product.price), stock: stock - unsold,
    };
  }

  #put(index, key, value) {
    if (!index.has(key)) index.set(key, new Set());
    index.get(key).add(value);
  }
}
