// What the shop says to merchants: each event once to every endpoint that wants it, signed, again
// after a failure, and never lost. The receivers are real, and believe by the official library.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { anOrder, dead, Merchant, notice, notify, replayDead } from '../support/notices.mjs';
import { command, Outside } from '../support/outside.mjs';
import { assertProblem, openShop, until } from '../support/shop.mjs';

const LOCAL = { WEBHOOK_ALLOW_LOCAL: 'true', WEBHOOK_TIMEOUT_MS: '1500' };
const NOTICES = { ...LOCAL, RETRY_MS: '100,150,200' };

let outside;
let shop;
before(async () => {
  outside = await new Outside().open();
  shop = await openShop({ catalogue: null, vars: { notices: NOTICES } });
});
after(async () => {
  await shop?.close();
  outside?.close();
});

let open = [];
async function merchant(rest) {
  const one = await new Merchant(shop, outside).open(rest);
  open.push(one);
  return one;
}
// Everybody hears everything, so nobody outlives a test.
afterEach(async () => {
  for (const { route } of open) await shop.admin.delete(route);
  open = [];
});

const say = (...notices) => notify(shop, ...notices);
const refused = async (notices, field) => {
  const { status, json } = await command(shop, 'notices', 'notify', { notices });
  assert.deepEqual([status, json.code, json.field], [400, 'invalid_field', field]);
};
/** Something that can be let go. */
function gate() {
  const one = {};
  one.passed = new Promise((resolve) => { one.go = () => resolve(200); });
  return one;
}

describe('an event', () => {
  test('reaches an endpoint as the specification has it, and is on record', async () => {
    const one = await merchant({ description: 'the first' });
    const event = notice(anOrder(), 'order.paid', { data: '{"price": 1.50, "text":"ä\\n"}' });
    await say(event);
    await one.heard(event);
    const [{ id, type, timestamp, data, headers }] = one.got();
    assert.deepEqual({ id, type, timestamp, data }, { id: event.id, type: 'order.paid', timestamp: event.at, data: { price: 1.5, text: 'ä\n' } });
    assert.equal(headers['content-type'], 'application/json');
    assert.match(headers['webhook-timestamp'], /^\d{10}$/);
    assert.ok(outside.at(one.path)[0].body.toString().includes('"price": 1.50'), 'the data goes as it came');
    const delivery = await one.delivery(event, 'delivered');
    const { endpoint_id, event_id, kind, order_id, attempts, last_status, last_error, next_attempt_at } = delivery;
    assert.deepEqual({ endpoint_id, event_id, kind, order_id, attempts, last_status, last_error, next_attempt_at }, {
      endpoint_id: one.id, event_id: event.id, kind: 'order.paid', order_id: event.order_id, attempts: 1, last_status: 201, last_error: null, next_attempt_at: null });
    assert.ok(delivery.delivered_at >= delivery.created_at);
    const detail = await one.detail(delivery);
    assert.equal(detail.body, outside.at(one.path)[0].body.toString());
    assert.deepEqual(detail.log.map(({ status, error }) => [status, error]), [[201, undefined]]);
    assert.ok(detail.log[0].duration_ms >= 0 && detail.log[0].at >= delivery.created_at);
  });

  test('counts once, however often and at once it is told', async () => {
    const one = await merchant();
    const [event, other, last] = [anOrder()].flatMap((order) => [notice(order), notice(order), notice(order)]);
    await Promise.all([say(event), say(event), say(event, event), say(other, event)]);
    await one.heard(event, other);
    await say(event);
    await say({ ...event, data: '{"changed":true}' });
    // Its order's events come one after the other, so whatever was made of the doubles is there by then.
    await say(last, last);
    await one.heard(last);
    await one.delivery(last, 'delivered');
    assert.deepEqual(one.ids().toSorted(), [event.id, other.id, last.id].toSorted());
    assert.equal((await one.deliveries()).length, 3);
    await shop.rt.evict('notices', 'NoticeDesk', { name: await deskOf(event) });
    await say(event, notice(event.order_id));
    await until('the next is heard', () => one.ids().length === 4);
    assert.equal(one.ids().filter((id) => id === event.id).length, 1, 'what was forgotten in memory is written');
  });

  test('goes to those who want its kind, and to those who want every kind', async () => {
    const [paid, every, off] = [await merchant({ kinds: ['order.paid', 'order.cancelled'] }), await merchant(), await merchant()];
    assert.equal((await shop.admin.patch(off.route, { active: false })).json.disabled_reason, 'switched off by an admin');
    const order = anOrder();
    const events = ['order.placed', 'order.paid', 'order.updated', 'order.cancelled'].map((kind) => notice(order, kind));
    await say(...events);
    await every.heard(...events);
    await paid.heard(events[3]);
    assert.deepEqual(paid.got().map(({ type }) => type), ['order.paid', 'order.cancelled']);
    assert.deepEqual(every.got().map(({ type }) => type), events.map(({ kind }) => kind), 'in the order in which they happened');
    assert.deepEqual(off.ids(), []);
    const { json } = await shop.admin.patch(paid.route, { kinds: null });
    assert.equal(json.kinds, null);
    const more = notice(order, 'order.delivered');
    await say(more);
    await paid.heard(more);
    await every.delivery(more, 'delivered');
    assert.deepEqual(await off.deliveries(), [], 'what is switched off has nothing waiting for it either');
  });

  test('that is not answered holds up what follows of its order, there, and nothing else', async () => {
    const [slow, other] = [await merchant(), await merchant()];
    const { passed, go } = gate();
    const [held, elsewhere] = [anOrder(), anOrder()];
    const [first, second, free] = [notice(held), notice(held), notice(elsewhere)];
    slow.answers(({ headers }) => (headers['webhook-id'] === first.id ? passed : 200));
    await say(first, second, free);
    await slow.heard(first, free);
    await other.heard(first, second, free);
    assert.ok(!slow.ids().includes(second.id), 'the next of the order waits');
    go();
    await slow.heard(second);
    await slow.delivery(second, 'delivered');
  });

  test('that is none is refused by name, with all that came along', async () => {
    const one = await merchant();
    const good = notice(anOrder());
    await refused([good, { ...good, id: 'a.b' }], 'notices[1].id');
    await refused([{ ...good, kind: 'ping' }], 'notices[0].kind');
    await refused([{ ...good, at: 'yesterday' }], 'notices[0].at');
    await refused([{ ...good, data: '{' }], 'notices[0].data');
    await refused([{ ...good, data: JSON.stringify('x'.repeat(40_000)) }], 'notices[0].data');
    await refused(Array.from({ length: 501 }, () => good), 'notices');
    const later = notice(good.order_id);
    await say(later);
    await one.heard(later);
    assert.deepEqual(one.ids(), [later.id]);
  });
});

