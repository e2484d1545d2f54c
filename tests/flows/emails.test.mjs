// What the shop writes to customers: a mail for each event that is worth one, once, with nothing in it
// that could be taken for something else.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { end, stand, struck } from '../support/faults.mjs';
import { anOrder, dead, mailsTo, notice, notify, replayDead, somebody } from '../support/notices.mjs';
import { openShop, until } from '../support/shop.mjs';

const notices = { MAIL_FROM: 'orders@shop.example', MAIL_FROM_NAME: 'Bäckerei "Zum Löwen"', RETRY_MS: '100,150,200', ENDPOINT_SECONDS: '0' };

let shop;
before(async () => { shop = await openShop({ variant: 'faults', catalogue: null, vars: { notices } }); });
after(() => shop?.close());

const emails = async (order) => (await shop.admin.get(`/api/admin/emails?order=${order}`)).json.emails;
const mailed = (email, count = 1) => until(`${count} mails to ${email.to}`, () => mailsTo(shop, email).length >= count && mailsTo(shop, email));

const SUBJECTS = {
  'order.placed': 'is confirmed', 'order.paid': 'is confirmed', 'order.assigned': 'is being prepared', 'order.out_for_delivery': 'is on its way',
  'order.delivered': 'was delivered', 'order.cancelled': 'was cancelled', 'order.refunded': 'was refunded',
};

