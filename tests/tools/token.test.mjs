// The token tool makes what the gateway expects, and can make what it must refuse.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { mintToken } from '../../tools/token.mjs';

const SECRET = 'a-secret-of-the-tests';
const read = (token) => token.split('.').slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url')));

test('a token carries the claims that were asked for and a valid signature', () => {
  const token = mintToken({ role: 'vendor', id: 'v1', ttlSeconds: 60, secret: SECRET });
  const [header, claims] = read(token);
  assert.deepEqual(header, { alg: 'HS256', typ: 'at+jwt' });
  assert.equal(claims.exp - claims.iat, 60);
  assert.deepEqual([claims.sub, claims.role, claims.iss, claims.aud], ['v1', 'vendor', 'orderlane', 'orderlane-api']);
  const [head, body, signature] = token.split('.');
  assert.equal(signature, createHmac('sha256', SECRET).update(`${head}.${body}`).digest('base64url'));
});

test('overrides replace and remove claims, headers and the signature', () => {
  const bent = mintToken({
    role: 'admin', id: 'a', secret: SECRET,
    overrides: { header: { alg: 'none' }, claims: { aud: 'other', exp: undefined } },
  });
  const [header, claims] = read(bent);
  assert.equal(header.alg, 'none');
  assert.equal(claims.aud, 'other');
  assert.ok(!('exp' in claims));
  assert.ok(bent.endsWith('.'));
  assert.ok(mintToken({ role: 'admin', id: 'a', secret: SECRET, overrides: { signature: 'x' } }).endsWith('.x'));
});
