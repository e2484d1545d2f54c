// The secrets that are made up for the local system.
import assert from 'node:assert/strict';
import { createECDH } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseJsonc } from '../../tools/deployment.mjs';
import { configPath, workerNames } from '../../tools/paths.mjs';
import { makeSecrets, OPTIONAL_SECRETS, SECRET_NAMES } from '../../tools/secrets.mjs';

test('every secret that a worker demands is made up, no two alike', () => {
  const configs = workerNames().map((name) => parseJsonc(readFileSync(configPath(name), 'utf8')));
  for (const name of configs.flatMap(({ secrets }) => secrets?.required ?? [])) assert.ok(SECRET_NAMES.includes(name), name);
  const made = [...Object.values(makeSecrets()), ...Object.values(makeSecrets())];
  assert.equal(new Set(made).size, made.length);
  for (const secret of made) assert.match(secret, /^[\w.-]{43,}$/);
});

test('what a worker does without is not demanded of it', () => {
  for (const [worker, names] of Object.entries(OPTIONAL_SECRETS)) {
    const { secrets } = parseJsonc(readFileSync(configPath(worker), 'utf8'));
    for (const name of names) assert.ok(!secrets?.required.includes(name), name);
  }
});

test('the key for web push is a point of P-256 and its private number', () => {
  for (let n = 0; n < 20; n += 1) {
    const [point, number] = makeSecrets().VAPID_PRIVATE_KEY.split('.');
    const ecdh = createECDH('prime256v1');
    ecdh.setPrivateKey(number, 'base64url');
    assert.equal(Buffer.from(number, 'base64url').length, 32);
    assert.equal(ecdh.getPublicKey('base64url'), point);
  }
});
