// Many sockets on one side of a measurement, ours or the floor: how they come in, what is published
// to them, and when each of them has it. Both sides are asked the same things in the same words;
// what differs lies in `Side.of`.
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from './load.mjs';
import { EVENT, Socket } from './sockets.mjs';

const WAIT_MAX_MS = 30_000;
const TICK_MS = 10;
// What an order's row in an admin's list comes to.
const FILLER = 'x'.repeat(200);

const since = (before, after) => Object.fromEntries(Object.entries(after).map(([name, value]) => [name, value - before[name]]));

/** Works through numbers below `total`, so many at a time; `work` gives the ms it took. */
export async function timed(total, atATime, work) {
  const times = [];
  let next = 0;
  const started = performance.now();
  await Promise.all(Array.from({ length: Math.min(atATime, total) }, async () => {
    while (next < total) {
      const number = next;
      next += 1;
      const from = performance.now();
      await work(number);
      times.push(performance.now() - from);
    }
  }));
  return { times, seconds: (performance.now() - started) / 1000 };
}

export class Side {
  sockets = [];
  /** Events that came twice, late or unasked: there are to be none. */
  strays = 0;
  #number = 0;
  #waiting = null;
  #publishers = [];

  constructor(of) { Object.assign(this, of); }

  /** Our workers. Clients come through the gateway as everywhere; events to the worker itself. */
  static async ours(shop) {
    const tokens = new Map();
    const token = (room) => {
      const [kind, id = 'bench'] = room.split(':');
      if (!tokens.has(room)) tokens.set(room, shop.token(kind === 'user' ? 'customer' : kind, id));
      return tokens.get(room);
    };
    return new Side({
      name: 'ours',
      pid: () => shop.rt.pid(),
      connectUrl: () => `${shop.rt.url}/socket.io/?EIO=4&transport=websocket`,
      auth: (room, session) => JSON.stringify({ token: token(room), ...session }),
      publishUrl: await shop.rt.directUrl('realtime'),
      body: (events) => ({
        publish: {
          events: events.map(([number, room]) => ({
            i: `bench-${number}`, k: `bench-${number}`, r: [room], e: EVENT, p: JSON.stringify({ n: number, about: FILLER }),
          })),
        },
      }),
    });
  }

  /** The floor, whose texts are as long as `sample`, one of ours. */
  static floor(floor, sample) {
    const { 2: position } = JSON.parse(sample.slice(2));
    return new Side({
      name: 'floor',
      pid: floor.pid,
      connectUrl: (room) => `${floor.url}/?room=${encodeURIComponent(room)}`,
      auth: (_, session) => (session ? 'again' : ''),
      publishUrl: floor.url,
      body: (events) => events.map(([number, room]) => [room, `42${JSON.stringify([EVENT, { n: number, about: FILLER }, position])}`]),
    });
  }

  /** A socket in this room. `session` is what one says who was here before. */
  async open(room, session) {
    const socket = new Socket(this.connectUrl(room), {
      auth: this.auth(room, session),
      onEvent: (number, bytes, from, to) => this.#arrived(number, bytes, from, to),
      onClose: () => this.#lost('a socket was closed by the other side'),
    });
    return socket.opened;
  }

  /** Sockets come in, so many at a time, and stay. */
  async connect(rooms, atATime) {
    const before = this.#worked();
    const run = await timed(rooms.length, atATime, async (n) => { this.sockets.push(await this.open(rooms[n])); });
    return { ...run, count: rooms.length, ...since(before, this.#worked()) };
  }

  #arrived(number, bytes, from, to) {
    const waiting = this.#waiting;
    if (!waiting || number < waiting.first || number > this.#number) {
      if (number > 0) this.strays += 1;
      return;
    }
    waiting.times[waiting.count] = performance.now();
    waiting.count += 1;
    if (waiting.count < waiting.times.length) return;
    this.#waiting = null;
    this.sample = bytes.latin1Slice(from, to);
    waiting.resolve(waiting.times);
  }

  #lost(why) {
    this.#waiting?.reject(new Error(why));
    this.#waiting = null;
  }

  /** When each of so many deliveries came, once all have: of events to come, or of the last ones. */
  arrivals(count, { past = 0 } = {}) {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        this.#lost(`${this.name}: ${this.#waiting?.count} of ${count} deliveries within ${WAIT_MAX_MS} ms`);
      }, WAIT_MAX_MS);
      const settled = (settle) => (value) => { clearTimeout(late); settle(value); };
      this.#waiting = {
        first: this.#number + 1 - past, count: 0, times: new Float64Array(count), resolve: settled(resolve), reject: settled(reject),
      };
    });
  }

  /** Publishes an event to each of these rooms, with one request. */
  async publish(rooms, publisher = 0) {
    const events = rooms.map((room) => [this.#number += 1, room]);
    this.#publishers[publisher] ??= new Client(this.publishUrl);
    const { status, text } = await this.#publishers[publisher].send('POST', '/', { body: this.body(events) });
    if (status !== 200) throw new Error(`${this.name}: ${status}: ${text.slice(0, 300)}`);
  }

  /** One batch after the other, each when all have the one before: the ms to each delivery. */
  async calmly(batches, perRoom) {
    const times = [];
    for (const rooms of batches) {
      const all = this.arrivals(rooms.length * perRoom);
      const from = performance.now();
      const [arrived] = await Promise.all([all, this.publish(rooms)]);
      for (const at of arrived) times.push(at - from);
      await pause(5);
    }
    return times;
  }

  /** So many batches in flight at a time, until all have everything. */
  async pushing(batches, perRoom, inFlight) {
    const all = this.arrivals(batches.flat().length * perRoom);
    const before = this.#worked();
    const from = performance.now();
    let next = 0;
    const publishers = Array.from({ length: inFlight }, async (_, publisher) => {
      while (next < batches.length) {
        const rooms = batches[next];
        next += 1;
        await this.publish(rooms, publisher);
      }
    });
    const [arrived] = await Promise.all([all, ...publishers]);
    return { count: arrived.length, seconds: (arrived.at(-1) - from) / 1000, ...since(before, this.#worked()) };
  }

  /** The processor's time, in ms, that workerd has had, and that the clients here have had. */
  #worked() {
    const { user, system } = process.cpuUsage();
    let server;
    try {
      const fields = readFileSync(`/proc/${this.pid()}/stat`, 'utf8').split(') ')[1].split(' ');
      server = (Number(fields[11]) + Number(fields[12])) * TICK_MS;
    } catch {
      // Not every system says.
    }
    return { server, clients: (user + system) / 1000 };
  }

  /** What workerd has in memory, in KiB; none where the system does not say. */
  async memory() {
    await pause(500);
    try {
      return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.pid()}/status`, 'utf8'))?.[1]);
    } catch {
      return undefined;
    }
  }

  close() {
    for (const socket of this.sockets) socket.close();
    for (const publisher of this.#publishers) publisher?.close();
  }
}
