// What the messenger delivers: who is believed, what is a message, that each is answered once, and
// what an answer to an offer comes to.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { deliver, deliveryOf, sign as signed, textOf as text, WEBHOOK } from '../support/messenger.mjs';
import { Outside } from '../support/outside.mjs';
import { ABSENT_ORDERS } from '../support/routes.mjs';
import { ADDRESS, assertProblem, openShop, until } from '../support/shop.mjs';

const API = '/v1/77/messages';
const [ABSENT_ID, ABSENT_NUMBER] = ABSENT_ORDERS;

let outside;
let shop;
before(async () => {
  outside = await new Outside().open();
  const vendors = { PUSH_ALLOW_HTTP: 'true', WHATSAPP_BASE_URL: `${outside.url}/v1`, WHATSAPP_PHONE_NUMBER_ID: '77', WHATSAPP_TOKEN: 'token' };
  shop = await openShop({ vars: { vendors } });
});
after(async () => {
  await shop?.close();
  outside?.close();
});

const sign = (...of) => signed(shop, ...of);
const post = (...of) => deliver(shop, ...of);

/** One delivery many times at once: one deals with it, others may be told to come again, since it is not over yet. */
async function atOnce(count, body) {
  const statuses = (await Promise.all(Array.from({ length: count }, () => post(body)))).map(({ status }) => status);
  assert.ok(statuses.includes(200) && statuses.every((status) => status === 200 || status === 503), statuses.join());
}

const write = async (phone, body, id) => {
  const answer = await post(deliveryOf(text(phone, body, id)));
  assert.equal(answer.status, 200, answer.text);
};

let phones = 0;
/** A vendor with a phone of its own, who is offered nothing unless it is said so. */
async function vendorWithPhone(rest = { open: false }) {
  const phone = `+49301${String(phones += 1).padStart(6, '0')}`;
  const vendor = await shop.vendor({ phone, ...rest });
  return { vendor, phone, said: () => outside.said(phone) };
}

const inbox = (sql, ...params) => shop.rt.d1('vendors', 'DB').all(sql, ...params);

describe('the provider', () => {
  const shake = (query) => shop.call('GET', `${WEBHOOK}?${new URLSearchParams(query)}`);

  test('shakes hands with the word that both know', async () => {
    const good = { 'hub.mode': 'subscribe', 'hub.verify_token': shop.rt.secrets.WHATSAPP_VERIFY_TOKEN, 'hub.challenge': '1158201444' };
    const answer = await shake(good);
    assert.deepEqual([answer.status, answer.text], [200, '1158201444']);
    assert.match(answer.headers.get('content-type'), /^text\/plain/);
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
    for (const wrong of [{ 'hub.mode': 'unsubscribe' }, { 'hub.mode': '' }, { 'hub.verify_token': '' }, { 'hub.verify_token': 'wrong' }, { 'hub.verify_token': `${good['hub.verify_token']}x` }]) {
      assertProblem(await shake({ ...good, ...wrong }), { status: 403, code: 'forbidden' });
    }
    assertProblem(await shake({}), { status: 403, code: 'forbidden' });
  });

  test('is believed with a signature over the very bytes, and nothing happens without', async () => {
    const { phone, said } = await vendorWithPhone();
    const body = deliveryOf(text(phone, 'hello', 'wamid.forged'));
    const forged = [
      null, '', 'sha256=', sign(body, 'another'), sign(`${body} `), sign(body, shop.rt.secrets.WHATSAPP_VERIFY_TOKEN), sign(body).slice(7),
      sign(body).slice(0, -1), `${sign(body)}0`, sign(body).replace('sha256', 'sha1'), `sha256=${'0'.repeat(64)}`,
    ];
    for (const signature of forged) assertProblem(await post(body, signature), { status: 401, code: 'unauthenticated' });
    assertProblem(await shop.call('POST', WEBHOOK, { body, as: shop.admin }), { status: 401, code: 'unauthenticated' });
    assert.deepEqual([said(), await inbox("SELECT * FROM inbound_messages WHERE id = 'wamid.forged'")], [[], []]);
    assert.equal((await post(body, sign(body).toUpperCase().replace('SHA', 'sha'))).status, 200);
    assert.equal(said().length, 1);
  });

  test('may deliver what is no message, of any shape', async () => {
    const { phone, said } = await vendorWithPhone();
    const status = { id: 'wamid.1', status: 'read', recipient_id: phone.slice(1) };
    const others = [
      '{}', '{"entry":[]}', '{"entry":7}', '{"entry":[{"changes":[{"value":{"messages":[{},7,null]}}]}]}', '[]', '7', 'null', '{"entry":[{"changes":[{}]}]}',
      JSON.stringify({ entry: [{ changes: [{ value: { statuses: [status] } }] }] }), deliveryOf({ ...text(phone, 'x'), from: 'nobody' }),
      deliveryOf({ id: 'wamid.image', from: phone.slice(1), type: 'image', image: { id: '1' } }),
    ];
    for (const body of others) assert.equal((await post(body)).status, 200, body);
    for (const body of ['{', 'x', '{}x', '']) assertProblem(await post(body), { status: 400 });
    const large = JSON.stringify({ x: 'x'.repeat(1024 * 1024) });
    assertProblem(await post(large), { status: 413, code: 'body_too_large' });
    assert.deepEqual(said(), []);
  });
});

