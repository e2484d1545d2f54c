// The secrets of the local system: made up at first run, kept in wrangler/.dev.vars (which git
// ignores and `wrangler dev` reads too), never printed.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { SECRETS_FILE } from './paths.mjs';

const word = () => randomBytes(32).toString('base64url');

/**
 * A key for web push: its point on P-256, uncompressed, and its private number, in base64url with a
 * dot between.
 */
export function makeVapidKey() {
  const { x, y, d } = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
  const point = Buffer.concat([Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
  return `${point.toString('base64url')}.${d}`;
}

// The keys of the payment provider open nothing but its stand-in, and look as its own do.
const MAKERS = {
  JWT_SECRET: word, SCRAPE_TOKEN: word, VAPID_PRIVATE_KEY: makeVapidKey, WHATSAPP_VERIFY_TOKEN: word, WHATSAPP_APP_SECRET: word,
  STRIPE_SECRET_KEY: () => `sk_test_${word()}`, STRIPE_WEBHOOK_SECRET: () => `whsec_${word()}`,
};

export const SECRET_NAMES = Object.keys(MAKERS);

/** By worker, the secrets it has a use for and does without: those of a messenger, and of whoever takes cards. */
export const OPTIONAL_SECRETS = {
  vendors: ['WHATSAPP_VERIFY_TOKEN', 'WHATSAPP_APP_SECRET', 'WHATSAPP_TOKEN'],
  payments: ['STRIPE_SECRET_KEY', 'STRIPE_WEBHOOK_SECRET'],
};

export const makeSecrets = () => Object.fromEntries(Object.entries(MAKERS).map(([name, make]) => [name, make()]));

function read() {
  try {
    return readFileSync(SECRETS_FILE, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return '';
    throw error;
  }
}

function parse(text) {
  const lines = text.split('\n').map((line) => /^([A-Z][A-Z0-9_]*)=(.*)$/.exec(line.trim()));
  return Object.fromEntries(lines.filter(Boolean).map(([, name, value]) => [name, value.replace(/^(["'])(.*)\1$/, '$2')]));
}

/** All secrets by name; those that are missing are made and written down first. */
export function ensureSecrets() {
  const text = read();
  const present = parse(text);
  const missing = Object.entries(makeSecrets()).filter(([name]) => !present[name]);
  if (missing.length === 0) return present;
  const kept = text === '' || text.endsWith('\n') ? text : `${text}\n`;
  const lines = missing.map(([name, value]) => `${name}=${value}\n`).join('');
  writeFileSync(SECRETS_FILE, kept + lines, { mode: 0o600 });
  return { ...present, ...Object.fromEntries(missing) };
}
