// The list of those who run the shop: every filter and every pair of them against what a plain look at
// all rows finds, pages, words, the file, the counts; and that no filter reads more than it has to.
// Most of the orders are made up in the database, since only that is read here.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { fillOrders } from '../../bench/orders-data.mjs';
import { ADDRESS, assertProblem, openShop, until } from '../support/shop.mjs';

const PATH = '/api/admin/orders';
const OF = 30_000;
let shop;
let db;
let rows;

const columns = `order_id, order_number, status, payment_status, payment_method, fulfilment_status, delivery_status,
  user_id, vendor_id, driver_id, created_at, address`;
const everything = async () => (await db.all(`SELECT ${columns} FROM orders ORDER BY order_id DESC`))
  .map((row) => ({ ...row, words: wordsOf(row) }));

before(async () => {
  shop = await openShop({ vars: { order: { GATHER_MS: '20' }, lists: { LOG_LEVEL: 'debug' } } });
  db = shop.rt.d1('order', 'DB');
  await fillOrders(db, 0, 1_000, OF);
  await fillOrders(db, OF - 500, OF, OF);
  rows = await everything();
});
after(() => shop?.close());

const bare = (text) => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
const parts = (text) => bare(text).split(/[^\p{L}\p{N}]+/u);
function wordsOf({ order_number, address }) {
  const { name, email, phone } = JSON.parse(address);
  return [bare(order_number), bare(order_number).slice(9), ...parts(name), ...email ? [bare(email), ...parts(email.split('@')[0])] : [],
    phone.replace(/\D/g, '').replace(/^0+/, '')];
}
const hasAll = (...starts) => ({ words }) => starts.every((start) => words.some((word) => word.startsWith(start)));

/** All pages of a query, in order. */
async function pages(query, { limit = 100, between = () => {} } = {}) {
  const found = [];
  for (let cursor; ;) {
    const asked = new URLSearchParams({ ...query, limit, ...cursor && { cursor } });
    const { status, text, json } = await shop.admin.get(`${PATH}?${asked}`);
    assert.equal(status, 200, text);
    assert.ok(json.orders.length <= limit, 'a page is not longer than asked for');
    found.push(idsOf(json.orders));
    if (!json.next_cursor) return found;
    assert.notEqual(json.next_cursor, cursor);
    cursor = json.next_cursor;
    await between(found.length);
  }
}
const idsOf = (found) => found.map(({ order_id }) => order_id);
const all = async (...query) => (await pages(...query)).flat();

/** Each filter with what it should hold of an order. */
function filters() {
  const some = rows.find((row) => row.vendor_id && row.driver_id);
  const day = rows[700].created_at.slice(0, 10);
  const time = rows[300].created_at;
  return [
    [{ status: 'delivered' }, (row) => row.status === 'delivered'],
    [{ status: 'pending,failed, cancelled' }, (row) => ['pending', 'failed', 'cancelled'].includes(row.status)],
    [{ payment_status: 'refunded,failed' }, (row) => ['refunded', 'failed'].includes(row.payment_status)],
    [{ payment_method: 'cod' }, (row) => row.payment_method === 'cod'],
    [{ fulfilment_status: 'preparing,fulfilled' }, (row) => ['preparing', 'fulfilled'].includes(row.fulfilment_status)],
    [{ delivery_status: 'none' }, (row) => row.delivery_status === 'none'],
    [{ vendor: some.vendor_id }, (row) => row.vendor_id === some.vendor_id],
    [{ driver: some.driver_id }, (row) => row.driver_id === some.driver_id],
    [{ customer: some.user_id }, (row) => row.user_id === some.user_id],
    [{ from: day }, (row) => row.created_at >= day],
    [{ to: time }, (row) => row.created_at < time],
    [{ text: 'Ann' }, hasAll('ann')],
  ];
}

