// Access tokens for the local system and its tests: JWT, HS256, of the shape the gateway asks
// for. `overrides` bends any header or claim (undefined removes it), so that tests can forge what
// must be refused. As a program: npm run -s token -- <role> <id> prints a token and nothing else.
import { createHmac } from 'node:crypto';
import { pathToFileURL } from 'node:url';
import { ensureSecrets } from './secrets.mjs';

export const ROLES = ['customer', 'vendor', 'driver', 'admin', 'service'];
const DAY_SECONDS = 86_400;
const HASHES = { HS384: 'sha384', HS512: 'sha512' };

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/**
 * Makes a token. `overrides` may hold `header`, `claims` and `signature`. With alg `none` there is
 * no signature; with an alg this cannot sign, the secret is used as if it were HS256, which is
 * just what someone who confuses a verifier about algorithms would do.
 */
export function mintToken({ role, id, ttlSeconds = DAY_SECONDS, secret = ensureSecrets().JWT_SECRET, overrides = {} }) {
  const now = Math.floor(Date.now() / 1000);
  const header = { alg: 'HS256', typ: 'at+jwt', ...overrides.header };
  const claims = {
    sub: id, role, iss: 'orderlane', aud: 'orderlane-api', iat: now, exp: now + ttlSeconds, ...overrides.claims,
  };
  const signed = `${encode(header)}.${encode(claims)}`;
  const hash = HASHES[header.alg] ?? 'sha256';
  const signature = overrides.signature
    ?? (header.alg === 'none' ? '' : createHmac(hash, secret).update(signed).digest('base64url'));
  return `${signed}.${signature}`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [role, id, ...rest] = process.argv.slice(2);
  if (!ROLES.includes(role) || !id || rest.length > 0) {
    console.error(`usage: npm run -s token -- <${ROLES.join('|')}> <id>`);
    process.exit(2);
  }
  console.log(mintToken({ role, id }));
}
