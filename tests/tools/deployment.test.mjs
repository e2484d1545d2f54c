// The reckoning behind a deploy: order, configuration copies, and what may not ship.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { randomBytes } from 'node:crypto';
import { checkArtifact } from '../../tools/artifact.mjs';
import { deployOrder, parseJsonc, queuesOf, withoutScripts, withRealIds } from '../../tools/deployment.mjs';
import { readConfigs } from '../../tools/workers.mjs';

const worker = (name, services = [], scripts = []) => ({
  name,
  config: {
    name: `o-${name}`,
    services: services.map((service) => ({ service: `o-${service}` })),
    durable_objects: { bindings: [{ class_name: 'Own' }, ...scripts.map((script) => ({ script_name: `o-${script}` }))] },
  },
});

test('a worker is deployed after all it is bound to', () => {
  const { order, later } = deployOrder([worker('door', ['cart', 'desk']), worker('cart', ['desk'], ['figures']), worker('desk', [], ['figures']), worker('figures')]);
  assert.deepEqual(order.map(({ name }) => name), ['figures', 'desk', 'cart', 'door']);
  assert.equal(later.size, 0);
});

test('of two that know each other one is deployed without the other first', () => {
  const circle = [worker('a', ['b'], ['figures']), worker('b', [], ['a', 'figures']), worker('figures')];
  const { order, later } = deployOrder(circle);
  assert.deepEqual(order.map(({ name }) => name), ['figures', 'b', 'a']);
  assert.deepEqual([...later], [['b', ['o-a']]]);
  const first = withoutScripts(circle[1].config, later.get('b'));
  assert.deepEqual(first.durable_objects.bindings.map((each) => each.script_name), [undefined, 'o-figures']);
  assert.deepEqual(withoutScripts(circle[0].config, ['o-b']).services, []);
});

test('in a longer circle, and with more than one way round, nobody is bound to what is not there yet', () => {
  const circle = [worker('a', ['b'], ['c']), worker('b', ['c', 'a']), worker('c', [], ['a', 'b', 'figures']), worker('figures')];
  const { order, later } = deployOrder(circle);
  const there = new Set();
  for (const { name, config } of order) {
    const { services, durable_objects: { bindings } } = withoutScripts(config, later.get(name) ?? []);
    const wanted = [...services.map(({ service }) => service), ...bindings.map((each) => each.script_name)].filter(Boolean);
    assert.deepEqual(wanted.filter((script) => !there.has(script)), [], name);
    there.add(config.name);
  }
  assert.equal(there.size, circle.length);
});

test('the workers that find drivers and hold sockets know each other, and can be deployed all the same', () => {
  const { order, later } = deployOrder(readConfigs());
  const at = (name) => order.findIndex((each) => each.name === name);
  for (const [one, other] of [['realtime', 'dispatch'], ['dispatch', 'realtime']]) {
    const isLater = (later.get(one) ?? []).includes(`orderlane-${other}`);
    assert.equal(isLater, at(one) < at(other), `${one} without ${other} at first`);
  }
});

test('every queue that is filled, emptied or ended on is wanted once', () => {
  const queues = (producers, consumers) => ({ config: { queues: { producers: producers.map((queue) => ({ queue })), consumers } } });
  const workers = [
    queues(['jobs', 'answers'], [{ queue: 'jobs', dead_letter_queue: 'jobs-dead' }, { queue: 'jobs-dead' }]),
    queues(['jobs'], [{ queue: 'answers', dead_letter_queue: 'answers-dead' }]),
    { config: { queues: {} } }, { config: {} },
  ];
  assert.deepEqual(queuesOf(workers), ['jobs', 'answers', 'jobs-dead', 'answers-dead']);
  const wanted = queuesOf(readConfigs());
  for (const name of ['driver-assignment-requests', 'driver-assignment-responses']) {
    assert.ok(wanted.includes(name) && wanted.includes(`${name}-dead`), `${name} in ${wanted}`);
  }
});

test('a worker that nobody has is named', () => {
  assert.throws(() => deployOrder([worker('a', ['b'])]), /o-b/);
});

test('comments and trailing commas go, what is inside strings stays', () => {
  const text = '{ // why\n "url": "http://x/*y*/", /* more */ "quote": "a\\"//b", "list": [1, 2,], }';
  assert.deepEqual(parseJsonc(text), { url: 'http://x/*y*/', quote: 'a"//b', list: [1, 2] });
});

test('the copy that is deployed has real ids, right paths and no demand for secrets', () => {
  const config = {
    $schema: '../s', main: '../workers/cart/build/index.js', secrets: { required: ['A'] },
    d1_databases: [{ database_name: 'cart-db', database_id: 'cart-db', migrations_dir: '../migrations/cart-db' }],
  };
  assert.deepEqual(withRealIds(config, new Map([['cart-db', 'real']])), {
    main: '../../workers/cart/build/index.js',
    d1_databases: [{ database_name: 'cart-db', database_id: 'real', migrations_dir: '../../migrations/cart-db' }],
  });
  assert.throws(() => withRealIds(config, new Map()), /cart-db/);
});

test('a bundle with a fault hook, too much wasm or none is refused', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'orderlane-artifact-'));
  const put = (file, bytes) => writeFileSync(path.join(folder, file), bytes);
  try {
    put('index.js', '');
    assert.match(checkArtifact('x', folder).problem, /no wasm/);
    put('x.wasm', 'small');
    assert.equal(checkArtifact('x', folder).problem, '');
    put('x.wasm', 'small ORDERLANE_FAULT_HOOK');
    assert.match(checkArtifact('x', folder).problem, /fault hooks/);
    put('x.wasm', randomBytes(360 * 1024));
    assert.match(checkArtifact('x', folder).problem, /at most 350/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
