// What is taken from an order after it stands: lines, goods that come back, money; each once, with the
// stock and the money that follow. And where the order is, and what staff writes down about it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openCashier } from '../support/cashier.mjs';
import { assertProblem, until } from '../support/shop.mjs';

let cashier;
let shop;
let provider;
before(async () => {
  cashier = await openCashier();
  ({ shop, provider } = cashier);
});
after(() => cashier?.close());

const move = (order, status, rest = {}) => shop.admin.patch(`/api/v1/orders/${order.order_id}/status`, { status, ...rest });
const cancelLines = (who, order, lines, options) => who.post(`/orders/${order.order_id}/lines/cancel`, { lines }, options);
const takeBack = (order, body, options) => shop.admin.post(`/orders/${order.order_id}/returns`, body, options);
const refund = (order, body = {}, options) => shop.admin.post(`/orders/${order.order_id}/refunds`, body, options);

/** Two products over two shards, paid by card: 4 x 15.00 and 3 x 3.33, 9.00 to deliver, 10 % tax on the goods. */
async function paid() {
  const who = shop.customer();
  const [shoe, sock] = [await shop.goods({ price: 1500, stock: { berlin: 2, hamburg: 50 } }), await shop.goods({ price: 333, stock: { berlin: 9 } })];
  const order = await who.order({ [shoe]: 4, [sock]: 3 });
  await cashier.confirm(await cashier.begin(order, who));
  await cashier.until(order, { status: 'paid' });
  return { who, order, shoe, sock };
}

describe('lines', () => {
  test('are cancelled by their customer, once under a key: the units and what they cost go back', async () => {
    const { who, order, shoe } = await paid();
    const answers = await Promise.all(Array.from({ length: 5 }, () => cancelLines(who, order, [{ sku: shoe, quantity: 1 }], { key: 'one' })));
    for (const answer of answers) assert.equal(answer.status, 201, answer.text);
    assert.equal(new Set(answers.map(({ text }) => text)).size, 1, 'the same bytes');
    assert.equal(answers.filter(({ headers }) => headers.get('idempotent-replayed')).length, 4);
    assertProblem(await cancelLines(who, order, [{ sku: shoe, quantity: 2 }], { key: 'one' }), { status: 422, code: 'idempotency_key_reused' });
    // 3 x 15.00 + 3 x 3.33 = 54.99; the tax on that is 5.50.
    const { json } = answers[0];
    assert.deepEqual([json.due_minor, json.given_back_minor, json.amendment], [5499 + 550 + 900, order.totals.total_minor - 6949, 1]);
    const seen = await cashier.until(order, { payment_status: 'partially_refunded' });
    assert.deepEqual([seen.due_minor, seen.captured_minor - seen.refunded_minor, seen.status], [6949, 6949, 'paid']);
    await cashier.settled(order);
    await until('the unit to be back', async () => (await shop.stock(shoe)).hamburg.stock === 49);
    assert.deepEqual(await shop.stock(shoe), { berlin: { stock: 0, held: 2 }, hamburg: { stock: 49, held: 1 } });
    assert.equal(provider.refundsOf(order.order_id).length, 1);
  });

  test('that are gone do not leave with the rest, and do not come back twice when it is cancelled', async () => {
    const [one, two] = [await paid(), await paid()];
    for (const { who, order, shoe } of [one, two]) {
      const answer = await cancelLines(who, order, [{ sku: shoe, quantity: 3 }]);
      assert.equal(answer.status, 201, answer.text);
    }
    for (const status of ['processing', 'shipped']) assert.equal((await move(one.order, status)).status, 200);
    await until('the rest to leave', async () => (await shop.stock(one.shoe)).berlin.held === 0);
    assert.deepEqual(await shop.stock(one.shoe), { berlin: { stock: 1, held: 0 }, hamburg: { stock: 50, held: 0 } });
    assert.equal((await two.who.post(`/orders/${two.order.order_id}/cancel`, {})).status, 200);
    await until('all to be back', async () => (await shop.stock(two.shoe)).berlin.held === 0);
    assert.deepEqual(await shop.stock(two.shoe), { berlin: { stock: 2, held: 0 }, hamburg: { stock: 50, held: 0 } });
    const seen = await cashier.until(two.order, { payment_status: 'refunded' });
    assert.equal(seen.status, 'cancelled');
    await cashier.settled(two.order);
    assert.equal((await shop.audit()).drift, 0);
  });

  test('are refused by what is wrong with them, and when it is too late', async () => {
    const { who, order, shoe, sock } = await paid();
    const other = shop.customer();
    const cases = [
      [who, [{ sku: shoe, quantity: 5 }], { status: 409, code: 'exceeds_order', field: 'lines' }],
      [who, [{ sku: shoe, quantity: 3 }, { sku: shoe, quantity: 2 }], { status: 409, code: 'exceeds_order', field: 'lines' }],
      [who, [{ sku: 'nobody', quantity: 1 }], { status: 404, code: 'unknown_sku', field: 'lines' }],
      [who, [{ sku: shoe, quantity: 4 }, { sku: sock, quantity: 3 }], { status: 409, code: 'not_amendable', field: 'lines' }],
      [who, [], { status: 400, code: 'invalid_field', field: 'lines' }],
      [who, [{ sku: shoe, quantity: 0 }], { status: 400, code: 'invalid_field', field: 'lines[0].quantity' }],
      [other, [{ sku: shoe, quantity: 1 }], { status: 404, code: 'not_found' }],
    ];
    for (const [by, lines, wanted] of cases) assertProblem(await cancelLines(by, order, lines), wanted);
    assert.equal((await move(order, 'processing')).status, 200);
    assertProblem(await cancelLines(who, order, [{ sku: shoe, quantity: 1 }]), { status: 409, code: 'not_amendable' });
    assert.equal((await cashier.look(order)).due_minor, order.totals.total_minor);
  });
});

