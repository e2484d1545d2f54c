// Contenders for a race: each has a connection of its own, open before the race, and all are let
// go by one barrier. What comes back tells, besides the answers, how close to each other they
// were: the time between the first and the last request sent, and the first and the last answer.
import http from 'node:http';
import { once } from 'node:events';

/** One connection to the shop, open and idle. */
class Contender {
  #agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

  constructor(shop, person) {
    Object.assign(this, { shop, person });
  }

  async connect() {
    const answer = await this.send({ method: 'GET', path: '/health' });
    if (answer.status !== 200) throw new Error(`no connection: ${answer.text}`);
    return this;
  }

  async send({ method = 'POST', path, body, key, as = this.person }) {
    const { hostname, port } = new URL(this.shop.url);
    const bytes = body === undefined ? undefined : JSON.stringify(body);
    const request = http.request({
      agent: this.#agent, hostname, port, method, path,
      headers: {
        ...(as && { authorization: `Bearer ${as.token}` }),
        ...(bytes !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(bytes) }),
        ...(key !== undefined && { 'idempotency-key': key }),
      },
    });
    const sent = performance.now();
    request.end(bytes);
    const [response] = await once(request, 'response');
    response.setEncoding('utf8');
    let text = '';
    for await (const piece of response) text += piece;
    const json = response.headers['content-type']?.includes('json') ? JSON.parse(text) : undefined;
    return { status: response.statusCode, headers: new Headers(response.headers), text, json, sent, answered: performance.now() };
  }

  close() { this.#agent.destroy(); }
}

/** As many contenders as there are requests, connected; `race()` lets them go. */
export class Race {
  static async prepare(shop, people) {
    const race = new Race();
    race.contenders = [];
    // A few at a time, since a listener's backlog is short.
    for (let at = 0; at < people.length; at += 32) {
      const some = people.slice(at, at + 32).map((person) => new Contender(shop, person).connect());
      race.contenders.push(...await Promise.all(some));
    }
    return race;
  }

  /** `requestOf(n)` is made before the barrier falls, so that nothing but sending follows it. */
  async run(name, requestOf) {
    const requests = this.contenders.map((_, n) => requestOf(n));
    const answers = await Promise.all(this.contenders.map((contender, n) => contender.send(requests[n])));
    for (const contender of this.contenders) contender.close();
    const spread = (of) => {
      const times = answers.map(of);
      return (Math.max(...times) - Math.min(...times)).toFixed(1);
    };
    console.log(`${name}: ${answers.length} requests sent within ${spread((one) => one.sent)} ms, `
      + `answered within ${spread((one) => one.answered)} ms, `
      + `the last ${(Math.max(...answers.map((one) => one.answered)) - Math.min(...answers.map((one) => one.sent))).toFixed(1)} ms after the first was sent`);
    return answers;
  }
}

/** Prepares and runs a race. */
export async function race(name, shop, people, requestOf) {
  return (await Race.prepare(shop, people)).run(name, requestOf);
}

/** How many answers came with each status and code. */
export function tally(answers) {
  const counts = {};
  for (const { status, json } of answers) {
    const name = status < 300 ? String(status) : `${status} ${json?.code}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}
