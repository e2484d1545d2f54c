// Vendors who have no live connection are rung: which devices there are, what reaches them, and
// that it rings once and ends once, whatever is repeated.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { deliver, deliveryOf, textOf } from '../support/messenger.mjs';
import { assertVapid, Browser, command, insist, Outside } from '../support/outside.mjs';
import { DEVICE_KEYS } from '../support/routes.mjs';
import { assertProblem, openShop, until } from '../support/shop.mjs';

const PATH = '/api/vendor/push-subscriptions';
const TOKEN = 'token-of-the-messenger';

let outside;
let shop;
/** One as it is by default: no messenger, and no addresses on this machine. */
let plain;
before(async () => {
  outside = await new Outside().open();
  const vendors = { PUSH_ALLOW_HTTP: 'true', VAPID_SUBJECT: 'mailto:test@example.com', WHATSAPP_BASE_URL: `${outside.url}/v1/`, WHATSAPP_PHONE_NUMBER_ID: '77', WHATSAPP_TOKEN: TOKEN };
  shop = await openShop({ catalogue: null, vars: { vendors } });
  plain = await openShop({ catalogue: null });
});
after(async () => {
  await shop?.close();
  await plain?.close();
  outside?.close();
});

let count = 0;
/** A vendor with so many browsers, and perhaps a phone. */
async function vendorWith(browsers, { phone } = {}) {
  const person = shop.person('vendor');
  await shop.vendor({ vendor_id: person.id, phone });
  const devices = Array.from({ length: browsers }, () => new Browser(outside));
  for (const { subscription } of devices) assert.equal((await person.post(PATH, subscription)).status, 201);
  return { person, devices, offer: offerTo(person) };
}

function offerTo({ id }, { seconds = 90, tag = { epoch: 1, batch: 1 } } = {}) {
  count += 1;
  return {
    orderId: `01920000-0000-7001-8000-${String(count).padStart(12, '0')}`, orderNumber: `ORD-2026-AAAA${count}`, vendorId: id, totalAmount: 45.9, total_minor: 4590,
    currency: 'EUR', items: 3, deliveryAddress: 'Torstr. 1, Berlin', deliveryLatitude: 52.5, deliveryLongitude: 13.4, distance: 2.345, ttl: seconds,
    expiresAt: new Date(Date.now() + seconds * 1000).toISOString(), serverTime: new Date().toISOString(), tag,
  };
}

const ring = (offer) => insist(shop, 'vendors', 'alert', { offer });
const endOf = ({ orderId, vendorId, orderNumber, tag }) => ({ off: { orderId, vendorId, reason: 'taken', tag }, order_number: orderNumber, by_itself: false });
const callOff = (offer) => insist(shop, 'vendors', 'call_off', endOf(offer));
const rows = (sql, ...params) => shop.rt.d1('vendors', 'DB').all(sql, ...params);
const booked = async ({ vendorId }) => (await rows('SELECT state, channel, devices, phone FROM alerts_sent WHERE vendor_id = ?', vendorId))[0];
const devicesOf = async ({ id }) => (await rows('SELECT endpoint FROM push_subscriptions WHERE vendor_id = ? ORDER BY id', id)).map(({ endpoint }) => new URL(endpoint).pathname);

