-- Lists for those who run the shop: every filter and every pair of filters reads about as many rows
-- as it answers, however many orders there are. What each part costs a projection stands beside it.

-- How an order stands in all respects at once, as one word of five. There are some hundred that occur,
-- so whatever is asked of the five is asked of a small table first.
ALTER TABLE orders ADD COLUMN kind TEXT GENERATED ALWAYS AS (
  status || ' ' || payment_status || ' ' || payment_method || ' ' || fulfilment_status || ' ' || delivery_status
) VIRTUAL;

-- The kinds that occur and how many orders each has, kept by the triggers below.
-- A row written when an order comes, two when it changes its kind.
CREATE TABLE order_kinds (
  kind TEXT PRIMARY KEY,
  status TEXT NOT NULL,
  payment_status TEXT NOT NULL,
  payment_method TEXT NOT NULL,
  fulfilment_status TEXT NOT NULL,
  delivery_status TEXT NOT NULL,
  orders INTEGER NOT NULL
) WITHOUT ROWID;

-- The orders of each kind in order of time; a list of several kinds takes from each what comes next.
-- A row written with each version.
CREATE INDEX orders_by_kind ON orders (kind, order_id);
-- The same for those who have a vendor, and a driver: a row written with each version of theirs.
CREATE INDEX orders_by_vendor ON orders (vendor_id, kind, order_id) WHERE vendor_id IS NOT NULL;
CREATE INDEX orders_by_driver ON orders (driver_id, kind, order_id) WHERE driver_id IS NOT NULL;

CREATE TRIGGER order_kind_comes AFTER INSERT ON orders BEGIN
  INSERT INTO order_kinds VALUES (new.kind, new.status, new.payment_status, new.payment_method,
                                  new.fulfilment_status, new.delivery_status, 1)
  ON CONFLICT (kind) DO UPDATE SET orders = orders + 1;
END;

CREATE TRIGGER order_kind_changes AFTER UPDATE ON orders WHEN old.kind <> new.kind BEGIN
  UPDATE order_kinds SET orders = orders - 1 WHERE kind = old.kind;
  INSERT INTO order_kinds VALUES (new.kind, new.status, new.payment_status, new.payment_method,
                                  new.fulfilment_status, new.delivery_status, 1)
  ON CONFLICT (kind) DO UPDATE SET orders = orders + 1;
END;

CREATE TRIGGER order_kind_goes AFTER DELETE ON orders BEGIN
  UPDATE order_kinds SET orders = orders - 1 WHERE kind = old.kind;
END;

-- The words that an order is looked up by: its number and the number's last part, the customer's name,
-- the e-mail address whole and in its parts, the phone number as digits. Nothing else is kept here. The
-- row's number is the first 62 bits of the order's id that are not the same in all ids, so that a search
-- comes in order of time and stops when a page is full. Should two orders of one desk be of the same
-- millisecond and agree in ten random bits, each is found by the other's words too.
-- A row written when an order comes, and some 350 bytes of room. A table of words with a row for each
-- word would be seven rows written and 600 bytes, and its prefixes would not come in order of time.
CREATE VIRTUAL TABLE order_words USING fts5(
  words, content = '', columnsize = 0, prefix = '2 3 4',
  tokenize = "unicode61 remove_diacritics 2 tokenchars '@.-_+'"
);

CREATE VIEW words_of_orders AS
SELECT
  order_id,
  -- Milliseconds, desk, chance.
  (('0x' || substr(order_id, 1, 8) || substr(order_id, 10, 4)) ->> '$') << 20
    | ((('0x' || substr(order_id, 16, 3)) ->> '$' & 1023) << 10)
    | (('0x' || substr(order_id, 20, 3)) ->> '$' & 1023) AS key,
  order_number || ' ' || substr(order_number, 10)
    || ' ' || replace(replace(address ->> '$.name', '-', ' '), '.', ' ')
    || ' ' || coalesce(address ->> '$.email' || ' ' || replace(replace(replace(replace(
         substr(address ->> '$.email', 1, instr(address ->> '$.email', '@') - 1),
         '.', ' '), '-', ' '), '_', ' '), '+', ' '), '')
    || ' ' || ltrim(replace(replace(replace(replace(replace(replace(replace(
         address ->> '$.phone', ' ', ''), '-', ''), '(', ''), ')', ''), '/', ''), '.', ''), '+', ''), '0') AS words
FROM orders
WHERE length(order_id) = 36 AND order_id NOT GLOB '*[^0-9a-f-]*';

CREATE TRIGGER order_words_come AFTER INSERT ON orders BEGIN
  INSERT INTO order_words (rowid, words) SELECT key, words FROM words_of_orders WHERE order_id = new.order_id;
END;

-- Orders that are there already.
INSERT INTO order_kinds
SELECT kind, status, payment_status, payment_method, fulfilment_status, delivery_status, COUNT(*)
FROM orders GROUP BY kind;
INSERT INTO order_words (rowid, words) SELECT key, words FROM words_of_orders;