describe('a customer', () => {
  test('is written to about what matters to it, and about nothing else', async () => {
    const [order, email] = [anOrder(), somebody()];
    const kinds = ['order.placed', 'order.paid', 'order.assigned', 'order.preparing', 'order.out_for_delivery', 'order.delivered', 'order.cancelled', 'order.updated', 'order.refunded'];
    await notify(shop, ...kinds.map((kind) => notice(order, kind, { email })));
    const mails = await mailed(email, 7);
    const wanted = kinds.filter((kind) => SUBJECTS[kind]);
    // They are sent one after the other, but Miniflare says so in its own time.
    assert.deepEqual(mails.map(({ subject }) => subject).toSorted(), wanted.map((kind) => `Your order ORD-2026-K7P3Q9 ${SUBJECTS[kind]}`).toSorted());
    const { from, to, text, html } = mails.find(({ subject }) => subject.endsWith('confirmed'));
    assert.equal(to, email.to);
    assert.match(from, /<orders@shop\.example>$/);
    assert.match(from, /Bäckerei/);
    assert.match(text, /^Hello Ada Byron,\n\nthank you\./);
    for (const body of [text, html]) assert.ok(body.includes('ORD-2026-K7P3Q9') && body.includes('49.99 EUR'), body);
    assert.match(html, /^<!doctype html>\n<html lang="en">/);
    assert.ok(!/src=|url\(|<link|<script|http/.test(html), 'nothing is loaded from anywhere');
    const listed = await until('all of them are on record', async () => (await emails(order)).filter(({ state }) => state === 'delivered').length === 7 && emails(order));
    assert.deepEqual(listed.map(({ kind }) => kind).toSorted(), wanted.toSorted());
    assert.ok(listed.every(({ to: whom, attempts, last_error }) => whom === email.to && attempts === 1 && last_error === null));
  });

  test('is written to once, however often an event is told', async () => {
    const [order, email] = [anOrder(), somebody()];
    const event = notice(order, 'order.placed', { email });
    await Promise.all([notify(shop, event), notify(shop, event, event), notify(shop, event)]);
    await mailed(email);
    await notify(shop, event);
    await notify(shop, notice(order, 'order.delivered', { email }));
    const mails = await mailed(email, 2);
    assert.deepEqual(mails.map(({ subject }) => subject.split(' ').at(-1)).toSorted(), ['confirmed', 'delivered']);
  });

  test('reads its language, the note and where to follow', async () => {
    const email = somebody({ language: 'de-AT', name: 'Jörg Müller', note: 'Leider ausverkauft: <Brot> & Käse', tracking_url: 'https://track.example/x?a=1&b=2', total_minor: 5, currency: 'CHF' });
    await notify(shop, notice(anOrder(), 'order.cancelled', { email }));
    const [{ subject, text, html }] = await mailed(email);
    assert.equal(subject, 'Ihre Bestellung ORD-2026-K7P3Q9 wurde storniert');
    assert.match(text, /^Guten Tag Jörg Müller,\n/);
    assert.ok(text.includes('Leider ausverkauft: <Brot> & Käse') && text.includes('https://track.example/x?a=1&b=2') && text.includes('0.05 CHF'));
    assert.ok(html.includes('&lt;Brot&gt; &amp; Käse') && html.includes('<a href="https://track.example/x?a=1&amp;b=2">') && html.includes('lang="de"'));
  });

  test('cannot write headers or elements by its name', async () => {
    const email = somebody({ name: 'Eve\r\nBcc: all@shop.example<img src=x>', order_number: 'ORD\r\nBcc: x', tracking_url: 'javascript:alert(1)' });
    await notify(shop, notice(anOrder(), 'order.placed', { email }));
    const [{ to, subject, text, html }] = await mailed(email);
    assert.equal(to, email.to);
    assert.equal(subject, 'Your order ORD Bcc: x is confirmed');
    assert.match(text, /^Hello Eve Bcc: all@shop\.example<img src=x>,\n/);
    assert.ok(!html.includes('<img') && !html.includes('javascript'));
  });
});

describe('a mail', () => {
  test('that can go nowhere is dead at once, and says why', async () => {
    const [order, email] = [anOrder(), somebody({ to: 'nobody@shop.example\r\nBcc: all@shop.example' })];
    await notify(shop, notice(order, 'order.placed', { email }));
    const one = await until('it is dead', async () => (await dead(shop)).find(({ order_id }) => order_id === order));
    assert.deepEqual([one.channel, one.attempts, one.last_error], ['email', 1, 'no mail can go to this address']);
    assert.deepEqual(mailsTo(shop, email), []);
  });

  test('that is not taken is tried again, then dead, and goes out when somebody wants it', async () => {
    const [order, email] = [anOrder(), somebody()];
    await stand(shop, '*mail;notices.mail;down');
    await notify(shop, notice(order, 'order.refunded', { email }));
    await struck(shop, '*mail');
    const one = await until('it is dead', async () => (await dead(shop)).find(({ order_id }) => order_id === order));
    assert.deepEqual([one.channel, one.receiver, one.attempts], ['email', email.to, 4]);
    await end(shop, '*mail');
    assert.deepEqual(mailsTo(shop, email), []);
    for (const { status } of await Promise.all([replayDead(shop, one), replayDead(shop, one)])) assert.equal(status, 200);
    await mailed(email);
    await until('it is on record', async () => (await emails(order))[0].state === 'delivered');
    assert.equal((await replayDead(shop, one)).json.state, 'delivered');
    assert.equal(mailsTo(shop, email).length, 1);
  });

  test('whose answer was lost goes out again', async () => {
    const email = somebody();
    await stand(shop, '*lost;notices.mail;lost');
    await notify(shop, notice(anOrder(), 'order.placed', { email }));
    assert.equal((await mailed(email, 2)).length, 2);
    await end(shop, '*lost');
  });

  test('that was to be written when the process died is written by the next', async () => {
    const email = somebody();
    await stand(shop, '*down;notices.mail;down');
    await notify(shop, notice(anOrder(), 'order.delivered', { email }));
    await shop.rt.kill();
    assert.deepEqual(mailsTo(shop, email), []);
    // What stood is forgotten with the process.
    await shop.rt.restart();
    assert.equal((await mailed(email)).length, 1);
  });
});

describe('steps of the desk that fail', () => {
  const found = async (name, script, email = somebody()) => {
    await stand(shop, `*${name};${script}`);
    const event = notice(anOrder(), 'order.placed', { email });
    // As the shop does it: again, until it is answered.
    await until(`${script} is got over`, () => notify(shop, event).then(() => true, () => false));
    await struck(shop, `*${name}`);
    await mailed(email);
    await end(shop, `*${name}`);
    return email;
  };

  test('a notice that was not written, or whose answer was lost, is told again and counts once', async () => {
    for (const [name, script] of [['a', 'notices.take;before'], ['b', 'notices.take;lost'], ['c', 'notices.take.written;lost'], ['d', 'notices.take.written;crash'], ['e', 'notices.endpoints;before'], ['f', 'notices.take;both']]) {
      const email = await found(name, script);
      await notify(shop, notice(anOrder(), 'order.placed', { email: somebody() }));
      assert.equal(mailsTo(shop, email).length, 1, script);
    }
  });

  test('an outcome that was not written is found by trying again', async () => {
    for (const [name, script] of [['g', 'notices.settle;before'], ['h', 'notices.settle.written;crash'], ['i', 'notices.project;lost'], ['j', 'notices.project;before']]) {
      const email = await found(name, script);
      const order = await until(`the database knows the mail to ${email.to}`, async () => {
        const [row] = await shop.rt.d1('notices', 'DB').all("SELECT order_id FROM emails WHERE recipient = ? AND state = 'delivered'", email.to);
        return row?.order_id;
      });
      assert.equal((await emails(order)).length, 1);
    }
  });
});

test('where no sender is named nobody is written to', async () => {
  const quiet = await openShop({ catalogue: null });
  try {
    const order = anOrder();
    await notify(quiet, notice(order, 'order.placed', { email: somebody() }));
    const rows = quiet.rt.objects('notices', 'NoticeDesk', 'SELECT notice_id FROM notices UNION ALL SELECT id FROM sendings');
    assert.equal(rows.length, 1, 'the event is known, and nothing was made of it');
  } finally {
    await quiet.close();
  }
});

test('after all of this nothing broke', () => {
  assert.deepEqual(shop.panics().map(({ text }) => text), []);
});