describe('a device', () => {
  test('is subscribed with the key of the shop, once however often it says so', async () => {
    const person = shop.person('vendor');
    const { json } = await person.get('/api/vendor/push-key');
    const point = Buffer.from(json.publicKey, 'base64url');
    assert.ok(point.length === 65 && point[0] === 4);
    assert.equal(json.publicKey, shop.rt.secrets.VAPID_PRIVATE_KEY.split('.')[0]);
    const browser = new Browser(outside);
    for (let n = 0; n < 3; n += 1) assert.equal((await person.post(PATH, browser.subscription)).status, 201);
    assert.deepEqual(await devicesOf(person), [browser.path]);
  });

  test('belongs to the vendor who was last at it, and is given up by that one alone', async () => {
    const [first, second] = [shop.person('vendor'), shop.person('vendor')];
    const { subscription, path } = new Browser(outside);
    await first.post(PATH, subscription);
    await second.post(PATH, subscription);
    assert.deepEqual([await devicesOf(first), await devicesOf(second)], [[], [path]]);
    for (const [person, left] of [[first, [path]], [second, []], [second, []]]) {
      assert.equal((await person.delete(PATH, { body: { endpoint: subscription.endpoint } })).status, 200);
      assert.deepEqual(await devicesOf(second), left);
    }
  });

  test('is one of twenty at most, and the oldest goes', async () => {
    const { person, devices } = await vendorWith(20);
    await person.post(PATH, devices[0].subscription);
    const last = new Browser(outside);
    await person.post(PATH, last.subscription);
    assert.deepEqual((await devicesOf(person)).sort(), [devices[0], ...devices.slice(2), last].map(({ path }) => path).sort());
  });

  test('is refused by name of the field, and above all where its address leads into a network of ours', async () => {
    const good = { endpoint: 'https://push.example/x', keys: DEVICE_KEYS };
    const cases = [
      [{ endpoint: undefined }, 'endpoint'], [{ endpoint: 'x' }, 'endpoint'], [{ endpoint: `https://push.example/${'x'.repeat(2000)}` }, 'endpoint'],
      ...['http://push.example/x', 'http://127.0.0.1:1/x', 'http://localhost/x', 'https://127.0.0.1/x', 'https://[::1]/x', 'https://10.1.2.3/x', 'https://0x7f000001/x',
        'https://169.254.169.254/x', 'https://localhost/x', 'https://db.internal/x', 'https://intranet/x', 'https://push.example:444/x', 'https://a:b@push.example/x', 'ftp://push.example/x',
      ].map((endpoint) => [{ endpoint }, 'endpoint']),
      [{ keys: undefined }, 'keys'], [{ keys: { ...DEVICE_KEYS, p256dh: undefined } }, 'keys.p256dh'],
      ...['', 'x', DEVICE_KEYS.auth, `B${'A'.repeat(86)}`, `${DEVICE_KEYS.p256dh}AA`].map((p256dh) => [{ keys: { ...DEVICE_KEYS, p256dh } }, 'keys.p256dh']),
      ...['', 'x', DEVICE_KEYS.p256dh, `${DEVICE_KEYS.auth}AA`, 'ä'].map((auth) => [{ keys: { ...DEVICE_KEYS, auth } }, 'keys.auth']),
    ];
    const vendor = plain.person('vendor');
    for (const [change, field] of cases) {
      assertProblem(await vendor.post(PATH, { ...good, ...change }), { status: 400, code: 'invalid_field', field });
    }
    assert.equal((await vendor.post(PATH, good)).status, 201);
    assertProblem(await vendor.delete(PATH, { body: {} }), { status: 400, code: 'invalid_field', field: 'endpoint' });
  });
});