describe('goods that come back', () => {
  test('go to the shelf once and their money with them; all of it makes the order refunded', async () => {
    const { order, shoe, sock } = await paid();
    assertProblem(await takeBack(order, { lines: [{ sku: shoe, quantity: 1 }] }), { status: 409, code: 'not_amendable' });
    for (const status of ['processing', 'shipped', 'delivered']) assert.equal((await move(order, status)).status, 200);
    const twice = await Promise.all([1, 2].map(() => takeBack(order, { lines: [{ sku: shoe, quantity: 2 }], reason: 'too small' }, { key: 'r1' })));
    assert.deepEqual(twice.map(({ status }) => status), [201, 201], twice[0].text);
    const part = await cashier.until(order, { payment_status: 'partially_refunded' });
    assert.deepEqual([part.status, part.fulfilment_status, part.due_minor], ['delivered', 'partially_returned', 3999 + 400 + 900]);
    await until('the shelf to have them', async () => (await shop.stock(shoe)).berlin.stock === 2);
    assertProblem(await takeBack(order, { lines: [{ sku: shoe, quantity: 3 }] }), { status: 409, code: 'exceeds_order' });
    const broken = await takeBack(order, { lines: [{ sku: sock, quantity: 3 }], restock: false });
    assert.equal(broken.status, 201, broken.text);
    assert.equal((await takeBack(order, { lines: [{ sku: shoe, quantity: 2 }] })).status, 201);
    const left = await cashier.until(order, { fulfilment_status: 'returned' });
    assert.equal(left.due_minor, 900, 'the delivery was had');
    assert.equal((await refund(order)).status, 201);
    await cashier.until(order, { status: 'refunded', payment_status: 'refunded' });
    const seen = await cashier.settled(order);
    assert.deepEqual([seen.due_minor, seen.captured_minor, seen.refunded_minor], [0, order.totals.total_minor, order.totals.total_minor]);
    await until('the shelf to have all', async () => (await shop.stock(shoe)).hamburg.stock === 50);
    assert.deepEqual(await shop.stock(shoe), { berlin: { stock: 2, held: 0 }, hamburg: { stock: 50, held: 0 } });
    assert.deepEqual(await shop.stock(sock), { berlin: { stock: 6, held: 0 } });
    assert.equal((await shop.audit()).drift, 0);
  });
});