describe('the list', () => {
  test('shows an order with what staff needs, from the moment the database has it, as it stands', async () => {
    const sku = await shop.goods({ price: 1500, stock: { berlin: 50 } });
    const ada = shop.customer();
    const address = { ...ADDRESS, name: 'Zoë Quux-Ångström', email: 'Zoe.Quux+1@Example.com', phone: '(0049) 171/55 44-33' };
    const order = await ada.order({ [sku]: 2 }, { address, payment_method: 'cod', delivery_mode: 'express' });
    await shop.projected(order.order_id);
    const list = async (query) => (await shop.service.get(`${PATH}?${new URLSearchParams(query)}`)).json;
    const { orders: [row], ...rest } = await list({ customer: ada.id });
    assert.deepEqual(rest, {}, 'and no next page');
    const { created_at, updated_at, ...shown } = row;
    assert.equal(created_at, order.created_at);
    assert.ok(updated_at >= created_at);
    assert.deepEqual(shown, {
      order_id: order.order_id, order_number: order.order_number, status: 'pending', payment_status: 'pending',
      fulfilment_status: 'unfulfilled', delivery_status: 'none', payment_method: 'cod', version: 1, currency: 'EUR',
      total_minor: order.totals.total_minor, customer_id: ada.id, customer_name: address.name, email: address.email,
      due_minor: order.totals.total_minor, captured_minor: 0, refunded_minor: 0, delivery_mode: 'express',
    });

    const number = order.order_number;
    for (const text of [number, number.toLowerCase(), number.slice(0, 11), number.slice(9), number.slice(9, 12), 'zoe', 'QUUX', 'quux ang', 'Quux-Ångs',
      'zoe.quux+1@example.com', 'zoe.quux+1@ex', 'Zoe.Qu', '+49 171 55', '00491715544', '49 (171) 554433', `zoe ${number}`, order.order_id, number.slice(0, 9)]) {
      const { orders } = await list({ text, customer: ada.id });
      assert.deepEqual(idsOf(orders), [order.order_id], `by ${text}`);
      const { orders: of } = await list({ text, limit: 100 });
      assert.ok(idsOf(of).includes(order.order_id), `by ${text} alone`);
    }
    for (const text of [`${number}9`, 'oe', 'uux', 'example', 'zoe bob', '171554433', '"zoe', 'ORD-1999-']) {
      const { orders } = await list({ text, customer: ada.id });
      assert.deepEqual(idsOf(orders), text === '"zoe' ? [order.order_id] : [], `not by ${text}`);
    }

    await shop.admin.post(`/orders/${order.order_id}/cancel`, { reason: 'x' });
    await shop.projected(order.order_id, 2);
    const { orders: [cancelled] } = await list({ customer: ada.id });
    assert.deepEqual([cancelled.status, cancelled.payment_status, cancelled.version, cancelled.due_minor], ['cancelled', 'cancelled', 2, 0]);
    assert.deepEqual(idsOf((await list({ status: 'cancelled', limit: 1 })).orders), [order.order_id]);
    assert.ok(!idsOf((await list({ status: 'pending', limit: 100 })).orders).includes(order.order_id), 'it is no longer among the pending');
    rows = await everything();
  });

  test('by every filter, and by every pair, is what a look at every order finds, newest first and oldest first', async () => {
    const choices = filters();
    let found = 0;
    for (const [n, [one, isOne]] of choices.entries()) {
      for (const [other, isOther] of choices.slice(n)) {
        const wanted = idsOf(rows.filter((row) => isOne(row) && isOther(row)));
        found += wanted.length > 0 ? 1 : 0;
        const what = JSON.stringify({ ...one, ...other });
        if (one !== other && Object.keys(one)[0] === Object.keys(other)[0]) continue;
        assert.deepEqual(await all({ ...one, ...other }), wanted, what);
        if (n % 2) assert.deepEqual(await all({ ...one, ...other, sort: 'oldest' }), wanted.toReversed(), `oldest, ${what}`);
      }
    }
    assert.ok(found > choices.length * 2, 'most of them find something');
    assert.deepEqual(await all({}), idsOf(rows), 'without any');
    const many = choices.filter(([query]) => !query.text && !query.vendor && !query.driver && !query.customer && !query.fulfilment_status && query.status !== 'delivered' && !query.payment_status);
    assert.deepEqual(await all(Object.assign({}, ...many.map(([query]) => query))), idsOf(rows.filter((row) => many.every(([, holds]) => holds(row)))), 'many at once');
  });

  test('pages of any length follow each other without a gap, and the last has no next', async () => {
    const wanted = idsOf(rows.filter(({ status }) => status === 'cancelled')).slice(0, 1000);
    assert.ok(wanted.length >= 60, `${wanted.length}`);
    for (const limit of [1, 7, wanted.length]) {
      const found = await pages({ status: 'cancelled' }, { limit });
      assert.deepEqual(found.flat(), wanted);
      assert.equal(found.length, Math.ceil(wanted.length / limit), 'no page is empty');
    }
    const anna = idsOf(rows.filter(hasAll('anna')));
    for (const sort of ['newest', 'oldest']) {
      assert.deepEqual(await all({ text: 'anna', sort }, { limit: 3 }), sort === 'newest' ? anna : anna.toReversed(), sort);
    }
  });

  test('pages miss none and show none twice while orders come and change', async () => {
    const sku = await shop.goods({ price: 100, stock: { berlin: 100 } });
    for (const sort of ['newest', 'oldest']) {
      const there = idsOf(await everything());
      const came = [];
      const between = async (page) => {
        if (page > 6) return;
        const { order_id } = await shop.customer().order({ [sku]: 1 });
        await shop.projected(order_id);
        came.push(order_id);
        if (page % 2) await shop.admin.post(`/orders/${order_id}/cancel`, {});
      };
      const seen = await all({ payment_method: 'card,cod,credit', sort }, { limit: 90, between });
      assert.ok(came.length === 6);
      const wanted = sort === 'newest' ? there : [...there.toReversed(), ...came];
      assert.deepEqual(seen, wanted, sort);
    }
    rows = await everything();
  });

  test('refuses what it does not know, and names it', async () => {
    for (const [field, value] of [['status', 'payd'], ['status', 'paid,'], ['payment_status', 'none'], ['payment_method', 'cash'], ['fulfilment_status', 'x'],
      ['delivery_status', 'x'], ['vendor', ''], ['driver', '\n'], ['customer', 'x'.repeat(129)], ['from', 'yesterday'], ['to', '2026-02-30'], ['text', 'x'],
      ['text', '. -'], ['text', 'x'.repeat(101)], ['text', 'a\u0000b'], ['sort', 'total'], ['limit', '0'], ['limit', '101'], ['cursor', 'x'], ['cursor', "'; --"], ['stauts', 'paid']]) {
      assertProblem(await shop.admin.get(`${PATH}?${new URLSearchParams({ [field]: value })}`), { status: 400, code: 'invalid_field', field });
    }
    assertProblem(await shop.admin.get(`${PATH}?from=2026-02-02&to=2026-02-01`), { status: 400, field: 'to' });
    assertProblem(await shop.admin.get(`${PATH}.csv?limit=10001`), { status: 400, field: 'limit' });
    for (const text of ['"', "'", '*', 'a* OR b', 'NEAR(a b)', '{words}: a', '-- "a"', 'ab@"c', '😀😀', 'x'.repeat(100), 'ord-', 'ORD-2026-*']) {
      const { status } = await shop.admin.get(`${PATH}?${new URLSearchParams({ text })}`);
      assert.ok(status === 200 || status === 400, `${text}: ${status}`);
    }
  });

  test('knows the orders of a time to the millisecond, by their created_at', async () => {
    const [newer, older] = [rows[200].created_at, rows[205].created_at];
    const between = rows.filter(({ created_at }) => created_at >= older && created_at < newer);
    assert.ok(between.length > 0);
    assert.deepEqual(await all({ from: older, to: newer }), idsOf(between));
    const local = new Date(Date.parse(older) + 2 * 3600_000).toISOString().replace('Z', '+02:00');
    assert.deepEqual(await all({ from: local, to: newer }), idsOf(between), 'in any zone');
    const day = rows[600].created_at.slice(0, 10);
    assert.deepEqual(await all({ from: day, to: day }), idsOf(rows.filter(({ created_at }) => created_at.startsWith(day))), 'of one day');
    assert.deepEqual(await all({ from: '2099-01-01' }), []);
    assert.deepEqual(await all({ to: '1970-01-01' }), []);
  });
});

