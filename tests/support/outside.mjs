// The world outside, on this machine: an HTTP server that plays push services, the messenger's API
// and merchants' endpoints, answers as a test wants and keeps what it got; browsers that are pushed to, which open what
// is meant for them with node's own cryptography, independently of ours; and how tests speak to the
// workers from behind the gateway.
import assert from 'node:assert/strict';
import { createDecipheriv, createECDH, createPublicKey, hkdfSync, randomBytes, verify } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { until } from './shop.mjs';

export class Outside {
  /** Everything that came, in order: `{ path, headers, body }`. */
  got = [];
  /** By path, the status to answer with; 'never' for no answer at all; or a function that gives one of these, in its own time. */
  answers = new Map();
  #server = createServer((request, response) => {
    const pieces = [];
    request.on('data', (piece) => pieces.push(piece));
    request.on('end', async () => {
      const { url: path, headers, method } = request;
      const one = { path, headers, method, body: Buffer.concat(pieces) };
      this.got.push(one);
      const answer = this.answers.get(path) ?? 201;
      const status = typeof answer === 'function' ? await answer(one) : answer;
      if (status !== 'never') response.writeHead(status, { location: '/elsewhere' }).end('{"messages":[{"id":"wamid.1"}]}');
    });
  });

  async open() {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.url = `http://127.0.0.1:${this.#server.address().port}`;
    return this;
  }

  at(path) { return this.got.filter((one) => one.path === path); }

  /** The texts that were sent to a number, in order. */
  said(phone) {
    return this.got.filter(({ path }) => path.endsWith('/messages')).map(({ body }) => JSON.parse(body))
      .filter(({ to }) => to === phone.replace('+', '')).map(({ text }) => text.body);
  }

  close() {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

let browsers = 0;

export class Browser {
  #ecdh = createECDH('prime256v1');
  #auth = randomBytes(16);

  constructor(outside) {
    this.outside = outside;
    this.path = `/push/${browsers += 1}`;
    this.#ecdh.generateKeys();
  }

  /** What `pushManager.subscribe` gives. */
  get subscription() {
    const keys = { p256dh: this.#ecdh.getPublicKey('base64url'), auth: this.#auth.toString('base64url') };
    return { endpoint: `${this.outside.url}${this.path}`, expirationTime: null, keys };
  }

  answers(status) { this.outside.answers.set(this.path, status); }

  /** What came for it, opened. */
  got() { return this.outside.at(this.path).map(({ headers, body }) => ({ headers, payload: JSON.parse(this.#open(headers, body)) })); }

  payloads() { return this.got().map(({ payload }) => payload); }

  // RFC 8188 and RFC 8291, from the side of the one who reads.
  #open(headers, body) {
    assert.equal(headers['content-encoding'], 'aes128gcm');
    const [salt, size, length] = [body.subarray(0, 16), body.readUInt32BE(16), body[20]];
    const [sender, sealed] = [body.subarray(21, 21 + length), body.subarray(21 + length)];
    assert.ok(length === 65 && sealed.length <= size && body.length <= 4096);
    const info = Buffer.concat([Buffer.from('WebPush: info\0'), this.#ecdh.getPublicKey(), sender]);
    const material = hkdfSync('sha256', this.#ecdh.computeSecret(sender), this.#auth, info, 32);
    const derive = (name, bytes) => Buffer.from(hkdfSync('sha256', material, salt, `Content-Encoding: ${name}\0`, bytes));
    const cipher = createDecipheriv('aes-128-gcm', derive('aes128gcm', 16), derive('nonce', 12));
    cipher.setAuthTag(sealed.subarray(-16));
    const plain = Buffer.concat([cipher.update(sealed.subarray(0, -16)), cipher.final()]);
    const end = plain.findLastIndex((byte) => byte !== 0);
    assert.equal(plain[end], 2, 'the delimiter of the last record');
    return plain.subarray(0, end).toString();
  }
}

/** Asserts a VAPID header (RFC 8292): its key, its signature, to whom and until when. Gives the claims. */
export function assertVapid(authorization, { publicKey, audience }) {
  const { t, k } = /^vapid t=(?<t>[^,]+), k=(?<k>[\w-]+)$/.exec(authorization).groups;
  assert.equal(k, publicKey);
  const [header, claims, signature] = t.split('.');
  const point = Buffer.from(k, 'base64url');
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((bytes) => bytes.toString('base64url'));
  const key = createPublicKey({ format: 'jwk', key: { kty: 'EC', crv: 'P-256', x, y } });
  assert.ok(verify('sha256', Buffer.from(`${header}.${claims}`), { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url')));
  const parse = (part) => JSON.parse(Buffer.from(part, 'base64url'));
  assert.deepEqual(parse(header), { typ: 'JWT', alg: 'ES256' });
  const found = parse(claims);
  assert.equal(found.aud, audience);
  assert.ok(found.exp > Date.now() / 1000 && found.exp <= Date.now() / 1000 + 86_400);
  return found;
}

/** Asks a worker as another worker would: `{ status, json }`. */
export async function command(shop, worker, name, body) {
  const response = await shop.rt.fetchWorker(worker, `http://command/${name}`, { method: 'POST', body: JSON.stringify({ [name]: body }) });
  return { status: response.status, json: await response.json() };
}

/** As a desk does it: again, for as long as it is told to come again. */
export function insist(shop, worker, name, body) {
  return until(`${worker} does ${name}`, async () => {
    const { status, json } = await command(shop, worker, name, body);
    if (status === 503) return undefined;
    assert.equal(status, 200, JSON.stringify(json));
    return { json };
  }, { deadlineMs: 30_000 }).then(({ json }) => json);
}
