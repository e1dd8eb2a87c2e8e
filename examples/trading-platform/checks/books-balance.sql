-- Lists what must not exist: orders that say they filled more or less than they traded.
SELECT o.id AS order_id, o.filled_quantity, coalesce(sum(t.quantity), 0) AS traded
  FROM orders o LEFT JOIN trades t ON t.order_id = o.id
 GROUP BY o.id
HAVING o.filled_quantity <> coalesce(sum(t.quantity), 0);
