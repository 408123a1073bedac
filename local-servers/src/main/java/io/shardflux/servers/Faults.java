package io.shardflux.servers;

/** Makes single servers fail and come back. */
interface Faults {

  /** Ends the server at once, as a crash would. */
  void kill(DatabaseServer server);

  /** Stops the server from running; its connections stay open and say nothing. */
  void pause(DatabaseServer server);

  /** Lets a paused server run on. */
  void resume(DatabaseServer server);

  /** Starts an ended server on its own data and port. */
  void restart(DatabaseServer server);
}
