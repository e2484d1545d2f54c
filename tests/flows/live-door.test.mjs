// The door for sockets: who is let in, what is spoken there, and what becomes of those who speak
// nonsense, too much, or nothing.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { assertAck, assertDescribed } from '../support/asyncapi.mjs';
import { openShop, until } from '../support/shop.mjs';
import { Live, within } from '../support/sockets.mjs';

let shop;
let live;
before(async () => {
  shop = await openShop({ vars: { realtime: { PING_INTERVAL_MS: '1200', PING_TIMEOUT_MS: '1000', HUBS: '2' } } });
  live = new Live(shop);
});
after(async () => {
  live?.close();
  await shop?.close();
});

/** A websocket without a library: what it got, and how it ended. */
class Raw {
  frames = [];

  constructor(token = shop.admin.token) {
    const url = new URL('/socket.io/?EIO=4&transport=websocket', shop.url);
    url.protocol = 'ws:';
    this.socket = new WebSocket(url);
    this.token = token;
    this.closed = within('a close', once(this.socket, 'close')).then(([event]) => event.reason);
    this.closed.catch(() => {});
    this.socket.addEventListener('message', ({ data }) => this.frames.push(data));
  }

  got(start) { return until(`a frame ${start}`, () => this.frames.find((frame) => frame.startsWith(start))); }
  send(frame) { this.socket.send(frame); }

  async connect() {
    await this.got('0');
    this.send(`40${JSON.stringify({ token: this.token })}`);
    await this.got('40');
    return this;
  }
}

describe('who is let in', () => {
  const refused = (auth, options) => new Promise((resolve) => {
    const client = live.client(auth, { reconnection: false, ...options });
    client.socket.once('connect_error', (error) => { client.close(); resolve(error); });
    client.socket.once('connect', () => resolve(new Error('connected')));
  });

  test('a token that is missing, forged, expired, of another kind or for somebody else is refused with a reason', async () => {
    const tokens = [
      'x', 'a.b.c', shop.token('admin', 'root', { overrides: { claims: { exp: 1 } } }), shop.token('admin', 'root', { overrides: { claims: { aud: 'other' } } }),
      shop.token('admin', 'root', { overrides: { header: { alg: 'none' } } }), shop.token('boss', 'root'),
    ];
    for (const token of tokens) {
      const error = await refused({ token });
      assertAck('connect', { message: error.message, data: error.data });
      assert.deepEqual([error.data, error.message.length > 10], [{ code: 'unauthenticated' }, true], token);
    }
    assert.equal((await refused({})).message, 'say who you are: auth: { token }');
    assert.equal((await refused({ token: 7 })).data.code, 'invalid_field');
  });

  test('a token may come in the header of the request that opens the socket', async () => {
    const header = (token) => ({ extraHeaders: { authorization: `Bearer ${token}` } });
    const client = await live.client({}, header(shop.person('vendor', 'native').token)).connected();
    assert.deepEqual(await live.command('online', { rooms: ['vendor:native'] }), ['vendor:native']);
    client.close();
    assert.equal((await refused({}, header('x'))).data.code, 'unauthenticated');
  });

  test('another namespace is refused as the protocol has it', async () => {
    const raw = await new Raw().connect();
    raw.send('40/admin,{"token":"x"}');
    const refusal = await raw.got('44');
    assert.ok(refusal.startsWith('44/admin,{'), refusal);
    assert.equal(JSON.parse(refusal.slice('44/admin,'.length)).message, 'Invalid namespace');
    raw.socket.close();
  });

  test('a page from elsewhere opens no socket; one from here, and an app without an origin, do', async () => {
    const from = (origin) => live.client({ token: shop.admin.token }, { reconnection: false, extraHeaders: { origin } });
    await from('http://localhost:8787').connected();
    for (const origin of ['http://evil.example', 'null', 'http://localhost:8787.evil.example']) {
      await assert.rejects(from(origin).connected(), /websocket error/);
    }
    const plain = await shop.call('GET', '/socket.io/?EIO=4&transport=websocket', { headers: { origin: 'http://evil.example' } });
    assert.deepEqual([plain.status, plain.json], [403, { code: 4, message: 'Forbidden' }]);
  });

  test('what is no websocket of the fourth protocol gets the protocol\'s own error', async () => {
    const wrong = [
      ['EIO=4&transport=polling', 0, 'Transport unknown'],
      ['EIO=4', 0, 'Transport unknown'],
      ['EIO=4&transport=websocket&sid=x', 1, 'Session ID unknown'],
      ['EIO=4&transport=websocket', 3, 'Bad request'],
      ['EIO=3&transport=websocket', 5, 'Unsupported protocol version'],
      ['transport=websocket', 5, 'Unsupported protocol version'],
    ];
    for (const [query, code, message] of wrong) {
      const { status, json } = await shop.call('GET', `/socket.io/?${query}`);
      assert.deepEqual([status, json], [400, { code, message }], query);
    }
    const post = await shop.call('POST', '/socket.io/?EIO=4&transport=websocket', { body: '' });
    assert.deepEqual([post.status, post.json.code], [400, 2]);
    const polling = live.client({ token: shop.admin.token }, { transports: ['polling'], reconnection: false });
    await assert.rejects(polling.connected(), /xhr poll error/);
  });
});