async function deskOf({ id }) {
  const [{ delivery_id }] = await shop.rt.d1('notices', 'DB').all('SELECT delivery_id FROM webhook_deliveries WHERE event_id = ?', id);
  return `notices-${Number.parseInt(delivery_id.slice(15, 18), 16)}`;
}

describe('a failure', () => {
  test('is tried again under the same id, whatever it was, until it succeeds', async () => {
    const one = await merchant();
    const answers = [503, 302, 'never', 200];
    one.answers(() => answers.shift());
    const event = notice(anOrder());
    await say(event);
    const delivery = await one.delivery(event, 'delivered');
    assert.equal(delivery.attempts, 4);
    assert.equal(one.got().length, 4, 'each try is signed');
    assert.deepEqual([...new Set(one.ids())], [event.id]);
    assert.deepEqual(outside.at('/elsewhere'), [], 'nobody follows a redirect');
    const { log } = await one.detail(delivery);
    assert.deepEqual(log.map(({ status }) => status), [503, 302, undefined, 200]);
    assert.deepEqual(log.map(({ error }) => error)[0], 'answered 503');
    assert.ok(log[2].error.length > 0 && log[2].duration_ms >= 1000, JSON.stringify(log[2]));
    const times = log.map(({ at }) => Date.parse(at));
    assert.ok(times[1] - times[0] >= 100 && times[2] - times[1] >= 150 && times[3] - times[2] >= 200, 'the waits grow');
    assert.equal((await one.seen()).failing_since, null);
  });

  test('that stays is dead in the end, is on the list, and goes out again when somebody wants it', async () => {
    const one = await merchant();
    one.answers(500);
    const event = notice(anOrder());
    await say(event);
    const gone = await one.delivery(event, 'dead');
    assert.deepEqual([gone.attempts, gone.last_status, gone.next_attempt_at], [4, 500, null]);
    const listed = (await dead(shop)).find(({ event_id }) => event_id === event.id);
    assert.deepEqual([listed.id, listed.channel, listed.receiver, listed.last_error], [gone.id, 'webhook', one.id, 'answered 500']);
    assert.ok((await one.seen()).failing_since);

    const { passed, go } = gate();
    one.answers(() => passed);
    const replays = await Promise.all([replayDead(shop, gone), replayDead(shop, gone), replayDead(shop, gone)]);
    for (const { status, text } of replays) assert.equal(status, 200, text);
    await until('it goes out again', () => one.ids().length === 5);
    assert.equal((await replayDead(shop, gone)).json.state, 'waiting');
    go();
    await one.delivery(event, 'delivered');
    assert.equal((await replayDead(shop, gone)).json.state, 'delivered', 'it is not dead any more');
    assert.deepEqual(one.ids(), Array(5).fill(event.id), 'asked for often, sent once');
    await until('it is off the list', async () => (await dead(shop)).every(({ event_id }) => event_id !== event.id));

    const again = await shop.admin.post(`/api/admin/webhooks/deliveries/${gone.id}/replay`);
    assert.deepEqual([again.status, again.json.state], [200, 'waiting']);
    await until('one that was delivered goes out again as well', () => one.ids().length === 6);
    assert.deepEqual([...new Set(one.ids())], [event.id]);
    await until('it is delivered', async () => (await one.detail(gone)).delivery.state === 'delivered');
    assert.equal((await one.detail(gone)).log.length, 6);
  });

  test('does not keep others from being delivered', async () => {
    const [hanging, good] = [await merchant(), await merchant()];
    hanging.answers('never');
    const events = Array.from({ length: 120 }, () => notice(anOrder()));
    const started = performance.now();
    await say(...events);
    await good.heard(...events);
    assert.ok(performance.now() - started < 1500, 'before the first of those that hang is given up');
    assert.ok(hanging.ids().length <= 4 * 4, `${hanging.ids().length} are on their way to one endpoint, of four desks`);
  });

  test('of an endpoint that is gone (410) switches it off, and what it lacks waits for an admin', async () => {
    const one = await merchant();
    one.answers(410);
    const event = notice(anOrder());
    await say(event);
    const gone = await one.delivery(event, 'dead');
    assert.deepEqual([gone.attempts, gone.last_status], [1, 410]);
    const off = await until('it is off', async () => (await one.seen()).disabled_at && one.seen());
    assert.equal(off.active, false);
    assert.match(off.disabled_reason, /410/);
    assertProblem(await shop.admin.post(`${one.route}/ping`), { status: 409, code: 'endpoint_disabled' });
    assertProblem(await replayDead(shop, gone), { status: 409, code: 'endpoint_disabled' });

    one.answers(200);
    const on = await shop.admin.patch(one.route, { active: true });
    assert.deepEqual([on.json.active, on.json.disabled_reason, on.json.disabled_at], [true, null, null]);
    assert.equal((await replayDead(shop, gone)).status, 200);
    await one.delivery(event, 'delivered');
    assert.equal((await one.seen()).active, true, 'what it answered before has no say');
  });

  test('of an endpoint that was deleted ends at once', async () => {
    const one = await merchant();
    one.answers(500);
    const event = notice(anOrder());
    await say(event);
    await until('it was tried', () => one.ids().length > 0);
    assert.equal((await shop.admin.delete(one.route)).status, 200);
    assertProblem(await shop.admin.delete(one.route), { status: 404, code: 'not_found' });
    const gone = await one.delivery(event, 'dead');
    assert.match(gone.last_error, /deleted/);
    assertProblem(await replayDead(shop, gone), { status: 409, code: 'endpoint_disabled' });
  });
});

