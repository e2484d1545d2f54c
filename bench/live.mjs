// Live events: how long from publishing to each screen, how many deliveries in a second, what a
// socket weighs, and what it costs to come in, to join an order's room, and to come back for what
// was missed. Each beside the floor, in slices, in turn, and all clients in this one process.
import { Side, timed } from './crowd.mjs';
import { startLiveFloor } from './live-floor.mjs';
import { percentiles, summed } from './load.mjs';
import { customer, expect, fill, startShop, twoLines } from './shop.mjs';
import { needFiles } from './sockets.mjs';

const POINTS = [500, 2000, 5000];
const SLICES = 4;
const CONNECTS_AT_A_TIME = 32;
const CALM_BATCHES = 40;
const PUSHED_DELIVERIES = 40_000;
const JOINS = 500;
const RECOVERIES = 60;
const MISSED = 100;
// In one request: so many events where one waits for the other, and where they are pushed.
const SHAPES = {
  one: { title: 'One room, all sockets in it', perRoom: (sockets) => sockets, room: () => 'admin', calm: 1, pushed: 5, inFlight: 4 },
  many: {
    title: 'Rooms of 5 sockets, an event for every room', perRoom: () => 5, room: (n) => `user:u${Math.floor(n / 5)}`,
    calm: 20, pushed: 50, inFlight: 20,
  },
};

/** The floor and ours, each on a workerd of its own, with nobody there yet. */
async function withSides(work) {
  const floor = await startLiveFloor();
  let shop;
  const sides = [];
  try {
    shop = await startShop({ direct: ['realtime'] });
    const ours = await Side.ours(shop);
    sides.push(ours);
    // Code is warm before anything is timed; and the floor learns how long our texts are.
    await ours.connect(Array.from({ length: 20 }, () => 'admin'), 4);
    await ours.calmly(Array.from({ length: 20 }, () => ['admin']), 20);
    const under = Side.floor(floor, ours.sample);
    sides.push(under);
    await under.connect(Array.from({ length: 20 }, () => 'admin'), 4);
    await under.calmly(Array.from({ length: 20 }, () => ['admin']), 20);
    for (const side of [ours, under]) for (const socket of side.sockets.splice(0)) socket.close();
    return await work({ floor: under, ours, shop });
  } finally {
    for (const side of sides) side.close();
    await shop?.close();
    await floor.close();
  }
}

/** `total` numbers over the slices. */
const sliced = (total, slice) => [Math.floor((total * slice) / SLICES), Math.floor((total * (slice + 1)) / SLICES)];

function batched(rooms, size, passes) {
  const all = Array.from({ length: passes }, () => rooms).flat();
  return Array.from({ length: Math.ceil(all.length / size) }, (_, n) => all.slice(n * size, (n + 1) * size));
}

/** How many a second, and what each takes of the processor, in microseconds: of workerd's and of the clients'. */
function each(runs) {
  const [count, seconds, server, clients] = ['count', 'seconds', 'server', 'clients']
    .map((name) => runs.reduce((sum, run) => sum + run[name], 0));
  return { rate: count / seconds, server: (1000 * server) / count, clients: (1000 * clients) / count };
}

/** More sockets come in, and then events for them: what both sides make of it. */
async function measurePoint(sides, shape, from, sockets) {
  const found = new Map(sides.map((side) => [side, { connects: [], calm: [], pushed: [], before: 0 }]));
  for (const [side, into] of found) into.before = await side.memory();
  for (let slice = 0; slice < SLICES; slice += 1) {
    const [first, end] = sliced(sockets - from, slice);
    const rooms = Array.from({ length: end - first }, (_, n) => shape.room(from + first + n));
    for (const [side, into] of found) into.connects.push(await side.connect(rooms, CONNECTS_AT_A_TIME));
  }
  for (const [side, into] of found) into.memory = (await side.memory() - into.before) / (sockets - from);

  const perRoom = shape.perRoom(sockets);
  const rooms = Array.from({ length: sockets / perRoom }, (_, n) => shape.room(n * perRoom));
  const passes = (batches, size) => Math.max(1, Math.ceil((batches * size) / SLICES / rooms.length));
  const calm = batched(rooms, shape.calm, passes(CALM_BATCHES, shape.calm));
  const pushed = batched(rooms, shape.pushed, Math.max(Math.ceil(PUSHED_DELIVERIES / sockets), passes(6 * shape.inFlight, shape.pushed)));
  for (let slice = 0; slice < SLICES; slice += 1) {
    for (const [side, into] of found) {
      // One to wake up whoever fell asleep in the meantime.
      await side.calmly([[rooms[0]]], perRoom);
      into.calm.push(...await side.calmly(calm, perRoom));
      into.pushed.push(await side.pushing(pushed, perRoom, shape.inFlight));
    }
  }
  const made = ({ connects, calm: times, pushed: runs, memory }) => ({
    ...percentiles(times), ...each(runs), memory, connect: { ...summed(connects), ...each(connects) },
  });
  return { sockets, rooms: rooms.length, ...Object.fromEntries(sides.map((side) => [side.name, made(found.get(side))])) };
}