describe('what is spoken there', () => {
  test('the handshake says how often pings come', async () => {
    const raw = await new Raw().connect();
    const { sid, ...rest } = JSON.parse(raw.frames[0].slice(1));
    assert.ok(sid.length >= 16);
    assert.deepEqual(rest, { upgrades: [], pingInterval: 1200, pingTimeout: 1000, maxPayload: 65_536 });
    const { sid: session, pid } = JSON.parse((await raw.got('40')).slice(2));
    assert.ok(session && pid && session !== pid);
    raw.socket.close();
  });

  test('frames that mean nothing close the connection, and nothing else breaks', async () => {
    const bystander = await live.connect(shop.admin);
    for (const frame of ['', 'x', '9', '4', '42', '42[]', '42{"a":1}', '42["connect"]', '4299999999999999999999["a"]', '43[]', '44{}', `42${'['.repeat(5000)}`, '0{}']) {
      const raw = await new Raw().connect();
      raw.send(frame);
      assert.equal(await raw.closed, 'parse error', frame.slice(0, 20));
    }
    const raw = await new Raw().connect();
    raw.send(`42["join-room","${'x'.repeat(65_536)}"]`);
    assert.match(await raw.closed, /at most/);
    assert.equal((await bystander.join('admin')).ok, true);
    assert.deepEqual(shop.panics(), []);
  });

  test('a probe is answered, a close is one, and what is harmless is let pass', async () => {
    const raw = await new Raw().connect();
    for (const frame of ['2probe', '3probe', '5', '6', '43999[]', '41/other,', '42/other,["x"]']) raw.send(frame);
    assert.equal(await raw.got('3'), '3probe');
    raw.send('1');
    assert.equal(await raw.closed, 'closed by the client');
  });

  test('binary packets are refused by name, with an answer where one is wanted', async () => {
    const raw = await new Raw().connect();
    raw.send('451-7["x",{"_placeholder":true,"num":0}]');
    raw.send(new Uint8Array([1, 2, 3]));
    assert.equal(JSON.parse((await raw.got('437')).slice(3))[0].code, 'not_carried');
    assert.equal(JSON.parse((await raw.got('42["ERROR"')).slice(2))[1].code, 'not_carried');
    raw.socket.close();
    const client = await live.connect(shop.admin);
    const error = client.heard('ERROR');
    client.socket.emit('upload', Buffer.from('x'));
    assert.equal((await error).code, 'not_carried');
    assert.equal((await client.join('admin')).ok, true, 'the connection stays');
  });

  test('an event that there is not is answered so, and before connecting nothing is done', async () => {
    const client = await live.connect(shop.admin);
    assert.equal((await client.ask('explode', 1)).code, 'not_found');
    client.socket.emit('explode');
    const complaint = await client.heard('ERROR');
    assertDescribed('ERROR', complaint);
    assert.equal(complaint.code, 'not_found');
    const raw = new Raw();
    await raw.got('0');
    raw.send('421["join-room","admin"]');
    assert.equal(JSON.parse((await raw.got('431')).slice(3))[0].code, 'unauthenticated');
    raw.socket.close();
  });

  test('who connects twice, or says too much, is cut off, and told before', async () => {
    const twice = await new Raw().connect();
    twice.send(`40${JSON.stringify({ token: twice.token })}`);
    assert.equal(await twice.closed, 'connected already');
    const loud = await new Raw().connect();
    for (let n = 0; n < 700; n += 1) loud.send('42["x"]');
    await until('a warning', () => loud.frames.some((frame) => frame.includes('too_many_requests')));
    for (let n = 0; n < 700; n += 1) loud.send('42["x"]');
    assert.equal(await loud.closed, 'too many frames');
  });
});

describe('the heartbeat', () => {
  test('who answers stays, over many pings; who does not is found out, and who is online is right', async () => {
    const online = () => live.command('online', { rooms: ['vendor:quiet', 'vendor:lively'] });
    const lively = await live.connect(shop.person('vendor', 'lively'));
    const quiet = await new Raw(shop.person('vendor', 'quiet').token).connect();
    assert.deepEqual(await online(), ['vendor:lively', 'vendor:quiet']);
    const from = performance.now();
    assert.equal(await quiet.closed, 'ping timeout');
    const took = performance.now() - from;
    assert.ok(took < 1200 + 1000 + 500, `${took} ms`);
    await until('its absence known', async () => (await online()).join() === 'vendor:lively');
    assert.ok(quiet.frames.filter((frame) => frame === '2').length >= 1);
    await within('five pings', new Promise((resolve) => {
      let pings = 0;
      lively.socket.io.on('ping', () => { if ((pings += 1) === 5) resolve(); });
    }));
    assert.deepEqual(lively.recovered, [false], 'it never had to come back');
  });

  test('when a token runs out its socket is closed, and only a new one opens it again', async () => {
    const soon = Math.floor(Date.now() / 1000) - 28;
    const client = live.client({ token: shop.token('vendor', 'brief', { overrides: { claims: { exp: soon } } }) });
    await client.connected();
    const error = within('a refusal', once(client.socket, 'connect_error'), 30_000);
    assert.equal((await error)[0].data.code, 'unauthenticated');
    client.socket.auth = { token: shop.token('vendor', 'brief') };
    client.socket.disconnect().connect();
    await client.connected();
  });
});
