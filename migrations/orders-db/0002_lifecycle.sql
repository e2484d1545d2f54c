-- How the rest of an order stands, each by itself, and its money.
ALTER TABLE orders ADD COLUMN payment_method TEXT NOT NULL DEFAULT 'card';      -- 'card', 'cod', 'credit'
ALTER TABLE orders ADD COLUMN fulfilment_mode TEXT NOT NULL DEFAULT 'warehouse'; -- or 'vendor'
ALTER TABLE orders ADD COLUMN fulfilment_status TEXT NOT NULL DEFAULT 'unfulfilled';
ALTER TABLE orders ADD COLUMN delivery_status TEXT NOT NULL DEFAULT 'none';
ALTER TABLE orders ADD COLUMN vendor_id TEXT;
ALTER TABLE orders ADD COLUMN driver_id TEXT;
ALTER TABLE orders ADD COLUMN due_minor INTEGER NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN captured_minor INTEGER NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN refunded_minor INTEGER NOT NULL DEFAULT 0;

ALTER TABLE order_status_history ADD COLUMN payment_status TEXT NOT NULL DEFAULT 'pending';
ALTER TABLE order_status_history ADD COLUMN fulfilment_status TEXT NOT NULL DEFAULT 'unfulfilled';
ALTER TABLE order_status_history ADD COLUMN delivery_status TEXT NOT NULL DEFAULT 'none';
