// The grid draws only the rows that can be seen. Arrow keys move, Enter or Space adds.

import {element, money} from './shelf.js';

export class Grid {
  #rows = new Map();
  #columns = 1;
  #at = 0;
  items = [];

  constructor(onChoose) {
    this.box = document.getElementById('grid');
    this.sizer = document.getElementById('sizer');
    this.onChoose = onChoose;
    this.box.addEventListener('scroll', () => this.draw(), {passive: true});
    new ResizeObserver(() => this.layout()).observe(this.box);
    this.box.addEventListener('click', event => this.#choose(event.target));
    this.box.addEventListener('keydown', event => this.#key(event));
  }

  show(items) {
    this.items = items;
    this.#at = Math.max(0, Math.min(this.#at, items.length - 1));
    this.layout();
  }

  layout() {
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    this.height = 7.75 * rem;
    this.#columns = Math.max(1, Math.floor(this.box.clientWidth / (11 * rem)));
    const count = Math.ceil(this.items.length / this.#columns);
    this.sizer.style.height = `${count * this.height + rem}px`;
    this.box.setAttribute('aria-rowcount', count);
    this.box.setAttribute('aria-colcount', this.#columns);
    for (const row of this.#rows.values()) row.remove();
    this.#rows.clear();
    this.draw();
  }

  draw() {
    const first = Math.max(0, Math.floor(this.box.scrollTop / this.height) - 1);
    const last = Math.min(Math.ceil(this.items.length / this.#columns), Math.ceil((this.box.scrollTop + this.box.clientHeight) / this.height) + 1);
    for (const [index, row] of this.#rows) {
      if (index >= first && index < last) continue;
      row.remove();
      this.#rows.delete(index);
    }
    for (let index = first; index < last; index += 1) if (!this.#rows.has(index)) this.#addRow(index);
  }

  /** Products that look different: those on the screen are drawn again, and flash. */
  refresh(ids) {
    for (const cell of this.box.querySelectorAll('.product')) {
      const item = this.items[Number(cell.dataset.index)];
      if (!item || !ids.has(item.id)) continue;
      const fresh = this.#cell(item, Number(cell.dataset.index));
      const hadFocus = cell === document.activeElement;
      fresh.classList.add('changed');
      cell.replaceWith(fresh);
      if (hadFocus) fresh.focus();
    }
  }

  #addRow(index) {
    const row = element('div', 'row');
    row.setAttribute('role', 'row');
    row.setAttribute('aria-rowindex', index + 1);
    row.style.transform = `translateY(${index * this.height + 3}px)`;
    row.style.gridTemplateColumns = `repeat(${this.#columns}, minmax(0, 1fr))`;
    const start = index * this.#columns;
    row.append(...this.items.slice(start, start + this.#columns).map((item, offset) => this.#cell(item, start + offset)));
    this.#rows.set(index, row);
    const after = [...this.#rows.keys()].filter(other => other > index).sort((a, b) => a - b)[0];
    this.sizer.insertBefore(row, after === undefined ? null : this.#rows.get(after));
  }

  #cell(item, index) {
    const cell = element('div', 'product');
    const foot = element('span', 'foot');
    const stock = element('span', 'stock', item.stock > 0 ? `${item.stock} in stock` : item.stock < 0 ? `${item.stock} owed` : 'none left');
    stock.dataset.level = item.stock <= 0 ? 'none' : item.stock <= 10 ? 'low' : 'enough';
    foot.append(element('span', 'price', money(item.price)), stock);
    cell.append(element('span', 'name', item.name), element('span', 'sku', item.sku), foot);
    cell.setAttribute('role', 'gridcell');
    cell.setAttribute('aria-colindex', index % this.#columns + 1);
    cell.tabIndex = index === this.#at ? 0 : -1;
    cell.dataset.index = index;
    cell.dataset.id = item.id;
    return cell;
  }

  #choose(target) {
    const cell = target.closest('.product');
    if (!cell) return;
    this.#focus(Number(cell.dataset.index));
    this.onChoose(this.items[this.#at]);
  }

  #key(event) {
    const page = this.#columns * Math.max(1, Math.floor(this.box.clientHeight / this.height));
    const steps = {
      ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.#columns, ArrowUp: -this.#columns, PageDown: page, PageUp: -page,
      Home: -Infinity, End: Infinity,
    };
    if (event.key === 'Enter' || event.key === ' ') this.#choose(event.target);
    else if (event.key in steps) this.#focus(this.#at + steps[event.key]);
    else return;
    event.preventDefault();
  }

  #focus(index) {
    this.#cellAt(this.#at)?.setAttribute('tabindex', -1);
    this.#at = Math.max(0, Math.min(index, this.items.length - 1));
    const top = Math.floor(this.#at / this.#columns) * this.height;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    else if (top + this.height > this.box.scrollTop + this.box.clientHeight) this.box.scrollTop = top + this.height - this.box.clientHeight;
    this.draw();
    const cell = this.#cellAt(this.#at);
    cell?.setAttribute('tabindex', 0);
    cell?.focus({preventScroll: true});
  }

  #cellAt(index) { return this.box.querySelector(`[data-index="${index}"]`); }
}
