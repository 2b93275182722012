-- A database in memory: rows in and out, indexes, joins, text functions, recursion.
PRAGMA cache_size = 2000;
CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, price INTEGER, tag TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
INSERT INTO item SELECT i, 'item ' || (i * 7919 % 60013), i * 31 % 997, substr('abcdefghij', i % 10 + 1, 1) FROM n;
CREATE INDEX by_name ON item(name);
CREATE INDEX by_tag ON item(tag, price);
SELECT count(*), sum(price), min(name), max(name) FROM item;
SELECT tag, count(*), avg(price), length(group_concat(name)) FROM item GROUP BY tag ORDER BY tag;
UPDATE item SET name = upper(name) || '/' || hex(name) WHERE id % 3 = 0;
DELETE FROM item WHERE id % 5 = 0;
SELECT count(*), sum(length(name)) FROM item;
CREATE TABLE pair AS SELECT a.id AS one, b.id AS two FROM item a JOIN item b ON a.tag = b.tag AND a.price = b.price
  WHERE a.id < b.id AND a.id < 4000;
SELECT count(*), sum(one), sum(two) FROM pair;
WITH RECURSIVE walk(id, depth) AS (SELECT 1, 0 UNION SELECT two, depth + 1 FROM walk JOIN pair ON one = walk.id
  WHERE depth < 3) SELECT count(*), max(depth) FROM walk;
SELECT sum(length(printf('%08d %s', id, replace(name, 'item', 'thing')))) FROM item;
SELECT count(*) FROM (SELECT json_group_array(json_object('id', id, 'name', name)) FROM item GROUP BY price);
DROP TABLE pair;
VACUUM;
SELECT count(DISTINCT name) FROM item;
