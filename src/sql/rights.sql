-- What the account of docker-compose.yml needs besides all rights on its database: PROCESS for moves of rows,
-- XA_RECOVER_ADMIN for transactions over shards. An account of your own takes its name's place.
GRANT PROCESS, XA_RECOVER_ADMIN ON *.* TO shardflux;
