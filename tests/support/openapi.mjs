// Holds what was answered against openapi.json: that the route is there, may answer with this
// status and type, and that the body is of the shape it says. `shop.call` does so with every answer.
//
// What is not described is answered as such: a path that is not there with 404, or 401 where the
// token is bad, and a method that a path does not have with 405. Nothing else may come from there, so
// a route that is missing in the description is found by the first flow that uses it. Sockets have a
// description of their own.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { at } from '../../tools/paths.mjs';
import { complaints, TIME } from './complaints.mjs';

const PROBLEM = 'application/problem+json';
const NOT_THERE = [401, 404];

let description;
let paths;
let ajv;

// Read when it is first wanted: not every test has a shop.
function read() {
  if (description) return;
  description = JSON.parse(readFileSync(at('openapi.json'), 'utf8'));
  paths = Object.entries(description.paths).map(([path, methods]) => ({ path, parts: partsOf(path), methods }));
  ajv = new Ajv2020({ allErrors: true, strict: false, formats: { 'date-time': TIME } });
}

const partsOf = (path) => path.split('/').filter(Boolean);

/** What a reference leads to; what stands beside it holds as well. */
function follow(it) {
  if (typeof it?.$ref !== 'string') return it;
  const { $ref, ...beside } = it;
  const found = $ref.split('/').slice(1).reduce((inner, key) => inner[key], description);
  return Object.keys(beside).length > 0 ? { allOf: [found, beside] } : found;
}

/** The described path that a request's path is one of, with its operations by method. */
export function describedPath(pathname) {
  read();
  const parts = partsOf(pathname);
  return paths.find(({ parts: wanted }) => wanted.length === parts.length
    && wanted.every((part, n) => part.startsWith('{') || part === parts[n]));
}

/** All operations there are: `{ method, path, operation }`. */
export function operations() {
  read();
  return paths.flatMap(({ path, methods }) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })));
}

// One for each schema that an answer was held against.
const validators = new Map();
function validatorOf(schema) {
  if (!validators.has(schema)) validators.set(schema, ajv.compile(follow(schema)));
  return validators.get(schema);
}

const typeOf = (answer) => (answer.headers.get('content-type') ?? '').split(';')[0].trim();

function assertShape(name, type, schema, answer) {
  if (!type.includes('json')) return;
  assert.notEqual(answer.json, undefined, `${name} answered ${answer.status} with what is no JSON: ${answer.text}`);
  const wrong = complaints(validatorOf(schema), answer.json);
  if (wrong.length === 0) return;
  assert.fail(`${name} answered ${answer.status} not as openapi.json describes it:\n  ${wrong.join('\n  ')}\n${answer.text}`);
}

/** What comes from where nothing is described: a problem, and only one that says so. */
function assertRefused(name, statuses, answer) {
  assert.ok(statuses.includes(answer.status) && typeOf(answer) === PROBLEM,
    `openapi.json does not describe ${name}, which answered ${answer.status}: ${answer.text}`);
  assertShape(name, PROBLEM, description.components.schemas.Problem, answer);
}

/** Asserts that this may be answered to a request. */
export function assertAnswer(method, target, answer) {
  read();
  const { pathname } = new URL(target, 'http://shop');
  if (method === 'OPTIONS' || pathname.startsWith('/socket.io')) return;
  const found = describedPath(pathname);
  if (!found) return void assertRefused(`${method} ${pathname}`, NOT_THERE, answer);
  const operation = found.methods[method.toLowerCase()];
  const name = `${method} ${found.path}`;
  if (!operation) {
    assertRefused(name, [405], answer);
    const allowed = Object.keys(found.methods).map((each) => each.toUpperCase()).sort();
    return void assert.deepEqual(answer.headers.get('allow')?.split(', ').sort(), allowed, `Allow of ${name}`);
  }
  const response = operation.responses[answer.status];
  assert.ok(response, `openapi.json describes no ${answer.status} of ${name}: ${answer.text}`);
  const { content } = follow(response);
  const type = typeOf(answer);
  assert.ok(content[type], `openapi.json describes no ${type || 'empty answer'} with ${answer.status} of ${name}: ${answer.text}`);
  assertShape(name, type, content[type].schema, answer);
}