describe('a secret', () => {
  test('is shown when it is made and never again, and the old one signs along for a day', async () => {
    const one = await merchant();
    assert.match(one.secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
    const rotated = await shop.admin.post(`${one.route}/rotate`);
    assert.equal(rotated.status, 200, rotated.text);
    assert.match(rotated.json.secret, /^whsec_/);
    assert.notEqual(rotated.json.secret, one.secret);
    for (const path of [one.route, '/api/admin/webhooks']) assert.ok(!(await shop.admin.get(path)).text.includes('whsec_'));
    const event = notice(anOrder());
    await say(event);
    await one.heard(event);
    const [{ headers, body }] = outside.at(one.path);
    assert.equal(headers['webhook-signature'].split(' ').length, 2);
    for (const secret of [one.secret, rotated.json.secret]) new Webhook(secret).verify(body.toString(), headers);
    assert.throws(() => new Webhook((one.secret.startsWith('whsec_A') ? 'whsec_B' : 'whsec_A') + one.secret.slice(7)).verify(body.toString(), headers));
    assert.throws(() => new Webhook(one.secret).verify(`${body} `, headers));

    const db = shop.rt.d1('notices', 'DB');
    const [{ old_secrets }] = await db.all('SELECT old_secrets FROM webhook_endpoints WHERE endpoint_id = ?', one.id);
    const [{ until: end }] = JSON.parse(old_secrets);
    assert.ok(Math.abs(end - Date.now() - 86_400_000) < 60_000);
    // Its day is over.
    await db.run("UPDATE webhook_endpoints SET old_secrets = json_set(old_secrets, '$[0].until', 1) WHERE endpoint_id = ?", one.id);
    await shop.admin.patch(one.route, {});
    const next = notice(anOrder());
    await say(next);
    await one.heard(next);
    const last = outside.at(one.path).at(-1);
    assert.equal(last.headers['webhook-signature'].split(' ').length, 1);
    assert.throws(() => new Webhook(one.secret).verify(last.body.toString(), last.headers));
    new Webhook(rotated.json.secret).verify(last.body.toString(), last.headers);
  });
});

describe('an endpoint', () => {
  test('is pinged on request, whatever it wants to hear', async () => {
    const one = await merchant({ kinds: ['order.refunded'] });
    const { status, json } = await shop.admin.post(`${one.route}/ping`);
    assert.deepEqual([status, json.state], [200, 'waiting']);
    await until('the ping is there', () => one.got().some(({ type }) => type === 'ping'));
    await until('it is on record', async () => (await one.deliveries('&kind=ping')).some(({ id, order_id, state }) => id === json.id && order_id === null && state === 'delivered'));
    assert.ok((await one.seen()).last_success_at);
  });

  test('is one of its address, and changes where it is told to', async () => {
    const one = await merchant();
    const twice = await shop.admin.post('/api/admin/webhooks', { url: `${outside.url}${one.path}` });
    assertProblem(twice, { status: 409, code: 'already_exists', field: 'url' });
    const moved = new Merchant(shop, outside);
    const { json } = await shop.admin.patch(one.route, { url: `${outside.url}${moved.path}`, description: 'moved' });
    assert.deepEqual([json.id, json.description], [one.id, 'moved']);
    Object.assign(moved, { id: one.id, secret: one.secret });
    const event = notice(anOrder());
    await say(event);
    await moved.heard(event);
    assert.equal(moved.got().length, 1);
    assert.deepEqual(one.ids(), []);
    const { json: { webhooks } } = await shop.admin.get('/api/admin/webhooks');
    assert.equal(webhooks.filter(({ id }) => id === one.id).length, 1);
  });
});

test('deliveries are listed by endpoint, order, state and kind, in pages', async () => {
  const [one, bad] = [await merchant(), await merchant()];
  bad.answers(500);
  const order = anOrder();
  const events = ['order.placed', 'order.paid', 'order.updated', 'order.delivered'].map((kind) => notice(order, kind));
  await say(...events);
  for (const event of events) {
    await one.delivery(event, 'delivered');
    await bad.delivery(event, 'dead');
  }
  const list = async (query) => (await shop.admin.get(`/api/admin/webhooks/deliveries?${query}`)).json;
  const kinds = ({ deliveries }) => deliveries.map(({ kind }) => kind).toSorted();
  const all = events.map(({ kind }) => kind).toSorted();
  assert.deepEqual(kinds(await list(`order=${order}&endpoint=${one.id}`)), all);
  assert.deepEqual(kinds(await list(`order=${order}&state=dead`)), all);
  assert.deepEqual(kinds(await list(`order=${order}&state=waiting`)), []);
  assert.deepEqual(kinds(await list(`endpoint=${bad.id}&state=dead&kind=order.paid`)), ['order.paid']);
  assert.deepEqual(kinds(await list(`state=delivered&endpoint=${bad.id}`)), []);
  const seen = [];
  let cursor = '';
  for (let pages = 0; pages < 9; pages += 1) {
    const page = await list(`order=${order}&limit=3${cursor}`);
    seen.push(...page.deliveries.map(({ id }) => id));
    if (!page.next_cursor) break;
    cursor = `&cursor=${page.next_cursor}`;
  }
  assert.equal(new Set(seen).size, 8);
  assert.deepEqual(seen, seen.toSorted().toReversed());
});

describe('a crash', () => {
  test('right after the answer loses nothing', async () => {
    const one = await merchant();
    const events = Array.from({ length: 60 }, () => notice(anOrder()));
    // Nothing is answered before the crash, so all of it is left.
    one.answers('never');
    await say(...events);
    await shop.rt.kill();
    const before = outside.at(one.path).length;
    one.answers(200);
    await shop.rt.restart();
    await until('all of them arrive', () => events.every(({ id }) => one.ids().slice(before).includes(id)), { deadlineMs: 30_000 });
    assert.equal(new Set(one.ids()).size, events.length);
    for (const event of events.slice(0, 3)) await one.delivery(event, 'delivered');
  });

  test('when it had arrived sends it again under its id, and it counts once here', async () => {
    const one = await merchant();
    const event = notice(anOrder());
    let killed;
    one.answers(() => {
      killed ??= shop.rt.kill();
      return killed.then(() => 200);
    });
    await say(event);
    await until('it arrives', () => one.ids().length === 1);
    await killed;
    await shop.rt.restart();
    const delivery = await one.delivery(event, 'delivered');
    assert.deepEqual(one.ids(), [event.id, event.id]);
    assert.equal(delivery.attempts, 1, 'what nobody knows of was not counted');
    await say(event);
    const last = notice(event.order_id);
    await say(last);
    await one.heard(last);
    assert.equal(one.ids().length, 3);
  });
});

describe('where little is put up with', () => {
  let strict;
  before(async () => {
    const notices = { ...LOCAL, RETRY_MS: Array(30).fill('150').join(','), WEBHOOK_PATIENCE_SECONDS: '1', KEEP_DELIVERED_SECONDS: '1', KEEP_DEAD_SECONDS: '2', GATHER_MS: '20' };
    strict = await openShop({ catalogue: null, vars: { notices } });
  });
  after(() => strict?.close());

  test('an endpoint at which nothing gets through for so long is switched off, and one that gets some is not', async () => {
    const [bad, shaky] = [await new Merchant(strict, outside).open(), await new Merchant(strict, outside).open()];
    bad.answers(503);
    let tries = 0;
    shaky.answers(() => ((tries += 1) % 3 === 0 ? 200 : 503));
    await notify(strict, ...Array.from({ length: 12 }, () => notice(anOrder())));
    const off = await until('it is off', async () => (await bad.seen()).disabled_at && bad.seen());
    assert.match(off.disabled_reason, /^nothing got through since 20/);
    assert.ok(Date.parse(off.disabled_at) - Date.parse(off.failing_since) >= 1000);
    assert.equal((await shaky.seen()).active, true);
    assert.ok(tries > 3);
  });

  test('what is over for so long is forgotten, here and in the database', async () => {
    const one = await new Merchant(strict, outside).open();
    const event = notice(anOrder());
    await notify(strict, event);
    await one.heard(event);
    const rows = () => strict.rt.objects('notices', 'NoticeDesk', 'SELECT notice_id FROM sendings WHERE notice_id = ? UNION ALL SELECT notice_id FROM notices WHERE notice_id = ?', event.id, event.id);
    await until('it is forgotten', () => rows().length === 0);
    assert.deepEqual(await one.deliveries(), []);
  });
});

test('after all of this nothing broke', () => {
  assert.deepEqual(shop.panics().map(({ text }) => text), []);
  assert.deepEqual(shop.logs.filter(({ line }) => line?.level === 'error').map(({ text }) => text), []);
});
