-- What is running low, least first. Rows with more than the largest threshold that may be asked for are
-- not in it, so an order of what there is plenty of writes nothing here; of the others each change of
-- stock writes one row more.
CREATE INDEX stock_running_low ON stock (stock, sku, warehouse_id) WHERE stock <= 1000;
