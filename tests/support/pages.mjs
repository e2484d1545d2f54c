// Just as much of a browser as the page of the routes needs: elements with attributes, text and
// listeners. Its script runs in here as it is, so that a test sees what a reader would.
import vm from 'node:vm';

class Node {
  listeners = {};
  attributes = {};
  children = [];
  value = '';
  hidden = false;

  constructor(name) { this.tagName = name.toUpperCase(); }

  setAttribute(name, value) {
    this.attributes[name] = String(value);
    if (name === 'hidden') this.hidden = true;
  }

  addEventListener(name, listener) { this.listeners[name] = listener; }
  append(...inside) { this.children.push(...inside.map((each) => each)); }
  remove() { this.removed = true; }
  scrollIntoView() {}
  set textContent(text) { this.children = [text]; }

  /** All of its text, a blank between its parts. */
  text() { return this.children.map((each) => (each instanceof Node ? each.text() : String(each))).join(' ').replace(/\s+/g, ' ').trim(); }

  * all() {
    yield this;
    for (const each of this.children) if (each instanceof Node) yield* each.all();
  }

  /** As a reader opens it. */
  toggle() {
    this.open = true;
    this.listeners.toggle();
  }
}

/** Runs the script of a page. `get` answers what it fetches. */
export async function pageOf(html, script, url, get) {
  const body = new Node('body');
  // Those that stand in the page by an id of their own.
  for (const [, name, id] of html.matchAll(/<(\w+)[^>]* id="([^"]+)"/g)) {
    const node = new Node(name);
    node.setAttribute('id', id);
    body.append(node);
  }
  const byId = (id) => [...body.all()].find(({ attributes }) => attributes.id === id);
  const context = vm.createContext({
    document: { createElement: (name) => new Node(name), getElementById: byId },
    location: { origin: new URL(url).origin, hash: '' },
    navigator: {},
    addEventListener() {},
    fetch: async (path) => {
      const { status, json } = await get(path);
      return { ok: status === 200, status, json: async () => json };
    },
  });
  const failed = await new vm.Script(`(async () => {${script}\n})()`).runInContext(context).catch((error) => error);
  if (failed) throw failed;
  if (byId('state') && !byId('state').removed) throw new Error(byId('state').text());
  return {
    byId,
    type(id, text) {
      byId(id).value = text;
      byId(id).listeners.input();
    },
  };
}
