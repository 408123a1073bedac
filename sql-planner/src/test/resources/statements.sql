SELECT uses FROM words WHERE word BETWEEN ? AND ?
SELECT o.customer, COUNT(*)
SELECT c.id, COUNT(*)
SELECT COUNT(DISTINCT customer) FROM orders
SELECT COUNT(DISTINCT customer) FROM orders HAVING COUNT(DISTINCT note) > 1
SELECT note FROM orders GROUP BY note ORDER BY MAX(status), note
SELECT uses, uses FROM words WHERE word = 'a' UNION ALL SELECT uses, uses FROM words WHERE word = 'a'
SELECT uses FROM words LIMIT ?
SELECT uses FROM words GROUP BY uses HAVING MIN(word) IS NOT NULL
SELECT note FROM orders GROUP BY note HAVING MAX(YEAR(placed)) > 2000
SELECT COUNT(*), SUM(balance), SUM(score) FROM users
SELECT COUNT(DISTINCT age) FROM users
SELECT SUM(DISTINCT age), COUNT(DISTINCT age) FROM users
SELECT age, COUNT(*) FROM users GROUP BY age
SELECT COUNT(*) FROM users HAVING COUNT(*) > 5
SELECT COUNT(*) FROM users HAVING COUNT(*) > 4
SELECT AVG(age) FROM users
SELECT AVG(score) FROM users
SELECT MIN(name), MAX(age) FROM users
SELECT age, COUNT(DISTINCT score) FROM users GROUP BY age
SELECT age, COUNT(*) FROM users GROUP BY age ORDER BY 2 DESC, 1 LIMIT 2 OFFSET 1
SELECT age FROM users GROUP BY age HAVING NOT (COUNT(*) > 2) OR SUM(balance) BETWEEN 5 AND 6 OR SUM(balance) IS NULL AND COUNT(*) IN (3, 4)
SELECT SUM(age) / COUNT(*), SUM(age) / COUNT(*) * 100 FROM users
SELECT COUNT(*) FROM users HAVING AVG(age) > 0.3333
SELECT age FROM users GROUP BY age HAVING COUNT(*) >= ?
SELECT id FROM users LIMIT 2 OFFSET 1
WITH RECURSIVE w AS (SELECT 1) SELECT * FROM w
/* shardflux: shards=a */ SELECT 1
/* shardflux: timeout=1h */ SELECT 1
/* shardflux: shard=a, shard=b */ SELECT 1
/* shardflux: key=x */ SELECT * FROM users
SELECT * FROM nope
SELECT nope FROM users
SELECT x.id FROM users
SELECT id FROM users u JOIN orders o ON u.id = o.user_id
SELECT id AS age FROM users ORDER BY age + 1
SELECT my_function(id) FROM users WHERE id = 1
SELECT SLEEP(1)
SELECT id FROM users ORDER BY RAND()
INSERT INTO countries VALUES ('DE', UUID())
UPDATE countries SET title = NOW()
SELECT * FROM names WHERE name = 'x'
INSERT INTO names VALUES ('x')
INSERT INTO users (name) VALUES ('x')
INSERT INTO users (id) VALUES (1 + 1)
INSERT INTO users (id) VALUES (NULL)
INSERT INTO users (id) VALUES (DEFAULT)
INSERT INTO users (id) VALUES (1.5)
INSERT INTO docs (tenant, id) VALUES ('x ', 1)
INSERT INTO docs (tenant, id) VALUES (5, 1)
UPDATE users SET id = 2 WHERE id = 1
INSERT INTO users (id) VALUES (1) ON DUPLICATE KEY UPDATE id = 2
SELECT * FROM users u JOIN orders o ON o.id = u.id
SELECT * FROM users u JOIN events e ON e.at = u.id
SELECT * FROM users u JOIN config c ON c.k = u.name
SELECT * FROM countries c LEFT JOIN users u ON u.country = c.code
SELECT * FROM docs a JOIN docs b ON a.tenant = b.tenant
SELECT * FROM users a, users c WHERE NOT EXISTS (SELECT 1 FROM orders b WHERE b.user_id = c.id AND b.user_id = a.id)
SELECT a.id FROM users a LEFT JOIN users b ON a.id = b.id LEFT JOIN orders o ON a.id = b.id
SELECT (SELECT COUNT(*) FROM orders) FROM users
SELECT * FROM users WHERE age IN (SELECT user_id FROM orders)
SELECT * FROM users a WHERE a.age IN (SELECT b.id FROM users b WHERE b.id = a.id UNION ALL SELECT user_id FROM orders)
SELECT * FROM countries WHERE code IN (SELECT country FROM users)
SELECT * FROM (SELECT id FROM users LIMIT 3) x
SELECT * FROM (SELECT age, COUNT(*) FROM users GROUP BY age) x
SELECT * FROM (SELECT DISTINCT age FROM users) x
SELECT id FROM users UNION ALL SELECT at FROM events
SELECT id FROM users EXCEPT SELECT id FROM orders
SELECT GROUP_CONCAT(name) FROM users
SELECT age, COUNT(*) FROM users GROUP BY age WITH ROLLUP
SELECT ROUND(AVG(age)) FROM users
SELECT age FROM users GROUP BY age HAVING MAX(name) > 'x'
SELECT name, COUNT(*) FROM users
SELECT name, COUNT(*) FROM users GROUP BY age
SELECT DISTINCT name FROM users ORDER BY age
SELECT ROW_NUMBER() OVER (ORDER BY age) FROM users
SELECT data FROM users ORDER BY data
SELECT id FROM users ORDER BY COALESCE(name, nick)
SELECT * FROM users FOR UPDATE
SELECT * FROM countries FOR SHARE
/* shardflux: scatter=false */ SELECT * FROM users
UPDATE users SET age = 1
INSERT INTO users (id) VALUES (1), (2), (3), (4)
/* shardflux: scatter-writes=true */ DELETE FROM users LIMIT 5
INSERT INTO orders (user_id) SELECT id FROM users
UPDATE countries SET title = 'x' LIMIT 1
SELECT * FROM users LIMIT 5 OFFSET 100001
SELECT * FROM users LIMIT ?
SELECT my_function(id) FROM users
SELECT @x
SELECT LAST_INSERT_ID()
SELECT @@sql_mode
SELECT 1
SELECT * FROM users
SELECT * FROM users u WHERE id = 42
SELECT * FROM users u WHERE 42 = id
SELECT * FROM users u WHERE (id) = (42)
SELECT * FROM users u WHERE `id` = 42 AND age > 3
SELECT * FROM users u WHERE u.id = 42
SELECT * FROM users u WHERE ID = 42
SELECT * FROM users u WHERE id IN (1, 2, 3)
SELECT * FROM users u WHERE id IN (1, NULL, 1)
SELECT * FROM users u WHERE id = 1 OR id = 2
SELECT * FROM users u WHERE id = 1 OR (id = 2 AND age = 3)
SELECT * FROM users u WHERE id IN (1, 2) AND id IN (2, 3)
SELECT * FROM users u WHERE id IN (1, 2, 3) AND id > 2
SELECT * FROM users u WHERE id = '42'
SELECT * FROM users u WHERE id = 42.0
SELECT * FROM users u WHERE id = 4.2e1
SELECT * FROM users u WHERE id = -7
SELECT * FROM users u WHERE id = TRUE
SELECT * FROM users u WHERE id = 18446744073709551615
SELECT * FROM users u WHERE id = 1 AND NOT (id = 2) AND id NOT IN (3, NULL) AND id <=> 4
SELECT * FROM users u WHERE (id, age) = (1, 2)
SELECT * FROM users u WHERE (id, age) IN ((1, 2), (3, 4))
SELECT * FROM users u WHERE id = 5 AND EXISTS (SELECT 1 FROM orders o WHERE o.user_id = u.id)
SELECT * FROM users u WHERE id = NULL
SELECT * FROM users u WHERE id = 1 AND id = 2
SELECT * FROM users u WHERE id = 42.5
SELECT * FROM users u WHERE id IN (NULL)
SELECT * FROM users u WHERE 1 = 0
SELECT * FROM users u WHERE id > 5 AND id < 5
SELECT * FROM users u WHERE id = 99999999999999999999
SELECT * FROM users u WHERE id = 1 AND age = 2 AND 1 = 2
SELECT * FROM users u WHERE id = 1 OR age = 2
SELECT * FROM users u WHERE NOT id = 1
SELECT * FROM users u WHERE id = age
SELECT * FROM users u WHERE id = '42abc'
SELECT * FROM users u WHERE id = ' 42'
SELECT * FROM users u WHERE id = 0x2A
SELECT * FROM users u WHERE id = 9007199254740993e0
SELECT * FROM users u WHERE id = 1 XOR age = 3
SELECT * FROM users u WHERE (id = 1) IS TRUE
SELECT * FROM users u WHERE id IN (1, age)
SELECT * FROM users u WHERE id <> 1
SELECT * FROM users u WHERE id IS NULL
SELECT * FROM users u WHERE id = DATE '2026-01-01'
SELECT * FROM events WHERE at BETWEEN 10 AND 99
SELECT * FROM events WHERE at < 100
SELECT * FROM events WHERE at <= 100
SELECT * FROM events WHERE at >= 100 AND at < 200
SELECT * FROM events WHERE 199 < at
SELECT * FROM events WHERE at = 5 OR at > 250
SELECT * FROM events WHERE at BETWEEN 150 AND 160 OR at BETWEEN 170 AND 180
SELECT * FROM events WHERE at > 99.5
SELECT * FROM docs WHERE id IN (1, 2) AND tenant = 'x'
SELECT * FROM docs WHERE tenant = 'x  ' AND id = ?
SELECT * FROM docs WHERE id = 1
SELECT * FROM users WHERE id = ?
SELECT 1 FROM users u JOIN orders o ON o.user_id = u.id WHERE o.user_id = 5
SELECT 1 FROM users u LEFT JOIN orders o ON o.user_id = u.id WHERE u.id = 5
SELECT 1 FROM users u LEFT JOIN orders o ON o.user_id = u.id WHERE o.user_id = 5
SELECT 1 FROM orders o RIGHT JOIN users u ON o.user_id = u.id WHERE u.id = 5
SELECT 1 FROM users u, orders o WHERE u.id = 5 AND u.id = o.user_id
SELECT 1 FROM (SELECT id, name FROM users) x WHERE x.id = 5
SELECT 1 FROM (SELECT id AS k, COUNT(*) FROM users GROUP BY id) x WHERE x.k = 5
SELECT 1 FROM (SELECT id FROM users WHERE id = 5) x JOIN orders o ON o.user_id = x.id
WITH w AS (SELECT user_id k FROM orders) SELECT 1 FROM w WHERE k = 5
WITH w (k) AS (SELECT user_id FROM orders) SELECT 1 FROM w JOIN users ON id = k AND k = 5
SELECT id FROM users WHERE id = 5 UNION SELECT user_id FROM orders WHERE user_id = 5
SELECT 1 FROM (SELECT id FROM users UNION ALL SELECT user_id FROM orders) x WHERE id = 5
SELECT 1 FROM users u WHERE u.id IN (SELECT user_id FROM orders) AND u.id = 5
SELECT 1 FROM countries c LEFT JOIN users u ON u.country = c.code AND u.id = 5
DELETE FROM users WHERE id = 5
UPDATE users u JOIN orders o ON o.user_id = u.id SET u.age = 1 WHERE o.user_id = 5
INSERT INTO orders (user_id, id) SELECT id, age FROM users WHERE id = 5
/* shardflux: key=5 */ SELECT 1 FROM users
SELECT 1 FROM users u LEFT JOIN orders o ON o.user_id = u.id AND o.user_id = 5
SELECT 1 FROM users u LEFT JOIN orders o ON o.user_id = u.id AND u.id = 5
SELECT 1 FROM users u WHERE EXISTS (SELECT 1 FROM orders o WHERE o.user_id = u.id OR u.id = 5)
SELECT 1 FROM users u WHERE u.id NOT IN (SELECT user_id FROM orders WHERE user_id = 5)
SELECT 1 FROM (SELECT age, MAX(id) m FROM users GROUP BY age) x WHERE x.m = 5
SELECT * FROM config
SELECT * FROM countries
UPDATE countries SET title = 'x'
/* shardflux: scatter-writes=true */ INSERT INTO users (id, name) VALUES (1, 'a;?'), (:k, ?), (3, "b") ON DUPLICATE KEY UPDATE name = :k
INSERT INTO users (id, name) VALUES (1, 'a;?') ON DUPLICATE KEY UPDATE name = ?
INSERT INTO users (id, name) VALUES (?, ?), (3, "b") ON DUPLICATE KEY UPDATE name = ?
/* shardflux: timeout=250ms, scatter=false, read-preference='replica' */ SELECT /* x */ * FROM users WHERE id=:id AND name='?:id' ;
SELECT /* x */ * FROM users WHERE id=? AND name='?:id'
SELECT id FROM users
SELECT id FROM users ORDER BY id DESC LIMIT 2 OFFSET 3
SELECT id FROM users ORDER BY id DESC LIMIT 5
SELECT id FROM users ORDER BY id LIMIT 3, 2
SELECT id FROM users ORDER BY id LIMIT 5
SELECT id FROM users ORDER BY age
SELECT id, age FROM users ORDER BY age
SELECT id FROM users ORDER BY nick
SELECT id, WEIGHT_STRING(nick) FROM users ORDER BY nick
SELECT name FROM users ORDER BY 1
SELECT name, 1, WEIGHT_STRING(name) FROM users ORDER BY 1
SELECT id FROM users ORDER BY flag, kind, created
SELECT id, (flag) + 0, (kind) + 0, (created) + 0 FROM users ORDER BY flag, kind, created
SELECT id FROM users ORDER BY raw
SELECT id, WEIGHT_STRING(raw) FROM users ORDER BY raw
SELECT * FROM users ORDER BY id
SELECT *, id FROM users ORDER BY id
SELECT id + 1 AS z FROM users ORDER BY z * 2
SELECT id + 1 AS z, (id + 1) * 2 FROM users ORDER BY z * 2
SELECT id name FROM users ORDER BY name
SELECT age IN (1) FROM users ORDER BY age NOT IN (1)
SELECT age IN (1), age NOT IN (1) FROM users ORDER BY age NOT IN (1)
SELECT name LIKE 'a' FROM users ORDER BY name NOT LIKE 'a'
SELECT name LIKE 'a', name NOT LIKE 'a' FROM users ORDER BY name NOT LIKE 'a'
SELECT created + INTERVAL 1 DAY FROM users ORDER BY created + INTERVAL 1 YEAR
SELECT created + INTERVAL 1 DAY, (created + INTERVAL 1 YEAR) + 0 FROM users ORDER BY created + INTERVAL 1 YEAR
SELECT id, data->>'$.a' FROM users GROUP BY id, data->>'$.a'
SELECT CAST(score AS DECIMAL(5, 2)) FROM users ORDER BY CAST(score AS DECIMAL(5,1))
SELECT CAST(score AS DECIMAL(5, 2)), CAST(score AS DECIMAL(5,1)) FROM users ORDER BY CAST(score AS DECIMAL(5,1))
SELECT CASE age WHEN 1 THEN 2 ELSE 3 END FROM users ORDER BY CASE WHEN age THEN 2 WHEN 1 THEN 3 END
SELECT CASE age WHEN 1 THEN 2 ELSE 3 END, CASE WHEN age THEN 2 WHEN 1 THEN 3 END FROM users ORDER BY CASE WHEN age THEN 2 WHEN 1 THEN 3 END
SELECT -age AS age, COUNT(*) FROM users GROUP BY age
SELECT -age AS age, COUNT(*), `users`.`age` FROM users GROUP BY `users`.`age` ORDER BY `users`.`age`
SELECT DISTINCT -age AS age FROM users
SELECT -age AS age FROM users GROUP BY -`users`.`age` ORDER BY -`users`.`age`
SELECT u.age FROM users u ORDER BY age
SELECT DISTINCT age FROM users ORDER BY age DESC LIMIT 3
SELECT age FROM users GROUP BY age ORDER BY age DESC LIMIT 3
SELECT DISTINCT id, age FROM users
SELECT id, age FROM users GROUP BY id, age ORDER BY id, age
SELECT COUNT( * ) FROM users
SELECT AVG(age), SUM(age), COUNT(age) FROM users
SELECT MAX(created) FROM users
SELECT MAX(created), (MAX(created)) + 0 FROM users
SELECT MIN(kind) FROM users
SELECT MIN(kind), 1, WEIGHT_STRING(MIN(kind)) FROM users
SELECT age, COUNT(*) FROM users GROUP BY age ORDER BY age DESC LIMIT 3
SELECT age, COUNT(*) FROM users GROUP BY age ORDER BY COUNT(*) LIMIT 3
SELECT age, COUNT(*) FROM users GROUP BY age ORDER BY age
SELECT COUNT(*) c FROM users GROUP BY age HAVING c > 1 AND age < 9
SELECT COUNT(*) c, age FROM users GROUP BY age HAVING (age < 9) ORDER BY age
SELECT age DIV 10 d, SUM(age) FROM users GROUP BY d
SELECT age DIV 10 d, SUM(age) FROM users GROUP BY age DIV 10 ORDER BY age DIV 10
SELECT age + 1, COUNT(*) FROM users GROUP BY 1
SELECT age + 1, COUNT(*) FROM users GROUP BY age + 1 ORDER BY age + 1
SELECT COUNT(DISTINCT age), age FROM users GROUP BY age
SELECT COUNT(DISTINCT id, age) FROM users
SELECT id, GROUP_CONCAT(name) FROM users GROUP BY id HAVING MAX(name) > 'x' ORDER BY 2 LIMIT 1
SELECT id, GROUP_CONCAT(name), IF(CONCAT(LEFT(GROUP_CONCAT(name), 0), 'a') = CONCAT(LEFT(GROUP_CONCAT(name), 0), 'a '), WEIGHT_STRING(CONCAT(LEFT(GROUP_CONCAT(name), 0), ' ')), NULL), WEIGHT_STRING(GROUP_CONCAT(name)) FROM users GROUP BY id HAVING MAX(name) > 'x' ORDER BY 2 LIMIT 1
SELECT u.id FROM users u JOIN countries c ON c.code = u.country
SELECT c.code, c.title FROM users u JOIN countries c ON c.code = u.country GROUP BY c.code
SELECT c.code, c.title, 1, WEIGHT_STRING(c.code) FROM users u JOIN countries c ON c.code = u.country GROUP BY c.code ORDER BY c.code
SELECT id FROM users UNION ALL SELECT user_id FROM orders LIMIT 2
SELECT * FROM (SELECT id FROM users UNION ALL SELECT user_id FROM orders) AS shardflux LIMIT 2
SELECT age FROM users UNION SELECT age FROM users ORDER BY age
SELECT `age` FROM (SELECT age FROM users UNION ALL SELECT age FROM users) AS shardflux GROUP BY `age` ORDER BY `age`
SELECT id -- c
SELECT id
SELECT id FROM users LIMIT ? OFFSET ?
SELECT id FROM users LIMIT 15
SELECT name FROM users WHERE age > ? ORDER BY age * :f, id LIMIT :n
SELECT name, age * ?, id FROM users WHERE age > ? ORDER BY age * ?, id LIMIT 3
SELECT age + ? AS z FROM users WHERE id > ? ORDER BY z * 2
SELECT age + ? AS z, (age + ?) * 2 FROM users WHERE id > ? ORDER BY z * 2
SELECT id, age FROM users ORDER BY age DESC, id
SELECT name FROM users ORDER BY name
SELECT age, COUNT(*) FROM users GROUP BY age ORDER BY 2
SELECT a FROM u WHERE name = 'a' 'b'
SELECT id FROM u WHERE id <=> 5
SELECT id FROM u WHERE id = 5 && a = 1
SELECT id FROM u WHERE NOT id IN (1,2)
SELECT id FROM u WHERE NOT id = 1 OR id = 2
SELECT id FROM u WHERE id BETWEEN 1 AND 2 OR a
SELECT id FROM u WHERE id = -5
SELECT id FROM u WHERE id = - 5
SELECT id FROM u WHERE id = +5
SELECT id FROM u WHERE id = ~5
SELECT id FROM u WHERE id = 5 DIV 2
SELECT id FROM u WHERE id = N'5'
SELECT id FROM u WHERE id = _utf8mb4'5'
SELECT id FROM u WHERE id = _latin1 'x'
SELECT id FROM u WHERE id = DATE '2026-01-01'
SELECT id FROM u WHERE id = TIMESTAMP '2026-01-01 00:00:00'
SELECT id FROM u WHERE d = '2026-01-01' + INTERVAL 1 DAY
SELECT id FROM u WHERE id = 5e0
SELECT id FROM u WHERE id = .5
SELECT id FROM u WHERE id = 5.
SELECT id FROM u WHERE id=5 -- x
SELECT id FROM u WHERE id=5 --
SELECT id FROM u WHERE id = 5 /* x */ + 1
SELECT id FROM u WHERE (id, a) = (5, 1)
SELECT id FROM u WHERE (id, a) IN ((5, 1), (6, 2))
SELECT id FROM u WHERE ROW(id, a) = ROW(5, 1)
SELECT id FROM u WHERE id RLIKE 'a' AND a = 1
SELECT id FROM u WHERE id NOT REGEXP 'a' OR a = 1
SELECT id FROM u WHERE name = 'a' COLLATE utf8mb4_bin AND id = 5
SELECT id FROM u WHERE id = 5 OR NOT a = 1 AND b = 2
SELECT id FROM u WHERE id = :id AND a = ?
SELECT data->'$.a' FROM u WHERE data->>'$.b' = 'x'
SELECT id FROM u WHERE MATCH (a) AGAINST ('x' IN BOOLEAN MODE)
SELECT id FROM u WHERE id = 5 OR MATCH (a) AGAINST ('x') > 0
SELECT CASE a WHEN 1 THEN 2 ELSE 3 END FROM u
SELECT CASE WHEN a = 1 OR b THEN 2 END x FROM u
SELECT IF(a, 1, 0), LEFT(name, 2), REPLACE(name,'a','b'), MOD(a,2), CHAR(65), INSERT(name,1,1,'x') FROM u
SELECT CAST(a AS SIGNED), CONVERT(a, UNSIGNED), CONVERT(name USING latin1), CAST(a AS CHAR(3) CHARACTER SET latin1) FROM u
SELECT EXTRACT(YEAR FROM d), TRIM(BOTH 'x' FROM name), SUBSTRING(name FROM 1 FOR 2), POSITION('a' IN name), TIMESTAMPDIFF(DAY, d, d) FROM u
SELECT GROUP_CONCAT(DISTINCT name ORDER BY name DESC SEPARATOR ';') FROM u
SELECT COUNT(DISTINCT a, b), SUM(DISTINCT a) FROM u
SELECT ALL a FROM u
SELECT DISTINCTROW a FROM u
SELECT a AS 'x', b "y" FROM u
SELECT a b FROM u
SELECT COUNT(*) OVER (PARTITION BY a ORDER BY b) FROM u
SELECT 1 FROM u USE INDEX (i) WHERE id = 5
SELECT 1 FROM u STRAIGHT_JOIN o ON u.id = o.user_id
SELECT 1 FROM u, o JOIN v ON o.id = v.id
SELECT 1 FROM a, b LEFT JOIN c ON b.x = c.x
SELECT 1 FROM a JOIN b LEFT JOIN c ON b.x = c.x
SELECT 1 FROM a LEFT JOIN (b, c) ON b.x = a.x
SELECT 1 FROM (a, b)
SELECT 1 FROM (a JOIN b USING (x)) LEFT JOIN c USING (x)
SELECT 1 FROM a CROSS JOIN b ON a.x = b.x
SELECT 1 FROM a INNER JOIN b
SELECT 1 FROM a AS 'x'
SELECT 1 FROM a LIMIT 5, 10
SELECT 1 FROM a LIMIT 10 OFFSET 5
SELECT 1 FROM a LIMIT ?, ?
SELECT 1 FROM a GROUP BY x WITH ROLLUP
SELECT 1 FROM a GROUP BY x, y HAVING COUNT(*) > 1 ORDER BY NULL
SELECT 1 FROM a WHERE x = ANY (SELECT 1) FOR UPDATE SKIP LOCKED
SELECT 1 FROM a FOR SHARE OF a NOWAIT
SELECT 1 FROM DUAL WHERE 1
SELECT 1 WHERE 1
SELECT id FROM a UNION SELECT id FROM b UNION ALL SELECT id FROM c ORDER BY id LIMIT 3
SELECT id FROM a UNION SELECT id FROM b INTERSECT SELECT id FROM c
SELECT id FROM a EXCEPT ALL SELECT id FROM b
(SELECT id FROM a ORDER BY id LIMIT 1) UNION (SELECT id FROM b) LIMIT 1
(SELECT id FROM a) ORDER BY id LIMIT 1
(SELECT id FROM a LIMIT 3) LIMIT 1
WITH w (k) AS (SELECT id FROM a), x AS (SELECT k FROM w) SELECT * FROM x WHERE k = 5
WITH w AS (SELECT id FROM a) UPDATE b JOIN w USING (id) SET b.x = 1
WITH w AS (SELECT id FROM a) DELETE FROM b WHERE id IN (SELECT id FROM w)
INSERT INTO u (id, a) VALUES (1, 2), (3, 4) ON DUPLICATE KEY UPDATE a = VALUES(a) + 1, b = b + 1
INSERT INTO u (id, a) VALUES (1, 2) AS n ON DUPLICATE KEY UPDATE a = n.a
INSERT INTO u (id, a) VALUES (1, 2) AS n (x, y) ON DUPLICATE KEY UPDATE a = y
INSERT INTO u VALUES (1, DEFAULT)
INSERT INTO u SET id = 1, a = DEFAULT
INSERT u VALUES (1)
INSERT IGNORE INTO u VALUE (1)
INSERT LOW_PRIORITY INTO u (id) VALUES (1)
INSERT DELAYED INTO u (id) VALUES (1)
INSERT HIGH_PRIORITY IGNORE INTO u (id) VALUES (1)
INSERT INTO u (id) SELECT id FROM o WHERE id = 5 ON DUPLICATE KEY UPDATE a = 1
INSERT INTO u (id) (SELECT id FROM o)
REPLACE INTO u (id, a) VALUES (1, 2), (3, 4)
REPLACE u SET id = 1
REPLACE INTO u (id) SELECT id FROM o
UPDATE u SET a = 1 WHERE id = 5 ORDER BY a LIMIT 1
UPDATE LOW_PRIORITY IGNORE u SET a = DEFAULT WHERE id = 5
UPDATE u x, o y SET x.a = 1, y.b = 2 WHERE x.id = y.user_id
UPDATE u x LEFT JOIN o y ON x.id = y.user_id SET x.a = y.b
UPDATE u SET a = b = 1
UPDATE u SET a = 1, b = (SELECT 1)
DELETE FROM u WHERE id = 5 ORDER BY a LIMIT 1
DELETE LOW_PRIORITY QUICK IGNORE FROM u WHERE id = 5
DELETE x FROM u x JOIN o y ON x.id = y.user_id WHERE y.user_id = 5
DELETE x, y FROM u x JOIN o y ON x.id = y.user_id
DELETE FROM u AS x WHERE x.id = 5
SELECT 1;
SELECT a FROM t WHERE a = 'x\'; DELETE FROM u; -- '
SELECT offset, limit_, value, rank_, date, status, user, key_, type FROM u
SELECT `a``b`, `select` FROM `from` WHERE `where` = 1
SELECT $a FROM t
SELECT é FROM t
SELECT u.*, o.id FROM u, o
SELECT *, 1 FROM u
SELECT id FROM u WHERE EXISTS (SELECT 1 FROM o) AND NOT EXISTS (SELECT 2 FROM o)
SELECT id FROM u ORDER BY a DESC, b ASC, a + 1, 2
SELECT COUNT( * ) , 1+1,  "a"  , 'x y' FROM u
/* first */ SELECT o.order_no -- second  FROM `orders` o WHERE 40 = o.customer_id AND o.slot IS NULL # last
/* first */ SELECT o.order_no -- second  FROM `orders` o WHERE o.customer_id = ? # last
/* shardflux: scatter-writes=true */ DELETE FROM accounts WHERE opened = :v0
/* shardflux: scatter-writes=true */ INSERT INTO entries (tenant, code, entry_no, amount, label, booked, ratio) VALUES (1, '?', 1, -10.0000, 'strasse', NULL, 1.75), (3, 'p', 5000000000, 0.0001, 'zoe', NULL, -0.5) ON DUPLICATE KEY UPDATE amount = VALUES(amount)
/* shardflux: scatter-writes=true */ INSERT INTO entries (tenant, code, entry_no, amount, label, booked, ratio) VALUES (4, 'gz', 2, 0.0001, 'O''Neil', NULL, 100000.5), (2, 'b', 5000000000, 10.0000, 'straße', '2025-03-30 02:30:00.500000', -3.25) ON DUPLICATE KEY UPDATE label = 'ann'
/* shardflux: scatter-writes=true */ INSERT INTO orders (customer_id, order_no, country, amount, quantity, weight, status, note, placed, slot, big, tiny) VALUES (1070, 1, 'PL', 99999.99, 300, 1.75, NULL, 'Bob', TIMESTAMP '2023-06-30 23:59:59.999999', NULL, 1, NULL), (1071, 4, 'XX', 7.00, 300, 1.75, 'open', 'ann', '2025-03-30 02:30:00.500000', NULL, NULL, 5)
/* shardflux: scatter-writes=true */ INSERT INTO orders (customer_id, order_no, country, amount, quantity, weight, status, note, placed, slot, big, tiny) VALUES (1145, 4, :v0, :v1, :v2, 1024.0, 'open', 'bob ', :v3, :v4, :v5, :v6), (1146, 2, NULL, 0.00, :v7, 0.25, NULL, :v8, '2024-01-01 00:00:00.000000', :v9, :v10, :v11), (1147, :v12, :v13, :v14, 1, :v15, :v16, :v17, :v18, :v19, 18446744073709551615, :v20), (:v21, :v22, :v23, :v24, :v25, 1.75, :v26, :v27, :v28, '09:30:00', :v29, -128)
/* shardflux: scatter-writes=true */ INSERT INTO orders (customer_id, order_no, country, amount, quantity, weight, status, note, placed, slot, big, tiny) VALUES (:v0, :v1, 'US', :v2, :v3, 0.0, :v4, :v5, '2024-01-01 00:00:00.000000', :v6, :v7, :v8), (:v9, :v10, :v11, -0.01, :v12, 1.75, 'void', :v13, :v14, :v15, :v16, :v17), (:v18, :v19, 'XX', :v20, :v21, 0.25, :v22, :v23, :v24, :v25, NULL, :v26), (1017, :v27, 'PL', 0.00, 2, NULL, :v28, NULL, :v29, '09:30:01', 9223372036854775807, 0), (1018, 3, :v30, :v31, 300, 1024.0, 'paid', 'ann', :v32, :v33, :v34, -128)
/* shardflux: scatter-writes=true */ UPDATE customers SET created = '2024-01-01 00:00:00.000000' WHERE id IN (8, 17, 35)
/* shardflux: scatter-writes=true */ UPDATE orders SET note = 'bob ' WHERE customer_id IN (?, 58, ?, ?)
/* shardflux: scatter-writes=true */ UPDATE readings SET taken = :v1 WHERE sensor = :v0
DELETE FROM entries WHERE tenant = :v0 AND code = 'qq' AND entry_no = 2
INSERT INTO accounts (tenant, code, owner, kind, opened, cap, is_open, level) VALUES (2, 'q', 'Ann', 'Spá', '2026-07-04', 0.0001, NULL, 1)
INSERT INTO customers (name, tier) VALUES ('Ann', 'gold')
INSERT INTO entries (tenant, code, entry_no, amount, label, booked, ratio) VALUES (1083, 'ä', ?, ?, 'O''Neil', ?, 1024.0)
INSERT INTO readings (id, sensor, value, taken, ok, delta) VALUES (1100, 'N', 1.75, '2025-03-30 02:30:00.500000', 1, 32767)
INSERT INTO words (word) VALUES ('gz')
INSERT INTO words (word, sense, uses) VALUES (:v0, 'Ann', :v1)
INSERT INTO words (word, sense, uses) VALUES (?, ?, 3)
SELECT * FROM customers a WHERE NOT EXISTS (SELECT 1 FROM orders b WHERE b.customer_id = a.id AND ? <= b.big) AND a.id = ? ORDER BY a.id
SELECT * FROM entries x WHERE (x.tenant, x.code) IN ((1, 'hz'), (4, 'z\\z')) ORDER BY x.tenant, x.code DESC, x.entry_no DESC
SELECT * FROM readings AS x WHERE id = :v0 AND sensor IN (:v1) ORDER BY id
SELECT * FROM words AS t
SELECT -a.balance AS r0 FROM customers a WHERE EXISTS (SELECT 1 FROM countries r WHERE r.code = a.country AND r.code LIKE :v0) AND a.id < :v1
SELECT ABS(orders.order_no) r0 FROM orders WHERE orders.customer_id = 15 AND orders.placed BETWEEN TIMESTAMP '2025-03-30 02:30:00.500000' AND '2024-01-01 00:00:00.000000'
SELECT AVG(b.entry_no), COUNT(a.opened) r1, COUNT(b.label) AS r2, SUM(b.tenant) FROM accounts a JOIN entries b ON b.code = a.code AND a.tenant = b.tenant WHERE a.tenant = :v2 AND a.tenant = :v0 AND a.code = :v1
SELECT AVG(r.eu IS NULL), b.slot r1, COUNT(*) AS r2, MAX(b.big) FROM customers a JOIN orders b ON a.id = b.customer_id JOIN countries r ON r.code = b.country WHERE a.id > ? AND a.id < ? AND r.people IS NULL GROUP BY b.slot ORDER BY SUM(r.eu) DESC, b.slot
SELECT AVG(value), COUNT(sensor), MIN(taken) FROM readings WHERE value BETWEEN 1.75 AND :v0 AND id = 21
SELECT AVG(x.id), x.taken, MAX(x.taken) FROM readings AS x WHERE x.id > :v0 GROUP BY x.taken ORDER BY COUNT(x.value), x.taken DESC
SELECT CHAR_LENGTH(r.code), ABS(a.points) FROM customers a INNER JOIN countries r ON r.code = a.country WHERE a.id = 39
SELECT CHAR_LENGTH(sense) AS r0, TRIM(sense) FROM words t WHERE word <=> '日' LIMIT ?
SELECT COALESCE(a.tenant, 0) r0, a.kind, a.opened r2 FROM accounts a JOIN entries b ON b.code = a.code AND a.tenant = b.tenant ORDER BY b.entry_no, b.tenant DESC, a.tenant ASC, a.code, b.tenant, b.code, b.entry_no LIMIT 2, 3
SELECT COALESCE(x.uses, 0) r0 FROM words AS x WHERE NOT (? <= x.sense)
SELECT COUNT(*) AS r0, MAX(r.code) FROM customers a LEFT JOIN countries r ON r.code = a.country
SELECT COUNT(*) AS r0, b.entry_no FROM entries b JOIN accounts a ON b.code = a.code AND a.tenant = b.tenant WHERE (a.tenant, a.code) IN ((4, 'Z'), (1, :v0)) GROUP BY b.entry_no, b.label HAVING MAX(a.kind) IS NULL AND MIN(MONTH(a.opened)) <= 1
SELECT COUNT(*) FROM customers AS t WHERE t.id >= '4' + 38
SELECT COUNT(*) FROM customers a, orders b WHERE a.id = b.customer_id
SELECT COUNT(*) FROM orders a JOIN countries r ON a.country = r.code
SELECT COUNT(*) FROM readings WHERE :v0 < readings.id
SELECT COUNT(*) FROM readings WHERE NOT readings.id <> '42.0'
SELECT COUNT(*) FROM readings WHERE readings.id BETWEEN 42.5 AND 117
SELECT COUNT(*) FROM readings x WHERE x.id IN (42.0, ?)
SELECT COUNT(*) r0, COUNT(*), r.title r2, r.people FROM customers a LEFT JOIN countries r ON a.country = r.code WHERE r.code >= ? AND a.id > 53 AND a.id < ? GROUP BY r.title, r.people HAVING MIN(r.people) IS NOT NULL
SELECT COUNT(*) r0, SUM(YEAR(taken)), COUNT(DISTINCT sensor) FROM readings AS t WHERE id = 2
SELECT COUNT(*) r0, t.people, COUNT(DISTINCT t.title) AS r2, COUNT(*) AS r3 FROM countries AS t GROUP BY t.people HAVING MAX(t.title) IS NOT NULL
SELECT COUNT(*), COUNT(entry_no), COUNT(booked) r2 FROM entries t WHERE (2 = tenant AND code = :v0 OR amount BETWEEN -10.0000 AND 0.0001) HAVING COUNT(code) <= :v1
SELECT COUNT(x.weight) r0, COUNT(*) AS r1, COUNT(*), COUNT(DISTINCT x.country) r3 FROM orders AS x WHERE ((x.big BETWEEN 1 AND 18446744073709551615 AND x.placed < TIMESTAMP '2025-03-30 02:30:00.500000') OR x.placed NOT IN (NULL))
SELECT DATE(a.placed), r.code FROM orders a INNER JOIN countries r ON a.country = r.code WHERE (a.big != 9223372036854775807 AND a.big <=> 9223372036854775807) AND a.customer_id > 49 AND a.customer_id < 49 ORDER BY r.code, a.customer_id, a.order_no, r.code ASC LIMIT 1
SELECT DISTINCT amount, tenant AS r1 FROM entries AS t WHERE tenant = 4 AND code IN ('ab', 'a') AND tenant % 3 = 2
SELECT DISTINCT b.customer_id DIV 2 r0, a.balance, b.status r2 FROM customers a INNER JOIN orders AS b ON (a.id = b.customer_id)
SELECT DISTINCT d.amount FROM (SELECT tenant, code, entry_no, amount, ratio FROM entries WHERE tenant = ? AND code = ?) d WHERE d.amount BETWEEN ? AND ? ORDER BY d.amount
SELECT DISTINCT level AS r0 FROM accounts AS t WHERE tenant % 3 = ? AND tenant = 1 AND code IN (?, 'hz', ?, 'ab')
SELECT DISTINCT ratio AS r0, entry_no FROM entries AS t WHERE entry_no <= 2
SELECT DISTINCT ratio r0 FROM entries x WHERE (tenant = 4 AND code = 'p' OR tenant = 1 AND code = '?') ORDER BY 1
SELECT DISTINCT words.sense, CONCAT(words.word, '!'), words.uses FROM words WHERE words.word = 'gz' ORDER BY 1, CONCAT(words.word, '!') DESC, words.uses ASC
SELECT DISTINCT words.uses*2 FROM words WHERE (words.word = :v0 OR words.word = 'h') AND words.word <=> 'A'
SELECT DISTINCT x.big IS NULL r0, x.slot FROM orders AS x WHERE x.customer_id = ? AND NOT ((x.customer_id BETWEEN ? AND ? AND x.status <=> 'open'))
SELECT DISTINCT x.tenant r0, x.tenant % 3 r1 FROM accounts x WHERE x.code >= 'z\\z' AND x.code < :v0 AND x.is_open IS NULL
SELECT MAX(TRIM(a.code)), COUNT(DISTINCT a.opened), COUNT(*) AS r2, MIN(b.booked) FROM accounts a INNER JOIN entries AS b ON (b.code = a.code AND a.tenant = b.tenant) WHERE a.is_open != FALSE AND ? >= a.code
SELECT MAX(born), rate AS r1, id AS r2 FROM customers AS x WHERE (rate = rate AND NOT (born IS NOT NULL)) AND (2 = id OR :v0 <= tier) GROUP BY rate, id HAVING COUNT(*) > :v1 AND COUNT(DISTINCT email) <> 4
SELECT MAX(t.name), t.score FROM customers AS t WHERE ? >= t.id GROUP BY t.score
SELECT MIN(d.born), COUNT(*) AS r1, COUNT(DISTINCT d.id) AS r2 FROM (SELECT x.id, x.born, x.created FROM customers AS x WHERE x.id = ?) AS d
SELECT MIN(tiny) AS r0, SUM(order_no) FROM orders
SELECT MIN(word), uses, MAX(LOWER(word)) AS r2, IF(uses > 2, uses, 2) r3, MIN(CONCAT(sense, '!')) AS r4 FROM words x WHERE (word = '?' OR ? = word) GROUP BY uses, IF(uses > 2, uses, 2) HAVING MAX(LEFT(word, 2)) IS NOT NULL ORDER BY COUNT(DISTINCT word), IF(uses > 2, uses, 2), uses LIMIT ? OFFSET ?
SELECT MIN(x.value) AS r0, SUM(x.delta), ABS(x.id) AS r2, x.value r3 FROM readings x GROUP BY ABS(x.id), x.value HAVING COUNT(*) <= 9
SELECT MONTH(a.born) FROM customers a JOIN orders b ON a.id = b.customer_id JOIN countries r ON r.code = b.country WHERE (a.id = ? OR a.id = ?) ORDER BY a.born, a.id DESC, b.customer_id DESC, b.order_no ASC, r.code DESC LIMIT ? OFFSET ?
SELECT SUM(amount), MAX(booked), COUNT(*), COUNT(*) FROM entries x
SELECT UPPER(word), MAX(sense) r1, COUNT(sense), COUNT(word) FROM words WHERE (NOT (4294967295 <= uses) OR (sense IS NULL OR uses IS NULL)) AND word IN ('p', 'z\\z', 'gz', 'h', 'ä') GROUP BY UPPER(word) ORDER BY UPPER(word) DESC LIMIT 1, 50
SELECT a.* FROM orders a JOIN countries r ON r.code = a.country WHERE a.customer_id = 9
SELECT a.active, a.email FROM customers a WHERE NOT EXISTS (SELECT 1 FROM orders b WHERE b.customer_id = a.id AND (b.placed != NULL AND b.status NOT IN ('paid'))) AND a.id = 45
SELECT a.active, b.slot r1, a.born FROM customers a JOIN orders b ON a.id = b.customer_id LEFT JOIN countries r ON r.code = b.country WHERE (a.id = 34 OR a.id = 61) ORDER BY a.born DESC
SELECT a.id, a.country AS r1, a.points r2 FROM customers a WHERE a.country IN (SELECT r.code FROM countries r WHERE r.code < 'DE') AND a.id IN (33, 38) ORDER BY a.id DESC, a.id LIMIT 0
SELECT a.is_open IS NULL, DATE(b.booked), b.code FROM entries b JOIN accounts a ON b.code = a.code AND a.tenant = b.tenant WHERE (b.code NOT IN ('q', ?, ?) AND (100000.5 = b.ratio OR b.entry_no % 3 = ?)) AND a.tenant = ? AND a.code IN (?, ?, ?, 'gz') LIMIT ? OFFSET 1
SELECT a.level, b.label FROM accounts a INNER JOIN entries AS b ON (b.code = a.code AND a.tenant = b.tenant) WHERE a.is_open <> :v3 AND a.tenant = 3 AND a.code IN (:v0, :v1, 'A', :v2) ORDER BY a.is_open IS NULL, a.cap ASC, a.tenant ASC, a.code DESC, b.tenant ASC, b.code, b.entry_no DESC LIMIT 50
SELECT a.points, a.balance, a.score FROM customers a WHERE a.id IN (SELECT b.customer_id FROM orders b WHERE b.quantity <=> -7) AND a.id IN (3, 56) ORDER BY a.score LIMIT 5 OFFSET 1
SELECT a.score*2, TRIM(b.country), IF(a.points > 2, a.points, 2) r2 FROM customers a LEFT JOIN orders b ON b.customer_id = a.id WHERE (a.id = 0 OR NOT a.active) AND ((b.amount BETWEEN :v0 AND :v1 OR b.slot != :v2) AND (b.amount <= :v3 OR b.status < :v4)) ORDER BY b.placed IS NULL DESC, b.country, a.id DESC, b.customer_id ASC, b.order_no ASC LIMIT 2 OFFSET :v5
SELECT a.tenant FROM accounts a JOIN entries b ON a.code = b.code
SELECT b.country, a.rate AS r1 FROM customers a JOIN orders b ON b.customer_id = a.id AND ? = b.customer_id ORDER BY a.created ASC, a.id DESC, b.customer_id ASC, b.order_no DESC LIMIT ?
SELECT b.ratio FROM accounts a JOIN entries b ON b.code = a.code AND a.tenant = b.tenant WHERE (a.tenant, a.code) = (4, '日') ORDER BY a.opened IS NULL DESC, a.tenant, a.tenant IS NULL DESC, a.tenant ASC, a.code DESC, b.tenant ASC, b.code, b.entry_no LIMIT 2, 10
SELECT b.status IS NULL, b.status, b.customer_id, IF(b.quantity > 2, b.quantity, 2) FROM customers a LEFT JOIN orders b ON a.id = b.customer_id WHERE a.id >= ? AND a.id < 80
SELECT balance AS r0, country, country FROM customers WHERE (email = email AND NULL <= balance) LIMIT ? OFFSET 3
SELECT code FROM countries
SELECT countries.* FROM countries WHERE code <> 'de' ORDER BY code
SELECT customers.rate r0, MAX(customers.rate) AS r1, COUNT(DISTINCT customers.name) AS r2 FROM customers WHERE 7 = customers.id AND customers.id BETWEEN 3 AND 39 GROUP BY customers.rate
SELECT d.customer_id, d.order_no + 1 r1, d.order_no DIV 2 FROM (SELECT x.customer_id, x.order_no, x.placed, x.country FROM orders AS x WHERE (x.note BETWEEN '-- no comment' AND 'zoe' OR x.country NOT LIKE '%') AND x.customer_id > 35) AS d
SELECT d.customer_id, d.quantity AS r1 FROM (SELECT orders.customer_id, orders.order_no, orders.placed, orders.country, orders.quantity FROM orders WHERE ((orders.slot BETWEEN '23:59:59' AND '00:00:00' OR orders.amount BETWEEN ? AND ?) AND orders.country BETWEEN ? AND ?) AND orders.customer_id > ? AND orders.customer_id <= ?) AS d WHERE ((d.placed >= d.placed OR d.placed NOT IN ('2024-01-01 00:00:00.000001', '2024-01-01 00:00:00.000000', '2024-01-01 00:00:00.000000')) AND d.quantity IN (?)) ORDER BY d.placed IS NULL DESC, d.quantity ASC, d.customer_id DESC, d.order_no DESC LIMIT 50 OFFSET 2
SELECT email r0, rate * 2 FROM customers x WHERE email IS NULL
SELECT id, SUM(score) OVER () FROM customers WHERE active
SELECT kind AS r0 FROM accounts WHERE (code > 'h' AND :v0 = code) LIMIT :v1 OFFSET :v2
SELECT label FROM entries AS x WHERE (tenant = 3 AND code = ? OR tenant <=> ?) AND amount > ? ORDER BY tenant DESC, label DESC, tenant, code DESC, entry_no DESC LIMIT 0
SELECT label, entry_no, amount FROM entries AS t UNION ALL SELECT label, entry_no, amount FROM entries AS t WHERE entry_no IN (5000000000, 1)
SELECT o.order_no FROM orders o WHERE o.country IN ('de', 'JP', 'DE') AND o.customer_id = 33 FOR UPDATE
SELECT o.order_no FROM orders o WHERE o.customer_id = 36 FOR UPDATE
SELECT o.order_no, (SELECT MAX(p.amount) FROM orders p WHERE p.customer_id = o.customer_id) FROM orders o WHERE o.customer_id = ?
SELECT o.order_no, (SELECT MAX(p.amount) FROM orders p WHERE p.customer_id = o.customer_id) FROM orders o WHERE o.customer_id BETWEEN ? AND 30 AND o.customer_id = 2
SELECT ok, value + 0.5 AS r1, YEAR(taken) AS r2, ok IS NULL AS r3 FROM readings t WHERE taken BETWEEN '2023-06-30 23:59:59.999999' AND '2024-01-01 00:00:00.000000' ORDER BY ok IS NULL, id LIMIT 50
SELECT orders.* FROM orders WHERE customer_id = 61 AND status BETWEEN 'paid' AND 'paid'
SELECT owner FROM accounts t WHERE opened <=> ? AND tenant = ? AND ? = code
SELECT r.code FROM customers a INNER JOIN countries r ON a.country = r.code WHERE a.id = 1 LIMIT 5 OFFSET 1
SELECT r.code, a.active IS NULL, r.title FROM customers a INNER JOIN countries r ON a.country = r.code WHERE a.active AND a.id = ? AND a.id = ? LIMIT ? OFFSET ?
SELECT r.code, b.note AS r1 FROM customers a JOIN orders b ON a.id = b.customer_id LEFT JOIN countries r ON r.code = b.country WHERE (a.id = :v0 OR a.name < a.name) ORDER BY a.id ASC, a.country DESC, a.id, b.customer_id, b.order_no ASC, r.code ASC LIMIT :v1
SELECT r.eu, r.code AS r1, a.tier, CONCAT(a.country, '!') r3 FROM customers a JOIN countries r ON r.code = a.country WHERE r.people BETWEEN 18446744073709551615 AND 0
SELECT r.people AS g0, COUNT(*) a1 FROM orders a LEFT JOIN countries r ON r.code = a.country WHERE a.customer_id = ? GROUP BY g0 HAVING a1 > 2 ORDER BY a1, 1 LIMIT 10 OFFSET ?
SELECT r.people IS NULL, CONCAT(a.name, '!'), r.title AS r2, r.eu, a.score FROM customers a LEFT JOIN countries r ON r.code = a.country WHERE ((a.id NOT IN (?, ?, ?) OR a.score <> ?) AND a.born BETWEEN ? AND ?) ORDER BY 4 DESC, 5 ASC
SELECT r.people r0, r.eu r1, a.active IS NULL, a.active, a.created FROM customers a INNER JOIN countries r ON a.country = r.code WHERE a.tier IN (?, ?, 'silver') ORDER BY a.active, 5 DESC LIMIT ?
SELECT r.title, a.country, r.code AS r2 FROM customers a JOIN countries r ON a.country = r.code WHERE r.eu <=> FALSE ORDER BY r.eu DESC, r.title IS NULL ASC, a.id DESC, r.code ASC
SELECT sensor FROM readings t WHERE value != :v0 LIMIT 5
SELECT t.booked, t.ratio FROM entries AS t WHERE (t.code <=> :v0 OR t.label = t.label) ORDER BY t.ratio DESC LIMIT 1000 OFFSET :v1
SELECT t.title, t.eu AS r1 FROM countries t WHERE (t.eu IS NULL AND (t.people IN (9223372036854775808, 0, 1) AND t.code >= t.code))
SELECT tier, country FROM customers x WHERE (active NOT IN (?) OR balance >= balance) LIMIT 0
SELECT uses AS r0, CHAR_LENGTH(word), word AS r2 FROM words x WHERE (word = 'ab' OR uses IN (3, 0)) AND (uses <=> 3 OR (sense IS NULL OR sense NOT IN ('日本語', 'zoe'))) ORDER BY sense, word IS NULL ASC, word ASC, word LIMIT 3
SELECT word AS r0, uses, MIN(uses) r2 FROM words t WHERE word IN ('o''k', 'gz') GROUP BY word, uses ORDER BY uses DESC, word
SELECT word r0, COUNT(word) FROM words AS t GROUP BY word ORDER BY MIN(sense) DESC, word ASC
SELECT words.uses, words.word, CHAR_LENGTH(words.sense) r2 FROM words
SELECT x.* FROM words AS x WHERE sense <=> 'arger' ORDER BY word DESC
SELECT x.code FROM entries AS x WHERE x.tenant = ? AND ? = x.code UNION ALL SELECT x.code FROM entries AS x WHERE x.tenant = ? AND ? = x.code AND x.booked BETWEEN ? AND '2025-03-30 02:30:00.500000'
SELECT x.eu, x.people, x.eu FROM countries x
SELECT x.note FROM orders x WHERE x.placed NOT IN ('2024-01-01 00:00:00.000000') AND x.customer_id IN (?, ?) ORDER BY x.quantity DESC, x.note DESC, x.customer_id DESC, x.order_no DESC LIMIT 0 OFFSET ?
SELECT x.tenant FROM accounts AS x WHERE ? = x.tenant AND 'ä' = x.code UNION SELECT x.tenant FROM accounts AS x WHERE ? = x.tenant AND 'ä' = x.code AND NOT (x.opened <> DATE '2000-01-01')
SELECT x.value + 0.5 r0, x.delta AS r1, x.delta r2, x.ok, x.ok r4 FROM readings x WHERE (x.id = ? OR x.id = ?) ORDER BY x.ok, x.ok
UPDATE accounts SET kind = 'GIR' WHERE tenant = 3 AND code = '?'
UPDATE countries SET people = 18446744073709551615 WHERE code = ?
UPDATE customers SET score = score + 1 WHERE id = 6
UPDATE entries SET amount = 10.0000 WHERE tenant = 4 AND code = 'o''k' AND entry_no = 1
UPDATE entries SET label = 'a"b' WHERE tenant = 4 AND code = 'q'
UPDATE entries SET ratio = :v1 WHERE tenant = 3 AND code = 'hz' AND entry_no = :v0
UPDATE orders SET note = 'back\\slash' WHERE customer_id = 31
UPDATE words SET sense = 'Bob' WHERE word = 'ab'