async function measureShape({ floor, ours }, shape, points) {
  const rows = [];
  let from = 0;
  for (const sockets of points) {
    rows.push(await measurePoint([floor, ours], shape, from, sockets));
    from = sockets;
  }
  if (ours.strays + floor.strays > 0) throw new Error(`events that nobody waited for: ${ours.strays} of ours, ${floor.strays} of the floor`);
  return rows;
}

/** Admins join the room of an order: what it takes beyond being there. */
async function measureJoins({ ours, shop }) {
  const token = await customer(shop, shop.setup, 'follower');
  await fill(shop.setup, token, twoLines(1));
  const { text } = await expect(shop.setup.send('POST', '/cart/place-order', { token, body: {} }), 201);
  const room = `order:${JSON.parse(text).order_id}`;
  const sockets = ours.sockets.slice(0, JOINS);
  return summed([await timed(sockets.length, CONNECTS_AT_A_TIME, async (n) => {
    const answer = await sockets[n].ask('join-room', room);
    if (!answer.ok) throw new Error(`not let into ${room}: ${JSON.stringify(answer)}`);
  })]);
}

/** A client that was away while events were published to it, one at a time. */
async function measureRecovery({ floor, ours }) {
  const found = new Map([floor, ours].map((side) => [side, { fresh: [], back: [] }]));
  for (let n = 0; n < RECOVERIES; n += 1) {
    const room = `user:away${n}`;
    for (const [side, { fresh, back }] of found) {
      const from = performance.now();
      const first = await side.open(room);
      fresh.push(performance.now() - from);
      await side.calmly([[room]], 1);
      const { pid } = JSON.parse(first.reply || '{}');
      const { 2: offset } = JSON.parse(side.sample.slice(2));
      first.close();
      await side.publish(Array.from({ length: MISSED }, () => room));
      const all = side.arrivals(MISSED, { past: MISSED });
      const again = performance.now();
      const [arrived, second] = await Promise.all([all, side.open(room, { pid, offset })]);
      back.push(arrived.at(-1) - again);
      second.close();
    }
  }
  return Object.fromEntries([...found].map(([{ name }, { fresh, back }]) => [name, { fresh: percentiles(fresh), back: percentiles(back) }]));
}

export async function measureLive(points = POINTS) {
  needFiles(2 * Math.max(...points) + 500);
  const one = await withSides(async (sides) => ({ rows: await measureShape(sides, SHAPES.one, points), joins: await measureJoins(sides) }));
  const many = await withSides(async (sides) => ({
    recovery: await measureRecovery(sides), rows: await measureShape(sides, SHAPES.many, points),
  }));
  return { one: one.rows, many: many.rows, joins: one.joins, recovery: many.recovery };
}

const ms = (value) => value.toFixed(1).padStart(7);
const whole = (value, width) => (Number.isFinite(value) ? value.toFixed(0) : '-').padStart(width);
const ratio = (value, width = 5) => (Number.isFinite(value) ? value.toFixed(2) : '-').padStart(width);
const titled = (title, head) => console.log(`\n${title}\n${head}`);

/** How much more there is of something for every 1,000 sockets more: the slope through all points. */
function slope(rows, value) {
  const middle = (of) => rows.reduce((sum, row) => sum + of(row), 0) / rows.length;
  const [x, y] = [middle((row) => row.sockets), middle(value)];
  const sum = (of) => rows.reduce((total, row) => total + of(row), 0);
  return (1000 * sum((row) => (row.sockets - x) * (value(row) - y))) / sum((row) => (row.sockets - x) ** 2);
}

