// The SQLite calls that Swift cannot make because they are variadic, or take what is meant as untyped. The
// connection is passed as an untyped pointer so that this header needs no sqlite3.h of its own beside the one the
// Swift side imports.
#ifndef TIDINGS_CSQLITE_H
#define TIDINGS_CSQLITE_H

/// sqlite3_db_config(connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL)
int csqlite_no_checkpoint_on_close(void *connection);

/// Whether another process has a transaction open on the main database, a reading or a writing one: one
/// fcntl(2) that asks for locks and takes none (SQLITE_FCNTL_EXTERNAL_READER). True when it cannot be told.
int csqlite_is_in_use_elsewhere(void *connection);

#endif