describe('a message', () => {
  test('that is not understood is told how to answer', async () => {
    const { phone, said } = await vendorWithPhone();
    const not = ['hello', 'accept', 'ACCEPT it', 'ORD-2026-AAAAA1', '👍', ' '];
    for (const body of not) await write(phone, body);
    assert.equal(said().length, not.length);
    for (const reply of said()) assert.match(reply, /^That was not understood\. To answer an offer reply "ACCEPT" or "REJECT"/);
  });

  test('about an order that does not exist is told so, however it is written', async () => {
    const { phone, said } = await vendorWithPhone();
    const button = { id: `wamid.${randomUUID()}`, from: phone.slice(1), type: 'interactive', interactive: { type: 'button_reply', button_reply: { id: `REJECT ${ABSENT_NUMBER}`, title: 'No' } } };
    await write(phone, `accept ${ABSENT_NUMBER.toLowerCase()} 20`);
    await write(phone, `Accept "${ABSENT_NUMBER}".`);
    await write(phone, 'ACCEPT ORD-1');
    assert.equal((await post(deliveryOf(button))).status, 200);
    await write(phone, `reject ${ABSENT_ID.toUpperCase()} out of bread`);
    // One that is not there answers as one that was offered to others.
    assert.deepEqual(said(), [ABSENT_NUMBER, ABSENT_NUMBER, 'ORD-1', ABSENT_NUMBER, ABSENT_ID].map((order) =>
      (order === 'ORD-1' ? `There is no order ${order}. Please look at its number again.` : `${order} was not offered to you.`)));
  });

  test('of a stranger is not answered', async () => {
    await write('+4930999999', 'hello', 'wamid.stranger');
    assert.deepEqual(outside.said('+4930999999'), []);
    assert.deepEqual((await inbox("SELECT state FROM inbound_messages WHERE id = 'wamid.stranger'")), [{ state: 'done' }]);
  });

  test('of a number that two vendors share is not answered before it is the number of one alone', async () => {
    const { vendor, phone, said } = await vendorWithPhone();
    await shop.vendor({ phone, open: false });
    await write(phone, 'hello');
    await write(`${phone}1`, 'hello');
    assert.deepEqual(said(), []);
    await shop.admin.delete(`/api/admin/vendors/${vendor}`);
    await write(phone, 'hello');
    assert.equal(said().length, 1);
  });

  test('is answered once, however often and at once it is delivered', async () => {
    const { phone, said } = await vendorWithPhone();
    const body = deliveryOf(text(phone, `accept ${ABSENT_NUMBER}`));
    await atOnce(20, body);
    assert.equal((await post(body)).status, 200);
    const twice = text(phone, 'hello');
    assert.equal((await post(deliveryOf(twice, twice))).status, 200);
    assert.equal(said().length, 2);
  });

  test('whose answer could not be sent is dealt with when it is delivered again', async () => {
    const { phone, said } = await vendorWithPhone();
    outside.answers.set(API, 503);
    const body = deliveryOf(text(phone, 'hello', 'wamid.again'));
    for (let n = 0; n < 2; n += 1) {
      const answer = await post(body);
      assertProblem(answer, { status: 503, code: 'unavailable' });
      assert.ok(Number(answer.headers.get('retry-after')) > 0);
      assert.deepEqual(await inbox("SELECT id FROM inbound_messages WHERE id = 'wamid.again'"), []);
    }
    outside.answers.delete(API);
    for (let n = 0; n < 3; n += 1) assert.equal((await post(body)).status, 200);
    assert.equal(said().length, 3, 'two that were refused, and one');
  });

  test('whose answer can never be delivered is let go', async () => {
    const { phone, said } = await vendorWithPhone();
    outside.answers.set(API, 400);
    await write(phone, 'hello', 'wamid.undeliverable');
    outside.answers.delete(API);
    await write(phone, 'hello', 'wamid.undeliverable');
    assert.equal(said().length, 1, 'it was tried once');
  });

  test('that a crash left behind is taken over after half a minute, and not before; old ones are forgotten', async () => {
    const { phone, said } = await vendorWithPhone();
    const put = (id, state, ago) => shop.rt.d1('vendors', 'DB').run('INSERT OR REPLACE INTO inbound_messages VALUES (?, ?, ?)', id, state, Date.now() - ago);
    await put('wamid.claimed', 'claimed', 20_000);
    await put('wamid.left', 'claimed', 31_000);
    await put('wamid.done', 'done', 47 * 3_600_000);
    await put('wamid.old', 'done', 49 * 3_600_000);
    for (const id of ['wamid.left', 'wamid.done']) await write(phone, 'hello', id);
    assert.equal((await post(deliveryOf(text(phone, 'hello', 'wamid.claimed')))).status, 503, 'it has to come again');
    assert.equal(said().length, 1);
    assert.deepEqual(await inbox("SELECT id, state FROM inbound_messages WHERE id IN ('wamid.claimed', 'wamid.left', 'wamid.done', 'wamid.old') ORDER BY id"),
      [{ id: 'wamid.claimed', state: 'claimed' }, { id: 'wamid.done', state: 'done' }, { id: 'wamid.left', state: 'done' }]);
  });

  test('among many is dealt with in time: the provider comes again for the rest', async () => {
    const { phone, said } = await vendorWithPhone();
    const body = deliveryOf(...Array.from({ length: 45 }, () => text(phone, 'hello')));
    const statuses = [];
    for (let n = 0; n < 4; n += 1) statuses.push((await post(body)).status);
    assert.deepEqual(statuses, [503, 503, 200, 200]);
    assert.equal(said().length, 45);
  });
});

