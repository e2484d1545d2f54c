// Sockets that are quiet, and one that does not listen: hubs sleep under the first, and the second
// hurts nobody but itself.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { openShop, until } from '../support/shop.mjs';
import { Live } from '../support/sockets.mjs';

let shop;
let live;
before(async () => {
  // One hub, so that the quiet, the deaf and the others share it.
  shop = await openShop({ vars: { realtime: { HUBS: '1', PING_TIMEOUT_MS: '13000' } } });
  live = new Live(shop);
});
after(async () => {
  live?.close();
  await shop?.close();
});

/** A websocket on a plain connection, which reads only when it is told to. */
async function deaf(token) {
  const { hostname, port } = new URL(shop.url);
  const socket = net.connect({ host: hostname, port });
  await once(socket, 'connect');
  socket.write(`GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: ${hostname}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n`
    + `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`);
  let heard = '';
  const listen = (data) => { heard += data.toString('latin1'); };
  socket.on('data', listen);
  const send = (text) => {
    const bytes = Buffer.from(text);
    const head = bytes.length < 126 ? [0x81, 0x80 | bytes.length] : [0x81, 0xfe, bytes.length >> 8, bytes.length & 255];
    socket.write(Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), bytes]));
  };
  await until('the handshake', () => heard.includes('pingInterval'));
  send(`40${JSON.stringify({ token })}`);
  await until('the connection', () => heard.includes('40{"'));
  socket.off('data', listen);
  socket.pause();
  return socket;
}

test('a hub under quiet sockets sleeps, and is there again for the next event', async () => {
  const clients = await Promise.all([0, 1, 2].map(() => live.connect(shop.admin)));
  // The platform puts it to sleep after ten quiet seconds; the heartbeat wakes it.
  const woke = await shop.logged(({ event }) => event === 'hub_woke', { deadlineMs: 40_000 });
  assert.equal(woke.sockets, '3');
  await live.publish({ id: 'after-sleep', rooms: ['admin'], event: 'morning' });
  for (const client of clients) {
    await client.heard('morning');
    assert.deepEqual(client.recovered, [false], 'nobody had to come back');
    client.close();
  }
});

test('who does not listen is cut off, and the others hear everything', async () => {
  const client = await live.connect(shop.admin);
  const mute = await deaf(shop.admin.token);
  const bulk = 'x'.repeat(100_000);
  const events = 300;
  for (let n = 0; n < events; n += 1) {
    await live.publish({ id: `bulk-${n}`, key: 'bulk', rooms: ['admin'], event: 'bulk', payload: { n, bulk } });
  }
  await until('all of them', () => client.all('bulk').length === events);
  assert.deepEqual(client.all('bulk').map(({ n }) => n), Array.from({ length: events }, (_, n) => n));
  assert.deepEqual(client.recovered, [false]);
  const { json } = await until('it is counted', async () => {
    const stats = await shop.admin.get('/stats');
    return stats.json.counters.sockets_clogged > 0 && stats;
  });
  assert.equal(json.counters.sockets_clogged, 1);
  // It finds out when it listens again.
  let late = '';
  mute.on('data', (data) => { late = (late + data.toString('latin1')).slice(-1000); });
  mute.resume();
  await until('its end', () => late.includes('too slow'));
  mute.destroy();
});