function grows(rows, what, value) {
  if (rows.length < 2) return;
  const [ours, floor] = ['ours', 'floor'].map((name) => slope(rows, (row) => value(row[name])).toFixed(2));
  console.log(`${what} ${ours} for every 1,000 sockets more (floor ${floor})`);
}

function printShape(rows, { title, calm, pushed, inFlight }) {
  titled(`${title}: from publishing ${calm} to each socket (ms); with ${inFlight} x ${pushed} in flight deliveries/s, and CPU us of workerd for each`,
    'sockets rooms     p50     p99  deliv/s  us | floor p50     p99  deliv/s  us | ours/floor p50   p99    us  floor/ours rate');
  for (const { sockets, rooms, ours, floor } of rows) {
    console.log(`${whole(sockets, 7)} ${whole(rooms, 5)} ${ms(ours.p50)} ${ms(ours.p99)} ${whole(ours.rate, 8)} ${whole(ours.server, 3)} |   `
      + `${ms(floor.p50)} ${ms(floor.p99)} ${whole(floor.rate, 8)} ${whole(floor.server, 3)} | ${ratio(ours.p50 / floor.p50, 14)} `
      + `${ratio(ours.p99 / floor.p99)} ${ratio(ours.server / floor.server)} ${ratio(floor.rate / ours.rate, 16)}`);
  }
  grows(rows, 'p50: + ms', (side) => side.p50);
  grows(rows, 'p99: + ms', (side) => side.p99);
  console.log(`the clients themselves take ${rows.map(({ ours }) => ours.clients.toFixed(1)).join(', ')} us for each delivery, on one core`);
}

function printConnects(rows, { title }) {
  titled(`${title}: coming in, ${CONNECTS_AT_A_TIME} at a time, from TCP to the connect reply (ms); CPU us of workerd and memory (KiB) for each`,
    'sockets connects/s     p50     p99   us    KiB | floor/s     p50     p99   us    KiB | floor/ours rate  ours/floor us   KiB');
  for (const { sockets, ours, floor } of rows) {
    const side = ({ connect, memory }) => `${ms(connect.p50)} ${ms(connect.p99)} ${whole(connect.server, 4)} ${whole(memory, 6)}`;
    console.log(`${whole(sockets, 7)} ${whole(ours.connect.rate, 10)} ${side(ours)} | ${whole(floor.connect.rate, 7)} ${side(floor)} | `
      + `${ratio(floor.connect.rate / ours.connect.rate, 15)} ${ratio(ours.connect.server / floor.connect.server, 14)} `
      + ratio(ours.memory / floor.memory));
  }
  grows(rows, 'p50: + ms', (side) => side.connect.p50);
  grows(rows, 'memory: + KiB a socket', (side) => side.memory);
}

export function printLive({ one, many, joins, recovery }) {
  printShape(one, SHAPES.one);
  console.log('Measured elsewhere, a Node Socket.IO server: 500 sockets p50 3.2, p99 9.6; 2,000 sockets p50 11.4, p99 26.9; 90,000 deliveries/s');
  printConnects(one, SHAPES.one);
  printShape(many, SHAPES.many);
  printConnects(many, SHAPES.many);
  const { connect } = one.at(-1).ours;
  titled(`Joining the room of an order, ${CONNECTS_AT_A_TIME} at a time (ms)`, '                 per second     p50     p99');
  for (const [name, { rate, p50, p99 }] of [['join-room', joins], ['a plain connect', connect]]) {
    console.log(`${name.padEnd(16)} ${whole(rate, 10)} ${ms(p50)} ${ms(p99)}`);
  }
  console.log(`a join takes ${(joins.p50 / connect.p50).toFixed(2)} of the time of a connect (p50)`);
  titled(`Coming back for ${MISSED} missed events, one client at a time, from TCP to the last of them (ms)`,
    '                     p50     p99 | floor p50     p99 | ours/floor p50');
  for (const [name, of] of [['a fresh connect', 'fresh'], [`${MISSED} events missed`, 'back']]) {
    const [ours, floor] = [recovery.ours[of], recovery.floor[of]];
    console.log(`${name.padEnd(17)} ${ms(ours.p50)} ${ms(ours.p99)} |   ${ms(floor.p50)} ${ms(floor.p99)} | ${ratio(ours.p50 / floor.p50, 14)}`);
  }
  const more = ({ fresh, back }) => ((back.p50 - fresh.p50) / MISSED).toFixed(3);
  console.log(`each missed event adds ${more(recovery.ours)} ms (floor ${more(recovery.floor)})`);
}
