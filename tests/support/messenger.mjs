// What the messenger (WhatsApp) sends: deliveries of messages, signed over their very bytes.
import { createHmac, randomUUID } from 'node:crypto';

export const WEBHOOK = '/webhooks/whatsapp';

export const sign = (shop, body, key = shop.rt.secrets.WHATSAPP_APP_SECRET) => `sha256=${createHmac('sha256', key).update(body).digest('hex')}`;

export const deliver = (shop, body, signature = sign(shop, body)) =>
  shop.call('POST', WEBHOOK, { body, headers: signature === null ? {} : { 'x-hub-signature-256': signature } });

export const deliveryOf = (...messages) => JSON.stringify({
  object: 'whatsapp_business_account',
  entry: [{ id: '1', changes: [{ field: 'messages', value: { messaging_product: 'whatsapp', messages } }] }],
});

export const textOf = (phone, body, id = `wamid.${randomUUID()}`) => ({ id, from: phone.slice(1), timestamp: '1', type: 'text', text: { body } });
