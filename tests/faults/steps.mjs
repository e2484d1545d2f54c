// Every step that placing an order takes, and those of its undoing, its cancelling, its shipping
// and its finding out after a crash: by the path on which a shopper meets it, in the order of the
// path. A step is a call, a D1 batch, or what an object writes to its own storage.

/** What may go wrong at a step. The first five leave the process alive. */
export const MODES = ['before', 'lost', 'twice', 'both', 'crash', 'kill'];

const call = (step, rest) => ({ step, kind: 'call', modes: MODES, ...rest });
const batch = (step, rest) => ({ step, kind: 'batch', modes: MODES, ...rest });
/** A write within an object does not come twice by itself: its command does, which is a call above. */
const write = (step, rest) => ({ step, kind: 'write', modes: ['before', 'lost', 'crash', 'kill'], ...rest });

/** Once it is done the order is journaled: it will stand, though its shopper never comes back. */
const STANDS = { stands: true };

export const PATHS = {
  place: [
    call('cart.place', STANDS),
    write('cart.mark'),
    call('fulfillment.plan'),
    call('stock.look.0'),
    call('stock.look.1'),
    call('order.place', STANDS),
    write('order.journal', STANDS),
    call('stock.deduct.0', STANDS),
    batch('stock.commit.0', STANDS),
    call('stock.deduct.1', STANDS),
    batch('stock.commit.1', STANDS),
    write('order.finish', STANDS),
    call('stock.settle.0', STANDS),
    write('cart.complete', STANDS),
  ],
  // Stock that the plan counted on is gone from shard 1 when its turn comes, so that what shard 0
  // holds has to be given back.
  refused: [
    batch('stock.read.1'),
    write('order.undo'),
    call('stock.restore.1'),
    batch('stock.commit.1#2'),
    call('stock.restore.0'),
    batch('stock.commit.0#2'),
    write('order.finish'),
    call('fulfillment.plan#2'),
  ],
  // The same with shard 0, which is asked first.
  refusedFirst: [
    batch('stock.read.0'),
    call('stock.restore.0'),
  ],
  // It is not known what became of a cart, and the order desk never heard of it.
  unheard: [
    call('order.resolve'),
  ],
  // It is not known what became of a cart of which an order was made.
  unanswered: [
    call('order.resolve', STANDS),
  ],
  cancel: [
    call('order.move@object'),
    write('order.edge'),
    call('stock.restore.0'),
    batch('stock.commit.0'),
    call('stock.restore.1'),
    batch('stock.commit.1'),
  ],
  ship: [
    call('order.move@object'),
    write('order.edge'),
    call('stock.ship.0'),
    batch('stock.commit.0'),
    call('stock.ship.1'),
    batch('stock.commit.1'),
  ],
};

/** The script for the fault hooks: what is written is durable before an answer can be lost. */
export function script(id, { step, kind }, mode) {
  return `${id};${kind === 'write' && mode !== 'before' ? `${step}.written` : step};${mode}`;
}

/** Counts what struck, and prints it as a table with nothing left out. */
export class Table {
  #paths;
  #counts = new Map();

  constructor(paths = PATHS) { this.#paths = paths; }

  #rows() {
    return Object.entries(this.#paths).flatMap(([path, steps]) => steps.map((step) => ({ name: `${path}: ${step.step}`, ...step })));
  }

  count(path, step, mode) {
    const cell = `${path}: ${step} ${mode}`;
    this.#counts.set(cell, (this.#counts.get(cell) ?? 0) + 1);
  }

  /** The cells that nothing struck, of the modes given. */
  zeros(modes = MODES) {
    return this.#rows()
      .flatMap((row) => row.modes.filter((mode) => modes.includes(mode)).map((mode) => `${row.name} ${mode}`))
      .filter((cell) => !this.#counts.has(cell));
  }

  print() {
    const cell = (text) => String(text).padStart(8);
    console.log(`${'step'.padEnd(34)}${MODES.map(cell).join('')}`);
    for (const { name, modes } of this.#rows()) {
      const counts = MODES.map((mode) => cell(modes.includes(mode) ? this.#counts.get(`${name} ${mode}`) ?? 0 : '·'));
      console.log(`${name.padEnd(34)}${counts.join('')}`);
    }
  }
}
