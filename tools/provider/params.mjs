// What comes to the stand-in for the payment provider and how it says no: bodies in the form
// encoding with brackets (`metadata[order_id]=7`), the checks of single parameters, and errors of the
// provider's shape. A parameter nobody knows is refused rather than passed over, as the provider does,
// because that is how a misspelt one shows.

/** An answer that is no: `error` is what stands in the body. */
export class Refusal extends Error {
  constructor(status, error) {
    super(error.message);
    this.status = status;
    this.error = { type: 'invalid_request_error', ...error };
  }
}

/**
 * A request that was wrong before anything was begun. Its answer is not kept for the idempotency
 * key, so the same key may be used again for the request as it was meant.
 */
export class Invalid extends Refusal {
  constructor(param, code, message) {
    super(400, { code, param, message });
  }
}

export const missing = (kind, id, param = 'id') =>
  new Refusal(404, { code: 'resource_missing', param, message: `No such ${kind}: '${id}'` });

const NAME = /^([^[\]]+)((?:\[[^[\]]*\])*)$/;

/** `a=1&m[x]=2` as `{ a: '1', m: { x: '2' } }`. What is given twice counts as it came last. */
export function parseForm(text) {
  const params = Object.create(null);
  for (const [name, value] of new URLSearchParams(text)) {
    const found = NAME.exec(name);
    if (!found) throw new Invalid(name, 'parameter_unknown', `Received unknown parameter: ${name}`);
    const path = [found[1], ...[...found[2].matchAll(/\[([^[\]]*)\]/g)].map(([, part]) => part)];
    let place = params;
    for (const part of path.slice(0, -1)) {
      if (typeof place[part] === 'string') throw new Invalid(name, 'parameter_invalid_hash', `Invalid hash: ${name}`);
      place = place[part] ??= Object.create(null);
    }
    place[path.at(-1)] = value;
  }
  return params;
}

/** The same text for the same parameters, in whatever order they came. */
export function canonical(value) {
  if (typeof value !== 'object') return JSON.stringify(value);
  return `{${Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join()}}`;
}

export function onlyKnown(params, known) {
  const strange = Object.keys(params).find((name) => !known.includes(name));
  if (strange !== undefined) throw new Invalid(strange, 'parameter_unknown', `Received unknown parameter: ${strange}`);
}

export function required(params, name) {
  if (params[name] === undefined) throw new Invalid(name, 'parameter_missing', `Missing required param: ${name}.`);
  if (typeof params[name] !== 'string') throw new Invalid(name, 'parameter_invalid_string', `Invalid string: ${name}`);
  if (params[name] === '') throw new Invalid(name, 'parameter_invalid_empty', `You passed an empty string for '${name}'.`);
  return params[name];
}

const LARGEST = 99_999_999;

/** An amount in minor units, at least 1. */
export function amountOf(params, name = 'amount') {
  const text = required(params, name);
  const amount = Number(text);
  if (!/^\d+$/.test(text) || amount === 0) throw new Invalid(name, 'parameter_invalid_integer', 'This value must be greater than or equal to 1.');
  if (amount > LARGEST) throw new Invalid(name, 'amount_too_large', 'Amount must be no more than 999,999.99.');
  return amount;
}

export function currencyOf(params) {
  const currency = required(params, 'currency').toLowerCase();
  if (!/^[a-z]{3}$/.test(currency)) throw new Invalid('currency', 'parameter_invalid_string', `Invalid currency: ${currency}`);
  return currency;
}

export function oneOf(params, name, values) {
  if (params[name] === undefined) return null;
  if (values.includes(params[name])) return params[name];
  throw new Invalid(name, 'parameter_invalid_string', `Invalid ${name}: must be one of ${values.join(', ')}`);
}

const [MOST_KEYS, LONGEST_KEY, LONGEST_VALUE] = [50, 40, 500];

/** Up to 50 texts of up to 500 characters; an empty one means none. */
export function metadataOf({ metadata = {} }) {
  if (metadata === '') return {};
  const entries = Object.entries(metadata);
  if (typeof metadata === 'string' || entries.some(([, value]) => typeof value !== 'string')) {
    throw new Invalid('metadata', 'parameter_invalid_hash', 'Invalid hash: metadata');
  }
  const wrong = entries.length > MOST_KEYS || entries.some(([key, value]) => key.length > LONGEST_KEY || value.length > LONGEST_VALUE);
  if (wrong) throw new Invalid('metadata', 'parameter_invalid_hash', `Metadata has at most ${MOST_KEYS} keys of ${LONGEST_KEY} and values of ${LONGEST_VALUE} characters.`);
  return Object.fromEntries(entries.filter(([, value]) => value !== ''));
}