describe('an answer by message', () => {
  let places = 0;
  /** An order at a place of its own, and vendors there who have heard of it by message. */
  async function offered(count) {
    places += 1;
    const at = { latitude: -30 - places, longitude: 20 };
    const vendors = [];
    for (let n = 0; n < count; n += 1) vendors.push(await vendorWithPhone({ ...at, prep_minutes: 20 }));
    const sku = await shop.goods({ stock: { berlin: 9 } });
    const { order_id: id, order_number: number } = await shop.customer().order({ [sku]: 1 }, { address: { ...ADDRESS, ...at }, payment_method: 'cod' });
    const { status, text } = await shop.admin.post(`/api/admin/orders/${id}/start-assignment`);
    assert.equal(status, 200, text);
    for (const { said } of vendors) await until('the offer is heard', () => said().some((line) => line.startsWith(`New order ${number}: `)), { deadlineMs: 30_000 });
    return { id, number, vendors };
  }
  const last = ({ said }) => said().at(-1);

  test('takes the order, once, in the minutes that it says', async () => {
    const { number, vendors: [one] } = await offered(1);
    const body = deliveryOf(text(one.phone, `accept ${number.toLowerCase()} 25`));
    await atOnce(20, body);
    assert.deepEqual(one.said().slice(1), [`${number} is yours, ready in 25 minutes.`]);
    await write(one.phone, `ACCEPT ${number}`);
    assert.equal(last(one), `${number} is yours, ready in 25 minutes.`, 'who has it is told so again');
  });

  test('is good by the id as well, and in the usual time where it says none', async () => {
    const { id, vendors: [one] } = await offered(1);
    await write(one.phone, `Accept ${id}`);
    assert.equal(last(one), `${id} is yours, ready in 20 minutes.`);
  });

  test('that comes second hears that the order is taken; of two at once one wins', async () => {
    const { number, vendors } = await offered(2);
    await Promise.all(vendors.map(({ phone }) => write(phone, `ACCEPT ${number}`)));
    const answers = vendors.map(({ said }) => said().filter((line) => / is yours|already taken/.test(line)));
    assert.deepEqual(answers.flat().sort(), [`${number} is already taken.`, `${number} is yours, ready in 20 minutes.`]);
  });

  test('may be no, and is no answer from who was not asked', async () => {
    const { number, vendors: [one] } = await offered(1);
    const other = await vendorWithPhone();
    await write(other.phone, `ACCEPT ${number}`);
    assert.equal(last(other), `${number} was not offered to you.`);
    await write(one.phone, `reject ${number} out of bread`);
    assert.equal(last(one), `${number} is rejected. Somebody else is asked.`);
    await write(one.phone, `accept ${number}`);
    assert.equal(last(one), `You have rejected ${number} before.`);
  });
});