// RFC 4180, as far as a reader needs it.
function cellsOf(text) {
  assert.ok(text.endsWith('\r\n'));
  return text.slice(0, -2).split(/\r\n(?=(?:[^"]*"[^"]*")*[^"]*$)/).map((line) =>
    [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g)].map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain));
}

describe('the file', () => {
  test('has the rows of the list, and a link to what follows', async () => {
    const seen = [];
    let next = `${PATH}.csv?status=delivered,cancelled&sort=oldest&limit=450`;
    for (let files = 0; next; files += 1) {
      assert.ok(files < 10);
      const { status, headers, text } = await shop.admin.get(next);
      assert.equal(status, 200, text);
      assert.match(headers.get('content-type'), /^text\/csv; charset=utf-8/);
      assert.equal(headers.get('content-disposition'), 'attachment; filename="orders.csv"');
      const [head, ...lines] = cellsOf(text);
      assert.deepEqual(head.slice(0, 3), ['order_id', 'order_number', 'created_at']);
      assert.ok(lines.every((line) => line.length === head.length));
      seen.push(...lines.map((line) => Object.fromEntries(head.map((name, n) => [name, line[n]]))));
      next = /^<([^>]+)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1];
    }
    const wanted = rows.filter(({ status }) => ['delivered', 'cancelled'].includes(status)).toReversed();
    assert.deepEqual(idsOf(seen), idsOf(wanted));
    const some = seen.findIndex(({ vendor_id }) => vendor_id);
    const { vendor_id, driver_id, customer_id, customer_name, total_minor } = seen[some];
    assert.deepEqual([vendor_id, driver_id, customer_id, customer_name, total_minor],
      [wanted[some].vendor_id, wanted[some].driver_id, wanted[some].user_id, JSON.parse(wanted[some].address).name, '5258']);
  });

  test('goes over several trips where it is long, and ends', async () => {
    const { text, headers } = await shop.admin.get(`${PATH}.csv`);
    assert.deepEqual(cellsOf(text).slice(1).map(([id]) => id), idsOf(rows));
    assert.equal(headers.get('link'), null);
  });

  test('holds nothing that a spreadsheet would run, and quotes what it must', async () => {
    const sku = await shop.goods({ price: 100, stock: { berlin: 9 } });
    const names = ['=HYPERLINK("http://x")', '+1', '-1', '@SUM(A1)', 'Müller, "Fritz"', 'plain'];
    for (const name of names) {
      const who = shop.customer();
      const { order_id } = await who.order({ [sku]: 1 }, { address: { ...ADDRESS, name } });
      await shop.projected(order_id);
      const { text } = await shop.admin.get(`${PATH}.csv?customer=${who.id}`);
      const [head, line] = cellsOf(text);
      assert.equal(line[head.indexOf('customer_name')], /^[=+@-]/.test(name) ? `'${name}` : name);
    }
    rows = await everything();
  });
});

test('the counts are those of the table, at every moment', async () => {
  const check = async () => {
    const { status, json } = await shop.admin.get(`${PATH}/counts`);
    assert.equal(status, 200);
    for (const column of ['status', 'payment_status', 'payment_method', 'fulfilment_status', 'delivery_status']) {
      const counted = Object.fromEntries((await db.all(`SELECT ${column} AS word, COUNT(*) AS n FROM orders GROUP BY 1`)).map(({ word, n }) => [word, n]));
      assert.deepEqual(json[column], counted, column);
    }
    assert.equal(json.total, Object.values(json.status).reduce((sum, n) => sum + n, 0));
    return json;
  };
  const first = await check();
  const sku = await shop.goods({ price: 100, stock: { berlin: 9 } });
  const { order_id } = await shop.customer().order({ [sku]: 1 });
  await shop.projected(order_id);
  const second = await check();
  assert.deepEqual([second.status.pending, second.total], [first.status.pending + 1, first.total + 1]);
  for (const [n, to] of ['paid', 'processing'].entries()) {
    await shop.admin.patch(`/api/v1/orders/${order_id}/status`, { status: to });
    await shop.projected(order_id, n + 2);
  }
  const third = await check();
  assert.deepEqual([third.status.pending, third.status.processing, third.total], [first.status.pending, (first.status.processing ?? 0) + 1, second.total]);
  rows = await everything();
});

describe('what it costs', () => {
  const LIMIT = 20;
  before(async () => { await fillOrders(db, 1_000, 21_000, OF); rows = await everything(); });

  const STEP = 'orders.admin_list';
  const made = () => shop.logs.flatMap(({ line }) => (line?.event === 'd1_statement' && line.step === STEP ? [{ sql: line.sql, values: JSON.parse(line.values) }] : []));

  /** A page, with the statements that it took. */
  async function asked(query, many = 1) {
    const before = made().length;
    const { status, text, json } = await shop.admin.get(`${PATH}?${new URLSearchParams(query)}`);
    assert.equal(status, 200, text);
    const statements = await until('the statements in the log', () => made().length >= before + many && made().slice(before));
    return { ...json, statements };
  }
  const readBy = async (statements) => {
    let read = 0;
    for (const { sql, values } of statements) read += (await db.run(sql, ...values)).rows_read;
    return read;
  };

  test('no filter and no pair of filters goes through the orders, and none sorts them', async () => {
    const choices = filters();
    const queries = [{}, ...choices.flatMap(([one], n) => choices.slice(n).map(([other]) => ({ ...one, ...other })))];
    const known = new Map();
    for (const query of queries) {
      for (const sort of ['newest', 'oldest']) {
        for (const { sql, values } of (await asked({ ...query, sort, limit: 1 })).statements) known.set(sql, values);
      }
    }
    assert.ok(known.size > 40, `${known.size} statements`);
    for (const [sql, values] of known) {
      const plan = (await db.all(`EXPLAIN QUERY PLAN ${sql}`, ...values)).map(({ detail }) => detail);
      const of = `${sql}\n${plan.join('\n')}`;
      const scanned = plan.filter((step) => /^SCAN (?!k\b|m\b|i\b|f\b|merged\b|order_words VIRTUAL TABLE INDEX \d+:.*M|json_each\b|\(subquery)/.test(step));
      assert.deepEqual(scanned, [], of);
      // The page itself is put in order at the end, and nothing before.
      assert.deepEqual(plan.filter((step) => /TEMP B-TREE/.test(step)).length, plan.at(-1).includes('TEMP B-TREE') ? 1 : 0, of);
      if (/AS shown/.test(sql)) assert.ok(plan.some((step) => /^SEARCH o\b.*order_id=\?/.test(step)), of);
    }
  });

  test('a page reads about what it shows, of every filter and of the common pairs', async () => {
    const kinds = (await db.all('SELECT 1 FROM order_kinds')).length;
    // Of an order its place in the index that leads, its key and itself; of a kind it and its next order, in two trips.
    const most = 3 * (LIMIT + 1) + 6 * kinds + 10;
    assert.ok(most < 300 && rows.length > 20_000, `${most} of ${rows.length}`);
    const some = rows.find((row) => row.vendor_id && row.driver_id && row.status === 'delivered');
    const week = { from: rows[8000].created_at, to: rows[6000].created_at };
    const queries = [
      {}, ...filters().map(([query]) => query), week,
      ...['pending', 'paid', 'preparing', 'failed', 'cancelled', 'refunded', 'delivered'].map((status) => ({ status })),
      { status: 'cancelled', payment_status: 'paid' }, { status: 'cancelled', payment_status: 'refunded' }, { status: 'delivered', payment_method: 'credit' },
      { status: 'shipped', delivery_status: 'none' }, { status: 'refunded', ...week }, { status: 'pending', sort: 'oldest' },
      { vendor: some.vendor_id, status: 'delivered' }, { vendor: some.vendor_id, status: 'preparing' }, { vendor: some.vendor_id, ...week },
      { driver: some.driver_id, delivery_status: 'out_for_delivery' }, { driver: some.driver_id, status: 'delivered' },
      { text: some.order_number }, { text: JSON.parse(some.address).email }, { text: 'schm' }, { text: 'anna schmidt' }, { text: '+49 30' },
      { text: 'anna', ...week }, { text: 'nobody' },
    ];
    for (const query of queries) {
      const { orders, statements } = await asked({ ...query, limit: LIMIT });
      const read = await readBy(statements);
      assert.ok(read > 0 || orders.length === 0);
      assert.ok(read <= most, `${read} rows read, not ${most}, for ${orders.length} by ${JSON.stringify(query)}`);
    }
  });

  test('what finds little among much reads up to a bound, and goes on from there', async () => {
    // Nearly all are old, none of those is pending, and everybody's phone begins so.
    const wanted = idsOf(rows.filter((row) => row.words.some((word) => word.startsWith('4930')) && row.status === 'failed'));
    const found = await pages({ text: '+49 30', status: 'failed' });
    assert.deepEqual(found.flat(), wanted);
    assert.ok(found.length > 3, `${found.length} pages`);
    const { statements } = await asked({ text: '+49 30', status: 'failed' }, 2);
    assert.equal(statements.length, 2, 'one for the page, one for where it ends');
    const read = await readBy(statements);
    assert.ok(read <= 8 * 2_000, `${read}`);
  });

  test('an order and each of its steps write few rows for it', async () => {
    const insert = async () => {
      const [row] = await db.all("SELECT * FROM orders WHERE status = 'paid' AND vendor_id IS NULL AND driver_id IS NULL LIMIT 1");
      for (const made of ['kind', 'subtotal', 'delivery_cost', 'tax', 'total']) delete row[made];
      const as = { ...row, order_id: '01f00000-0000-7001-8000-0000000000ff', order_number: 'ORD-2026-ZZZZZZZ', cart_id: 'another' };
      const names = Object.keys(as);
      const meta = await db.run(`INSERT INTO orders (${names}) VALUES (${names.map(() => '?')})`, ...Object.values(as));
      return [as.order_id, meta.rows_written];
    };
    const [id, written] = await insert();
    // The order, its four keys of old; a list, a count, the words.
    assert.equal(written, 5 + 3);
    const step = await db.run("UPDATE orders SET status = 'processing', fulfilment_status = 'processing', vendor_id = NULL, driver_id = NULL, version = 6 WHERE order_id = ?", id);
    assert.equal(step.rows_written, 1 + 3, 'the order; its list, and the counts of both kinds');
    await db.run('DELETE FROM orders WHERE order_id = ?', id);
  });
});
