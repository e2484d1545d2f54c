// The floor of an accept: the platform calls that it cannot do without, doing nothing else, in plain
// JavaScript on the same workerd. By HTTP one worker in front and one object, which writes one row
// and answers. By socket one bare object that holds all the sockets, and one call from it to the same
// object. It speaks as much Socket.IO as the official client needs. No tokens, no rules, no check who
// was first, nothing sent to anybody else, and no other row.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { miniflare } from '../tools/workers.mjs';

const DESKS = 64;
// Pings are not part of it: the client would miss none for so long.
const PING_MS = 3_600_000;

const script = `import { DurableObject } from 'cloudflare:workers';
const write = (env, { order, vendor }) => {
  const desk = env.DESK.get(env.DESK.idFromName('desk-' + (order % ${DESKS})));
  return desk.fetch('http://desk/', { method: 'POST', body: JSON.stringify([order, vendor]) });
};
export default {
  async fetch(request, env) {
    if (request.headers.get('upgrade')) return env.HALL.get(env.HALL.idFromName('hall')).fetch(request);
    if (request.method === 'GET') return new Response('{}');
    return write(env, await request.json());
  },
};
export class Desk extends DurableObject {
  constructor(state, env) {
    super(state, env);
    this.sql = state.storage.sql;
    this.sql.exec('CREATE TABLE IF NOT EXISTS accepts (order_id INTEGER, vendor INTEGER, PRIMARY KEY (order_id, vendor))');
  }
  async fetch(request) {
    const [order, vendor] = await request.json();
    this.sql.exec('INSERT INTO accepts (order_id, vendor) VALUES (?, ?)', order, vendor);
    return new Response('{}');
  }
}
export class Hall extends DurableObject {
  async fetch() {
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    server.send('0' + JSON.stringify({ sid: 's', upgrades: [], pingInterval: ${PING_MS}, pingTimeout: ${PING_MS}, maxPayload: 65536 }));
    return new Response(null, { status: 101, webSocket: client });
  }
  async webSocketMessage(socket, text) {
    if (text.startsWith('40')) return socket.send('40{"sid":"s"}');
    const [, id, args] = /^42(\\d+)(.*)$/.exec(text) ?? [];
    if (id === undefined) return undefined;
    const answer = await write(this.env, JSON.parse(args)[1]);
    return socket.send('43' + id + '[' + await answer.text() + ']');
  }
  webSocketClose(socket) { socket.close(); }
}`;

/** Starts the floor on a workerd of its own: `url` takes POSTs and sockets, `close` ends it. */
export async function startRaceFloor() {
  const folder = mkdtempSync(path.join(tmpdir(), 'orderlane-floor-'));
  const mf = new miniflare.Miniflare(miniflare.convertV4MiniflareOptions({
    host: '127.0.0.1',
    port: 0,
    cf: false,
    resourcePersistencePath: folder,
    workers: [{
      name: 'gate',
      script,
      modules: true,
      compatibilityDate: '2026-10-01',
      durableObjects: { DESK: { className: 'Desk', useSQLite: true }, HALL: { className: 'Hall', useSQLite: true } },
      unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
    }],
  }));
  const url = await mf.unsafeGetDirectURL('gate');
  return {
    url: url.origin,
    async close() {
      await mf.dispose();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
