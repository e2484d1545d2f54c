// Holds what came over a socket against asyncapi.json, which is made of the types that are sent. A
// flow that does so also sees what those types cannot know: what a hub writes by hand, and whether
// the description is of this build.
//
//   assertDescribed('order:new', payload);              // from the server
//   assertAck('join-room', await client.join(room));    // what comes back
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { at } from '../../tools/paths.mjs';
import { complaints, TIME } from './complaints.mjs';

const description = JSON.parse(readFileSync(at('asyncapi.json'), 'utf8'));
const ajv = new Ajv({ allErrors: true, formats: { 'date-time': TIME } });

/** What a reference leads to, over however many steps. */
function follow(it) {
  if (typeof it.$ref !== 'string') return it;
  return follow(it.$ref.split('/').slice(1).reduce((inner, key) => inner[key], description));
}

const validator = (message) => ajv.compile(follow(message.payload));

const events = new Map();
const answers = new Map();
for (const { action, messages, reply } of Object.values(description.operations)) {
  for (const message of messages.map(follow)) {
    if (action === 'send') events.set(message.name, [validator(message)]);
    if (reply) answers.set(message.name, reply.messages.map(follow).map(validator));
  }
}

function assertFits(what, validators, value) {
  const wrong = validators.map((validate) => complaints(validate, value));
  if (wrong.some((list) => list.length === 0)) return;
  const list = wrong.map((each) => each.join('\n  ')).join('\nnor as the other:\n  ');
  assert.fail(`${what} is not as asyncapi.json describes it:\n  ${list}\n${JSON.stringify(value)}`);
}

/** Asserts that the server may say this: the event is described, and its payload is of that shape. */
export function assertDescribed(event, payload) {
  const names = [...events.keys()].join(', ');
  assert.ok(events.has(event), `asyncapi.json describes no event "${event}" from the server; it has ${names}`);
  assertFits(event, events.get(event), payload);
}

/** Asserts that this may be answered to `event`. */
export function assertAck(event, answer) {
  const names = [...answers.keys()].join(', ');
  assert.ok(answers.has(event), `asyncapi.json describes no answer to "${event}"; it has answers to ${names}`);
  assertFits(`The answer to ${event}`, answers.get(event), answer);
}