describe('money', () => {
  test('goes back in parts and never more than was paid, though refunds come at once', async () => {
    const { order } = await paid();
    const answers = await Promise.all(Array.from({ length: 10 }, () => refund(order, { amount_minor: 1000 })));
    const good = answers.filter(({ status }) => status === 201).length;
    assert.equal(good, Math.floor(order.totals.total_minor / 1000));
    for (const answer of answers.filter(({ status }) => status !== 201)) assertProblem(answer, { status: 409, code: 'exceeds_due', field: 'amount_minor' });
    await until('the money to go back', () => provider.balance(order.order_id) === order.totals.total_minor % 1000);
    const seen = await cashier.settled(order);
    assert.deepEqual([seen.status, seen.payment_status], ['paid', 'partially_refunded']);
    for (const amount_minor of [0, -1, 1.5, '7', 2 ** 53]) assertProblem(await refund(order, { amount_minor }), { status: 400, field: 'amount_minor' });
  });

  test('that was taken at the door is given back by people, which is written down', async () => {
    const { order } = await cashier.order({ payment_method: 'cod' });
    assertProblem(await refund(order), { status: 409, code: 'not_amendable' });
    for (const status of ['processing', 'shipped', 'delivered']) assert.equal((await move(order, status)).status, 200);
    assert.equal((await refund(order, { amount_minor: 500 })).status, 201);
    const part = await cashier.look(order);
    assert.deepEqual([part.payment_status, part.captured_minor, part.refunded_minor, part.due_minor], ['partially_refunded', 7500, 500, 7000]);
    assert.equal((await refund(order)).status, 201);
    const seen = await cashier.look(order);
    assert.deepEqual([seen.status, seen.payment_status, seen.refunded_minor], ['refunded', 'refunded', 7500]);
  });

  test('of a credit line is free again when less is due', async () => {
    const who = shop.customer();
    await shop.admin.put(`/api/admin/credit-lines/${who.id}`, { limit_minor: 7500 });
    const { order, sku } = await cashier.order({ payment_method: 'credit' }, who);
    assert.equal((await cancelLines(who, order, [{ sku, quantity: 2 }])).status, 201);
    const used = async () => {
      const { json } = await who.get('/credit');
      return [json.reserved_minor, json.used_minor];
    };
    await until('the line to be freed', async () => (await used())[0] === 4200);
    assert.equal((await move(order, 'processing')).status, 200);
    await cashier.until(order, { payment_status: 'paid' });
    assert.deepEqual(await used(), [0, 4200]);
    assert.equal((await refund(order, { amount_minor: 200 })).status, 201);
    await cashier.until(order, { payment_status: 'partially_refunded' });
    assert.deepEqual(await used(), [0, 4000]);
  });
});

describe('an order under way', () => {
  test('is tracked by number, carrier, state and time', async () => {
    const { order, who } = await paid();
    const track = async (by = who) => (await by.get(`/orders/${order.order_number}/tracking`)).json;
    const first = await track();
    assert.deepEqual([first.status, first.estimated_delivery, first.tracking_number, first.delivered_at], ['paid', order.estimated_delivery_date, null, null]);
    assert.equal((await move(order, 'processing')).status, 200);
    assert.equal((await move(order, 'shipped', { tracking_number: 'T-1', carrier: 'Post' })).status, 200);
    const out = await track();
    assert.deepEqual([out.status, out.delivery_status, out.tracking_number, out.carrier], ['shipped', 'out_for_delivery', 'T-1', 'Post']);
    assert.equal((await move(order, 'delivered')).status, 200);
    const seen = await track(shop.admin);
    assert.deepEqual(seen.timeline.map(({ status }) => status), ['pending', 'paid', 'processing', 'shipped', 'delivered']);
    assert.equal(seen.delivered_at, seen.timeline.at(-1).at);
    assert.ok(Date.parse(seen.estimated_delivery) <= Date.now());
    assertProblem(await shop.customer().get(`/orders/${order.order_id}/tracking`), { status: 404, code: 'not_found' });
  });

  test('has notes of staff for staff, one for a key', async () => {
    const { order, who } = await cashier.order();
    const write = (text, key) => shop.admin.post(`/orders/${order.order_number}/notes`, { text }, { key });
    const answers = [await write('rang twice', 'n1'), await write('rang twice', 'n1'), await write(' called back ')];
    assert.deepEqual(answers.map(({ status }) => status), [201, 201, 201], answers[0].text);
    assert.deepEqual(answers[0].json, answers[1].json);
    const { json } = await shop.service.get(`/orders/${order.order_id}/notes`);
    assert.deepEqual(json.notes.map(({ text, written_by }) => [text, written_by]).sort(), [['called back', 'admin:root'], ['rang twice', 'admin:root']]);
    assertProblem(await who.get(`/orders/${order.order_id}/notes`), { status: 403 });
    for (const text of ['', '  ', 'x'.repeat(1001), 7]) assertProblem(await shop.admin.post(`/orders/${order.order_id}/notes`, { text }), { status: 400, field: 'text' });
  });
});