describe('an alert', () => {
  test('rings on every device: sealed for it, signed by the shop, for as long as the offer is open', async () => {
    const { person, devices, offer } = await vendorWith(8);
    assert.equal(await ring(offer), true);
    const { publicKey } = (await person.get('/api/vendor/push-key')).json;
    for (const device of devices) {
      const [{ headers, payload }, ...more] = device.got();
      assert.deepEqual(payload, { type: 'NEW_ORDER', ...offer });
      assert.equal(more.length, 0);
      assert.equal(headers.urgency, 'high');
      assert.ok(Number(headers.ttl) > 80 && Number(headers.ttl) <= 90, headers.ttl);
      assert.match(headers.topic, /^[\w-]{32}$/);
      assert.equal(assertVapid(headers.authorization, { publicKey, audience: outside.url }).sub, 'mailto:test@example.com');
    }
    const bodies = devices.map(({ path }) => outside.at(path)[0].body.subarray(0, 86).toString('hex'));
    assert.equal(new Set(bodies).size, 8, 'salt and key are made for each');
    assert.deepEqual(await booked(offer).then(({ state, channel }) => [state, channel]), ['rung', 'push']);
  });

  test('rings once, however often and at once it is asked for, and again for the next offer of the order', async () => {
    const { devices: [device], offer } = await vendorWith(1);
    assert.deepEqual(await Promise.all(Array.from({ length: 10 }, () => ring(offer))), Array(10).fill(true));
    assert.equal(await ring(offer), true);
    assert.equal(device.got().length, 1);
    assert.equal(await ring({ ...offer, tag: { epoch: 1, batch: 2 } }), true);
    assert.equal(device.got().length, 2);
  });

  test('that nobody can take is said so, and may be tried again', async () => {
    const { person, offer } = await vendorWith(0);
    assert.equal(await ring(offer), false);
    assert.equal(await booked(offer), undefined);
    const device = new Browser(outside);
    await person.post(PATH, device.subscription);
    assert.equal(await ring(offer), true);
    assert.equal(device.got().length, 1);
  });

  test('forgets devices that are gone, and keeps those that were not reached', async () => {
    const { person, devices, offer } = await vendorWith(5);
    for (const [n, status] of [404, 410, 429, 403, 302].entries()) devices[n].answers(status);
    assert.equal(await ring(offer), false);
    assert.deepEqual(await devicesOf(person), devices.slice(2).map(({ path }) => path));
    assert.equal(outside.at('/elsewhere').length, 0, 'a redirect is not followed');
    devices[3].answers(201);
    assert.equal(await ring(offer), true);
    assert.deepEqual(devices.map((device) => device.got().length), [1, 1, 2, 2, 2]);
  });

  test('gives up on a service that does not answer; what it may yet deliver is called off as well', async () => {
    const { devices: [device], offer } = await vendorWith(1);
    device.answers('never');
    const from = performance.now();
    assert.equal(await ring(offer), false);
    assert.ok(performance.now() - from < 10_000);
    device.answers(201);
    await callOff(offer);
    assert.deepEqual(device.payloads().map(({ type }) => type), ['NEW_ORDER', 'CANCEL_PUSH']);
  });

  test('of an offer that is over rings nowhere', async () => {
    const { person, devices: [device] } = await vendorWith(1, { phone: '+4930000001' });
    assert.equal(await ring(offerTo(person, { seconds: -1 })), false);
    assert.deepEqual([device.got(), outside.said('+4930000001')], [[], []]);
  });

  test('with a very long address still fits a push', async () => {
    const { devices: [device], offer } = await vendorWith(1);
    assert.equal(await ring({ ...offer, deliveryAddress: 'ß\u0001'.repeat(3000) }), true);
    assert.equal(device.payloads()[0].deliveryAddress, 'ß\u0001'.repeat(100));
  });

  test('that a crash left half done is made again, and while it may be under way not', async () => {
    const { devices: [device], offer } = await vendorWith(1);
    const claim = (at) => shop.rt.d1('vendors', 'DB').run(
      `INSERT OR REPLACE INTO alerts_sent (vendor_id, order_id, epoch, batch, state, at) VALUES (?, ?, 1, 1, 'ringing', ?)`, offer.vendorId, offer.orderId, at);
    await claim(Date.now());
    for (const [name, body] of [['alert', { offer }], ['call_off', endOf(offer)]]) {
      const { status, json } = await command(shop, 'vendors', name, body);
      assert.deepEqual([status, json.code], [503, 'unavailable']);
    }
    assert.equal(device.got().length, 0);
    await claim(Date.now() - 60_000);
    assert.equal(await ring(offer), true);
    assert.equal(device.got().length, 1);
    await claim(Date.now() - 60_000);
    await callOff(offer);
    assert.deepEqual(device.payloads().map(({ type }) => type), ['NEW_ORDER', 'CANCEL_PUSH'], 'it may have rung');
  });

  test('is forgotten after a week', async () => {
    const { offer } = await vendorWith(1);
    await shop.rt.d1('vendors', 'DB').run("INSERT INTO alerts_sent (vendor_id, order_id, epoch, batch, state, at) VALUES ('old', 'o', 1, 1, 'off', ?), ('new', 'o', 1, 1, 'off', ?)",
      Date.now() - 8 * 86_400_000, Date.now() - 6 * 86_400_000);
    await ring(offer);
    assert.deepEqual(await rows("SELECT vendor_id FROM alerts_sent WHERE order_id = 'o'"), [{ vendor_id: 'new' }]);
  });
});

