// Messages over the queue for drivers that nobody can make anything of: they are kept as they came,
// and can be sent again. Whether the queue runs at all is seen here too.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openShop, until } from '../support/shop.mjs';

let shop;
before(async () => { shop = await openShop(); });
after(() => shop?.close());

async function admin(method, path) {
  const response = await shop.rt.fetchWorker('dispatch', `/api/admin/dispatch/dead-letters${path}`, {
    method, headers: { 'x-orderlane-actor': `admin:${shop.admin.id}` },
  });
  return { status: response.status, json: await response.json() };
}

test('what is sent again goes over the queue, and comes back as another letter where it still says nothing', async () => {
  const body = JSON.stringify({ orderId: 'o-1', restaurantLatitude: 'north' });
  await shop.rt.d1('dispatch', 'DB').all(
    "INSERT INTO dead_letters (letter_id, queue, order_id, body, reason, died_at) VALUES ('request-1', 'ASSIGNMENT_REQUESTS', 'o-1', ?, 'by hand', '2026-01-01T00:00:00.000Z')",
    body,
  );
  const { json: first } = await admin('GET', '');
  assert.deepEqual(first.letters.map(({ letter_id }) => letter_id), ['request-1']);
  const { status, json: sent } = await admin('POST', '/request-1/replay');
  assert.equal(status, 200, JSON.stringify(sent));
  assert.ok(sent.replayed_at);
  const letter = await until('it to come back', async () => (await admin('GET', '')).json.letters.find(({ letter_id }) => letter_id !== 'request-1'));
  const { json: whole } = await admin('GET', `/${letter.letter_id}`);
  assert.deepEqual([whole.queue, whole.order_id, whole.body], ['ASSIGNMENT_REQUESTS', 'o-1', body]);
  assert.match(whole.reason, /^restaurantLatitude: invalid type/);
  assert.equal((await admin('GET', '')).json.waiting, 1);
  assert.equal((await admin('GET', '?state=all')).json.letters.length, 2);
  assert.equal((await admin('POST', '/nothing/replay')).status, 404);
});
