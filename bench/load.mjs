// The load: a fixed number of clients, each on a connection of its own, each sending its next
// request when its last was answered. Bounded in count and in time, and to loopback only.
import http from 'node:http';

const TIME_MAX_MS = 120_000;

export class Client {
  #agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  #base;

  constructor(base) {
    this.#base = new URL(base);
    if (this.#base.hostname !== '127.0.0.1') throw new Error('the load goes to loopback only');
  }

  send(method, path, { token, body, headers } = {}) {
    const text = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const request = http.request({
        agent: this.#agent,
        host: this.#base.hostname,
        port: this.#base.port,
        method,
        path,
        headers: {
          ...(token && { authorization: `Bearer ${token}` }),
          ...(text !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
          ...headers,
        },
      }, (response) => {
        const parts = [];
        response.on('data', (part) => parts.push(part));
        response.on('end', () => resolve({ status: response.statusCode, text: Buffer.concat(parts).toString() }));
        response.on('error', reject);
      });
      request.on('error', reject);
      request.end(text);
    });
  }

  close() { this.#agent.destroy(); }
}

/** Runs `work(client, number)` for `total` numbers over `clients` clients; times each in ms, and all in seconds. */
export async function run({ base, clients, total, work }) {
  const pool = Array.from({ length: clients }, () => new Client(base));
  const times = [];
  const end = Date.now() + TIME_MAX_MS;
  let next = 0;
  const started = performance.now();
  await Promise.all(pool.map(async (client, index) => {
    while (next < total && Date.now() < end) {
      const number = next;
      next += 1;
      const from = performance.now();
      await work(client, number, index);
      times.push(performance.now() - from);
    }
  }));
  const seconds = (performance.now() - started) / 1000;
  for (const client of pool) client.close();
  return { times, seconds };
}

/** What several runs come to together. */
export function summed(runs) {
  const times = runs.flatMap((one) => one.times);
  const seconds = runs.reduce((sum, one) => sum + one.seconds, 0);
  return { count: times.length, seconds, rate: times.length / seconds, ...percentiles(times) };
}

export function percentiles(times) {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}