describe('the end of an offer', () => {
  test('goes to those that rang, once, in place of an alert that still waits', async () => {
    const { person, devices, offer } = await vendorWith(3);
    devices[2].answers(429);
    await ring(offer);
    devices[2].answers(201);
    const late = new Browser(outside);
    await person.post(PATH, late.subscription);
    await Promise.all(Array.from({ length: 5 }, () => callOff(offer)));
    await callOff(offer);
    for (const device of devices.slice(0, 2)) {
      const [rang, ended, ...more] = device.got();
      assert.deepEqual(ended.payload, { type: 'CANCEL_PUSH', ...endOf(offer).off });
      assert.equal(ended.headers.topic, rang.headers.topic);
      assert.ok(Number(ended.headers.ttl) > 0);
      assert.equal(more.length, 0);
    }
    assert.deepEqual([devices[2].got().length, late.got().length], [1, 0]);
    assert.equal(await ring(offer), false, 'what is over stays over');
    assert.equal(devices[0].got().length, 2);
  });

  test('that comes before the offer keeps it from ringing', async () => {
    const { devices: [device], offer } = await vendorWith(1, { phone: '+4930000002' });
    await callOff(offer);
    assert.equal(await ring(offer), false);
    assert.deepEqual([device.got(), outside.said('+4930000002')], [[], []]);
  });
});

describe('a message', () => {
  const API = '/v1/77/messages';

  test('goes to the phone of a vendor whom no device reaches, says all that is needed, and ends with the offer', async () => {
    const phone = '+4930000003';
    const { devices: [device], offer } = await vendorWith(1, { phone });
    device.answers(410);
    assert.deepEqual(await Promise.all(Array.from({ length: 5 }, () => ring(offer))), Array(5).fill(true));
    assert.equal(await ring(offer), true);
    const [sent, ...more] = outside.at(API).filter(({ body }) => JSON.parse(body).to === '4930000003');
    assert.equal(more.length, 0);
    assert.equal(sent.headers.authorization, `Bearer ${TOKEN}`);
    assert.deepEqual(JSON.parse(sent.body), {
      messaging_product: 'whatsapp', to: '4930000003', type: 'text',
      text: { body: `New order ${offer.orderNumber}: 45.90 EUR, 2.3 km away. 2 minutes left to answer. Reply "ACCEPT ${offer.orderNumber}" or "REJECT ${offer.orderNumber}".` },
    });
    for (let n = 0; n < 3; n += 1) await callOff(offer);
    assert.deepEqual(outside.said(phone).slice(1), [`${offer.orderNumber} is no longer available.`]);
    assert.equal(device.got().length, 1);
  });

  test('is not sent to a vendor whose device took the alert', async () => {
    const phone = '+4930000004';
    const { devices, offer } = await vendorWith(2, { phone });
    devices[0].answers(429);
    assert.equal(await ring(offer), true);
    await callOff(offer);
    assert.deepEqual(outside.said(phone), []);
  });

  test('that is not taken is tried again when the desk comes again', async () => {
    const phone = '+4930000005';
    const { offer } = await vendorWith(0, { phone });
    for (const status of [500, 429, 400]) {
      outside.answers.set(API, status);
      assert.equal(await ring(offer), false);
    }
    outside.answers.delete(API);
    assert.equal(await ring(offer), true);
    assert.equal(await ring(offer), true);
    assert.equal(outside.said(phone).length, 4);
  });

  test('is not sent where there is no messenger, which is no failure', async () => {
    const person = plain.person('vendor');
    await plain.vendor({ vendor_id: person.id, phone: '+4930000007' });
    const offer = offerTo(person);
    assert.equal(await insist(plain, 'vendors', 'alert', { offer }), false);
    await insist(plain, 'vendors', 'call_off', endOf(offer));
    assert.equal((await deliver(plain, deliveryOf(textOf('+4930000007', 'hello')))).status, 200);
    await until('it is logged', () => plain.logs.some(({ line }) => line?.event === 'whatsapp_not_configured'));
    assert.equal(plain.logs.filter(({ line }) => line?.event === 'whatsapp_not_configured').length, 1);
  });
});

test('the log names no address, number, token or key', () => {
  const secrets = [TOKEN, ...shop.rt.secrets.VAPID_PRIVATE_KEY.split('.').slice(1), '/push/', '493000000'];
  for (const { text } of shop.logs) for (const secret of secrets) assert.ok(!text.includes(secret), text);
  assert.deepEqual(shop.panics(), []);
});
